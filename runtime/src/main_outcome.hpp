// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/cancel_cause.hpp>

#include <exception>

namespace covey::detail {

// What run() throws when main has ended without a value: its error, the cause that stopped it, or
// both, if it failed after it `was_cancelled` from outside.
[[noreturn]] void throw_main_outcome(const std::exception_ptr& error, bool was_cancelled,
                                     const cancel_cause& cause);

}  // namespace covey::detail
