// SPDX-License-Identifier: BSL-1.0
//
// Restarting: the budget, the delay, and groups.
//
// A group restart stops the running children of its set, the last one first, waits, and starts
// them again in order. While it stops or waits, a failure inside the set only joins it; one below
// widens it. Only while it starts may its lower end move up, to the child that fails: those below
// are up already. (SV16, SV16a)

#include "supervisor_core.hpp"

#include <covey/lowlevel/random.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace covey::detail {

namespace {

std::string restarts(unsigned count) {
    return fmt::format("{} {}", count, count == 1 ? "restart" : "restarts");
}

}  // namespace

bool supervisor_core::joins_group_restart(const child_slot& child) const noexcept {
    using phase = group_restart::phase;
    return (group_.now_in == phase::stopping || group_.now_in == phase::waiting) &&
           child.id.value >= group_.lowest;
}

void supervisor_core::incident(child_slot& child, std::exception_ptr error) {
    if (joins_group_restart(child)) {
        child.incident = group_.incident;
        log(event::joined, &child, error);
        remember(child, error);
        set_state(child, child_state::down);
        return;
    }
    child.incident = ++incidents_;
    log(event::incident, &child, error);
    remember(child, error);
    count_incident(child);
    if (!budget_allows(child)) {
        give_up(child, std::move(error));
        return;
    }
    const duration delay =
        restart_delay(options_.backoff, child.incidents_in_a_row, lowlevel::random_number());
    if (options_.strategy == strategy::one_for_one)
        back_off(child, delay);
    else
        begin_group_restart(child, delay);
}

void supervisor_core::count_incident(child_slot& child) const noexcept {
    const bool was_calm = child.ready_since != time_point::max() &&
                          now() - child.ready_since >= calm_after(options_.backoff);
    if (was_calm) child.incidents_in_a_row = 0;
    ++child.incidents_in_a_row;
}

bool supervisor_core::budget_allows(child_slot& child) {
    if (child.incidents_in_a_row > child.options.max_consecutive.value_or(~0U)) {
        const unsigned most = *child.options.max_consecutive;
        exceeded_ = fmt::format("more than {} of child '{}' in a row", restarts(most), child.name);
        return false;
    }
    restart_window* window = &window_;
    if (options_.budget == budget_scope::child) {
        if (child.window == nullptr)
            child.window = new restart_window(options_.intensity, options_.period);
        window = child.window;
    }
    if (window->allow(now())) return true;
    exceeded_ = fmt::format("more than {} in {:g} s", restarts(options_.intensity),
                            static_cast<double>(options_.period.count()) / 1e9);
    return false;
}

void supervisor_core::back_off(child_slot& child, duration delay) {
    log(event::backoff, &child, nullptr, delay);
    child.before_restart(true, 0, later(now(), delay));
    if (delay == duration::zero()) {
        start_incarnation(child);
        return;
    }
    set_state(child, child_state::backoff);
    set_deadline(child, later(now(), delay));
}

void supervisor_core::begin_group_restart(child_slot& child, duration delay) {
    using phase = group_restart::phase;
    if (group_.now_in == phase::stopping) delay = std::max(delay, group_.delay);
    if (group_.now_in == phase::waiting) delay = std::max(delay, group_.resume_at - now());
    set_state(child, child_state::down);
    group_ = {.now_in = phase::stopping,
              .lowest = options_.strategy == strategy::one_for_all ? 0 : child.id.value,
              .cursor = ~std::uint64_t{0},
              .delay = delay,
              .resume_at = {},
              .incident = child.incident};
}

// True: it has come a step on, and the next may be possible at once.
bool supervisor_core::step_group_restart() {
    using phase = group_restart::phase;
    switch (group_.now_in) {
        case phase::none: return false;
        case phase::stopping: return stop_group();
        case phase::starting: return start_group();
        case phase::waiting: break;
    }
    if (now() < group_.resume_at) return false;
    group_.now_in = phase::starting;
    group_.cursor = group_.lowest;
    return true;
}

bool supervisor_core::stop_group() {
    if (child_slot* last = highest_running(group_.lowest, group_.cursor)) {
        group_.cursor = last->id.value;
        if (last->purpose != stop_purpose::for_good)
            ask_to_stop(*last, stop_purpose::group_restart);
        return false;
    }
    log(event::backoff, nullptr, nullptr, group_.delay);
    group_.now_in = group_restart::phase::waiting;
    group_.resume_at = later(now(), group_.delay);
    for (auto each = table_.lower_bound(group_.lowest); each != table_.end(); ++each)
        if (!each->second->is_over())
            each->second->before_restart(false, group_.lowest, group_.resume_at);
    return true;
}

// One after the other: the next is started when the one before is ready. Those that have ended
// for good are not brought back. (SV7, SV16)
bool supervisor_core::start_group() {
    for (auto each = table_.lower_bound(group_.cursor); each != table_.end(); ++each) {
        const counted_ref<child_slot> child = each->second;
        group_.cursor = child->id.value;
        switch (child->state.load(lowlevel::order::relaxed)) {
            case child_state::starting:
            case child_state::stopping:
                return false;  // nor is the next one started before it ended
            case child_state::absent:
            case child_state::down:
            case child_state::backoff: start_incarnation(*child); return !child->runs;
            default: break;
        }
    }
    group_ = {};
    return false;
}

// The last eight, the latest one first, and how many there were before.
void supervisor_core::remember(const child_slot& child, const std::exception_ptr& error) noexcept
    try {
    constexpr std::size_t most = 9;  // the one that is one too many, and eight before it
    failures_.push_front({fmt::format("{}/{}", name_, child.name), child.id,
                          child.incarnation.load(lowlevel::order::relaxed), child.incident, now(),
                          error});
    if (failures_.size() <= most) return;
    failures_.pop_back();
    ++failures_dropped_;
} catch (...) {  // no memory to remember with
    ++failures_dropped_;
}

void supervisor_core::give_up(child_slot& child, std::exception_ptr error) {
    if (!error) {
        error = std::make_exception_ptr(
            child_returned_error(fmt::format("permanent child '{}' returned", child.name)));
    }
    log(event::gave_up, nullptr, error);
    gave_up_ = true;
    end_slot(child, child_state::removed, exit_reason::gave_up, error);
    fail(std::move(error));
}

}  // namespace covey::detail
