// SPDX-License-Identifier: BSL-1.0
#pragma once

// What blocks are made of (with_nursery, fail_after, finally, ...), for those who write one more:
//
//   settle         awaits a body and stops unwinding there: value, error or stop
//   pass_stop_on   ends the frame stopped, as if nothing had been in between
//   scope_block    a cancel scope around a part of a coroutine
//   nursery_block  a nursery and the steps of its block
//
// A block enters what it needs, settles its body, leaves, and then decides: rethrow, pass the stop
// on, or go on. detail/with_nursery.hpp shows how.

#include <covey/detail/scope_block.hpp>
#include <covey/detail/settle.hpp>
#include <covey/nursery.hpp>

namespace covey::lowlevel {

using detail::nursery_block;
using detail::pass_stop_on;
using detail::scope_block;
using detail::settle;
using detail::settled;

}  // namespace covey::lowlevel
