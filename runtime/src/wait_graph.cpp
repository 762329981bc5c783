// SPDX-License-Identifier: BSL-1.0
#include "wait_graph.hpp"

#include "describe.hpp"
#include "runtime_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace covey::detail {

using lowlevel::wait_report;

namespace {

std::string list(const std::vector<const task_record*>& tasks) {
    std::string text;
    for (const task_record* each : tasks)
        text += fmt::format("{}'{}'", text.empty() ? "" : ", ", task_name(*each));
    return text;
}

}  // namespace

void wait_graph::note_use(const task_record& task, const void* object, wait_report::use how) {
    user_list& users = users_[{object, how}];
    if (std::find(users.begin(), users.end(), &task) == users.end()) users.push_back(&task);
}

void wait_graph::forget(const task_record& task) noexcept {
    for (auto& [object, users] : users_) std::erase(users, &task);
}

const wait_graph::user_list& wait_graph::users_of(const wait_report::thing& thing) const {
    static const user_list nobody;
    const auto found = users_.find({thing.object, thing.ended_by});
    return found == users_.end() ? nobody : found->second;
}

std::string wait_graph::explain(runtime_core& core) const {
    edge_list edges;
    std::string text;
    for (const task_record* task : living_tasks(core)) text += tell(*task, edges);
    return text + circle_in(edges);
}

std::string wait_graph::explain_waits(runtime_core& core) {
    wait_graph graph;
    graph.knows_users_ = false;
    return graph.explain(core);
}

std::string wait_graph::tell(const task_record& task, edge_list& edges) const {
    const lowlevel::wait_operation* operation = task.word.claimed();
    if (operation == nullptr) return {};
    wait_report report;
    operation->tell(report);
    std::string text;
    for (const wait_report::thing& each : report.things()) {
        const user_list& users = users_of(each);
        text += fmt::format("'{}' waits for {} on {}", task_name(task), operation->traits().verb,
                            each.name);
        if (knows_users_)
            text += users.empty() ? ": the other end is open, and nobody who is left has used it"
                                  : ": the other end is used by " + list(users);
        text += '\n';
        user_list& to = edges[&task];
        to.insert(to.end(), users.begin(), users.end());
    }
    for (const auto& [whom, what] : report.tasks()) {
        const auto* other = static_cast<const task_record*>(whom);
        text += fmt::format("'{}' waits for {} '{}'\n", task_name(task), what, task_name(*other));
        edges[&task].push_back(other);
    }
    return text;
}

// Depth first: one that comes again on the way to itself closes a circle.
std::string wait_graph::circle_in(const edge_list& edges) {
    struct step {
        const task_record* task;
        std::size_t next = 0;  // of its edges
    };
    std::set<const task_record*> done;
    for (const auto& [start, ignored] : edges) {
        std::vector<step> path{{start}};
        while (!path.empty()) {
            step& here = path.back();
            const auto from = edges.find(here.task);
            if (done.contains(here.task) || from == edges.end() ||
                here.next == from->second.size()) {
                done.insert(here.task);
                path.pop_back();
                continue;
            }
            const task_record* next = from->second[here.next++];
            const auto before = std::find_if(path.begin(), path.end(),
                                             [&](const step& each) { return each.task == next; });
            if (before == path.end()) {
                path.push_back({next});
                continue;
            }
            user_list circle;
            for (auto each = before; each != path.end(); ++each) circle.push_back(each->task);
            circle.push_back(next);
            return "a circle: " + list(circle) + "\n";
        }
    }
    return {};
}

}  // namespace covey::detail
