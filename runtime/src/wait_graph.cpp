// SPDX-License-Identifier: BSL-1.0
#include "wait_graph.hpp"

#include "describe.hpp"
#include "runtime_core.hpp"

#include <fmt/format.h>

#include <algorithm>

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
    for (const task_record* each : report.tasks()) {
        text += fmt::format("'{}' waits for the end of '{}'\n", task_name(task), task_name(*each));
        edges[&task].push_back(each);
    }
    return text;
}

// From each task along the first edge until one comes twice: with one edge each that finds every
// circle, with more it finds one that is surely there.
std::string wait_graph::circle_in(const edge_list& edges) {
    for (const auto& [start, ignored] : edges) {
        user_list path{start};
        for (auto here = edges.find(start); here != edges.end() && !here->second.empty();
             here = edges.find(path.back())) {
            const task_record* next = here->second.front();
            const auto before = std::find(path.begin(), path.end(), next);
            const bool closes = before != path.end();
            if (closes) path.erase(path.begin(), before);
            path.push_back(next);
            if (closes) return "a circle: " + list(path) + "\n";
        }
    }
    return {};
}

}  // namespace covey::detail
