// SPDX-License-Identifier: BSL-1.0
// A line on standard error that says how far it is, when that is a terminal.
#pragma once

#include "meters.hpp"

#include <covey/covey.hpp>

namespace wordcrunch {

// Redraws the line ten times a second until it is cancelled: a service of a nursery. The line is
// gone when it ends.
covey::task<> show_progress(const meters& seen);

}  // namespace wordcrunch
