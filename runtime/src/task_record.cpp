// SPDX-License-Identifier: BSL-1.0
#include <covey/detail/task_record.hpp>

#include "runtime_core.hpp"
#include "scope_tree.hpp"
#include "worker.hpp"

#include <covey/detail/child.hpp>
#include <covey/lowlevel/census.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <stdexcept>

namespace covey::detail {

using lowlevel::count;
using lowlevel::counted;

void task_record::wake() noexcept {
    phase.store(task_phase::ready, lowlevel::order::relaxed);
    core->scheduler().enqueue(*this);
}

void task_record::wake_next() noexcept {
    phase.store(task_phase::ready, lowlevel::order::relaxed);
    core->scheduler().hand_over(*this);
}

void complete_into(ready_chain& woken, lowlevel::wait_node& node) noexcept {
    auto& task = static_cast<task_record&>(*node.who);
    count(counted::waiters, -1);
    task.phase.store(task_phase::ready, lowlevel::order::relaxed);
    woken.add(task);
}

task_record& current_task(const char* attempt) {
    task_record* task = current_task_or_null();
    if (task == nullptr) {
        throw std::logic_error(
            fmt::format("covey: '{}' outside a task: it works in what covey::run() runs", attempt));
    }
    return *task;
}

void plain_base::keep_name(std::string_view name) {
    auto* const copy = static_cast<char*>(std::malloc(name.size() + 1));
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, name.data(), name.size());
    copy[name.size()] = '\0';
    label.store(copy, lowlevel::order::relaxed);
    is_named = true;
}

void plain_base::drop_name() noexcept {
    std::free(const_cast<char*>(label.load(lowlevel::order::relaxed)));
}

std::string_view plain_base::given_name() const noexcept {
    return is_named ? std::string_view(label.load(lowlevel::order::relaxed)) : std::string_view();
}

const char* function_name(const task_record& task) noexcept {
    const char* name = task.is_named ? nullptr : task.label.load(lowlevel::order::relaxed);
    return name == nullptr ? task.callable_name() : name;
}

std::string task_name(const task_record& task) {
    if (const std::string_view given = task.given_name(); !given.empty()) return std::string(given);
    return pretty_function(function_name(task));
}

namespace {

// Cuts a bracketed part that begins at `open`, e.g. template arguments; gives where it ends.
std::size_t end_of_brackets(std::string_view text, std::size_t open) {
    int depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
        if (text[i] == '<' || text[i] == '(' || text[i] == '[') ++depth;
        if (text[i] == '>' || text[i] == ')' || text[i] == ']') --depth;
        if (depth == 0) return i + 1;
    }
    return text.size();
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// "covey::task<int> app::worker(int) [with T = int]" -> "app::worker"
std::string_view bare_function(std::string_view text) {
    constexpr std::string_view anonymous[] = {
        "(anonymous namespace)::", "{anonymous}::", "<unnamed>::"};
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        const auto* unnamed =
            std::find_if(std::begin(anonymous), std::end(anonymous),
                         [&](std::string_view each) { return text.substr(i).starts_with(each); });
        if (unnamed != std::end(anonymous)) {
            start = i += unnamed->size();
        } else if (c == '<') {
            i = end_of_brackets(text, i);
        } else if (c == '(') {
            return text.substr(start, i - start);
        } else {
            ++i;
            if (c == ' ' || c == '*' || c == '&') start = i;
        }
    }
    return text.substr(start);
}

}  // namespace

// Compilers spell a function in full; people want its name. Lambdas have none: where they stand.
std::string pretty_function(const char* name) {
    std::string_view text = name;
    constexpr std::string_view type_prefixes[] = {"[F = ", "[with F = "};
    for (const std::string_view prefix : type_prefixes) {
        const std::size_t at = text.find(prefix);
        if (at == std::string_view::npos || !has(text, "callable_type_name")) continue;
        text.remove_prefix(at + prefix.size());
        if (text.ends_with(']')) text.remove_suffix(1);
        return std::string(has(text, "lambda") ? "lambda" : text);
    }
    const std::size_t closure = text.find("(anonymous class)");
    if (closure != std::string_view::npos || has(text, "<lambda") || text == "operator()") {
        std::string_view outside = text.substr(0, closure);
        if (outside.ends_with("::")) outside.remove_suffix(2);
        outside = bare_function(outside);
        if (outside.empty() || outside == "operator()") return "lambda";
        return fmt::format("lambda in {}", outside);
    }
    std::string_view bare = bare_function(text);
    constexpr std::string_view call_operator = "::operator";  // an object that is called
    if (bare.ends_with(call_operator)) bare.remove_suffix(call_operator.size());
    return std::string(bare.empty() ? text : bare);
}

}  // namespace covey::detail
