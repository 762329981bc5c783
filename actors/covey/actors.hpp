// SPDX-License-Identifier: BSL-1.0
#pragma once

// The actors room: state with a name, restarts, and messages to it.

#include <covey/actor.hpp>
#include <covey/actor_error.hpp>
#include <covey/actor_ref.hpp>
#include <covey/child_options.hpp>
#include <covey/dead_letters.hpp>
#include <covey/registry.hpp>
#include <covey/topic.hpp>
