// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <string>

namespace covey::detail {

// "std::runtime_error: boom"
[[nodiscard]] std::string describe(const std::exception_ptr& error);

// "In task 'x' of", and the tree below it; empty where that can't be told now.
[[nodiscard]] std::string task_tree_if_possible() noexcept;

}  // namespace covey::detail
