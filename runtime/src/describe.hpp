// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace covey::detail {

// "std::runtime_error: boom"
[[nodiscard]] std::string describe(const std::exception_ptr& error);

class runtime_core;
class task_record;

// As dump_task_tree(), from the run's worker between two turns.
[[nodiscard]] std::string task_tree(runtime_core& core);
// Main and every child that has not ended; likewise.
[[nodiscard]] std::vector<const task_record*> living_tasks(runtime_core& core);
// A task of the run as a thread sees it that keeps the run from ending; null: it has ended.
struct task_sight {
    std::string name;
    std::string place;  // where it waited last: "main.cpp:12"; empty: it never did
};
[[nodiscard]] std::optional<task_sight> look_at(runtime_core& core, const task_record* task);
// "In task 'x' of", and the tree below it; empty where that can't be told now.
[[nodiscard]] std::string task_tree_if_possible() noexcept;

}  // namespace covey::detail
