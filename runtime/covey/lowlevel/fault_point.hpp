// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace covey::lowlevel {

// Stands before a call of what a user has given, where that call's errors are caught. Throws
// testing::injected_error when testing::sweep_callbacks() wants the call to fail; else does
// nothing, in some six instructions.
void fault_point();

}  // namespace covey::lowlevel
