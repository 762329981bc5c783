// SPDX-License-Identifier: BSL-1.0
#pragma once

// The core of covey: every room that needs neither CAF nor Asio.

#include <covey/actors.hpp>
#include <covey/channels.hpp>
#include <covey/runtime.hpp>
