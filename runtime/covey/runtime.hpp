// SPDX-License-Identifier: BSL-1.0
#pragma once

// The runtime room: tasks, nurseries, cancellation, time, threads.

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/clock.hpp>
#include <covey/config.hpp>
#include <covey/embedded_runtime.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/from_callback.hpp>
#include <covey/future.hpp>
#include <covey/inspect.hpp>
#include <covey/join_handle.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/run.hpp>
#include <covey/shield.hpp>
#include <covey/task.hpp>
#include <covey/task_status.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>
#include <covey/watchdog.hpp>
