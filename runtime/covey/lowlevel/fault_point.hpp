// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/atomic.hpp>

namespace covey::lowlevel {

// How many testing::sweep_callbacks() are at work.
extern constinit atomic<unsigned> callback_sweeps;
void meet_fault_point();

// Stands before a call of what a user has given, where that call's errors are caught. Throws
// testing::injected_error when a sweep wants the call to fail; else does nothing, in two
// instructions.
inline void fault_point() {
    if (callback_sweeps.load(order::relaxed) != 0) [[unlikely]]
        meet_fault_point();
}

}  // namespace covey::lowlevel
