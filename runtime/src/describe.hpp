// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <string>

namespace covey::detail {

// "std::runtime_error: boom"
[[nodiscard]] std::string describe(const std::exception_ptr& error);

}  // namespace covey::detail
