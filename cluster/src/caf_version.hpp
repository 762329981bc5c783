// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one place that knows which CAF this is. What the room uses of CAF is public since long, but
// for the scheduler: its interface changed with each of 0.18, 0.19 and 1.0.

#include <caf/config.hpp>

#if CAF_VERSION < 1705 || CAF_VERSION >= 1800
#error "covey: the cluster room is written for CAF 0.17 (0.17.5 and later)"
#endif
