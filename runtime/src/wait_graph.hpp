// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/wait_report.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey::detail {

class runtime_core;

// Which tasks have used which end of what, and with it who could end whose wait.
class wait_graph {
 public:
    void note_use(const task_record& task, const void* object, lowlevel::wait_report::use how);
    // Its record may become another task's.
    void forget(const task_record& task) noexcept;
    // Of a run in which nothing can go on: a line for each wait that tells what it waits for, and a
    // circle, if there is one.
    [[nodiscard]] std::string explain(runtime_core& core) const;
    // The same of a run whose tasks nobody has watched, so who uses what isn't known.
    [[nodiscard]] static std::string explain_waits(runtime_core& core);

 private:
    using user_list = std::vector<const task_record*>;
    using edge_list = std::map<const task_record*, user_list>;

    [[nodiscard]] const user_list& users_of(const lowlevel::wait_report::thing& thing) const;
    [[nodiscard]] std::string tell(const task_record& task, edge_list& edges) const;
    [[nodiscard]] static std::string circle_in(const edge_list& edges);

    bool knows_users_ = true;
    std::map<std::pair<const void*, lowlevel::wait_report::use>, user_list> users_;
};

}  // namespace covey::detail
