// SPDX-License-Identifier: BSL-1.0
//
// Stopping one child, and closing.
//
// A child that has to end is asked to; after `grace` it is cancelled, after `hard` its shields are
// pierced, and a while after that it is called unresponsive. It is never left behind. (SV11)

#include "supervisor_core.hpp"

#include <covey/error.hpp>
#include <covey/inspect.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

namespace covey::detail {

using lowlevel::mutex_guard;

namespace {

constexpr const char* reason = "stopped by its supervisor";

stop_rung next_after(stop_rung rung) noexcept {
    return static_cast<stop_rung>(static_cast<int>(rung) + 1);
}

// When a child that was asked at `asked_at` comes to the rung.
time_point due(time_point asked_at, stop_rung rung, duration grace, duration hard) noexcept {
    constexpr duration shortest = std::chrono::seconds(1);
    switch (rung) {
        case stop_rung::none:
        case stop_rung::asked: return asked_at;
        case stop_rung::cancelled: return later(asked_at, std::min(grace, hard));
        case stop_rung::pierced: return later(asked_at, hard);
        case stop_rung::unresponsive: break;
    }
    return later(later(asked_at, hard), std::max(hard - std::min(grace, hard), shortest));
}

}  // namespace

// `first`: the rung to begin with. Asked again, the sterner purpose holds and it only climbs.
void supervisor_core::ask_to_stop(child_slot& child, stop_purpose purpose, stop_rung first) {
    const bool is_new = child.purpose == stop_purpose::none;
    if (is_new || purpose == stop_purpose::for_good || child.purpose == stop_purpose::restart_alone)
        child.purpose = purpose;
    child.why.store(
        child.purpose == stop_purpose::for_good ? exit_reason::stopped : exit_reason::restarting,
        lowlevel::order::relaxed);
    if (is_new) {
        child.asked_at = now();
        set_state(child, child_state::stopping);
        climb(child);
    }
    if (!is_new && purpose == stop_purpose::for_good) child.stop_politely(true);
    while (rung_of(child) < first) climb(child);
}

// A supervisor inside has its own children's times and the deadlines above: unless the child was
// given a limit of its own, it isn't pierced before that supervisor has closed. (SV10)
bool supervisor_core::leaves_time_to_supervisors(const child_slot& child) noexcept {
    return child.options.hard == child_options{}.hard &&
           child.supervisors_inside.load(lowlevel::order::relaxed) != 0;
}

// To the next rung, and on as long as its time has come.
void supervisor_core::climb(child_slot& child) {
    const stop_rung rung = next_after(rung_of(child));
    child.pierce_is_due = rung == stop_rung::pierced && leaves_time_to_supervisors(child);
    if (child.pierce_is_due) return;
    std::optional<scope_handle> scope;
    {
        const mutex_guard held(lock_);
        child.rung = rung;
        scope = child.scope;  // none: it will see the rung when it has one
    }
    switch (rung) {
        case stop_rung::none: break;
        case stop_rung::asked:
            log(event::asked_to_stop, &child);
            if (scope) scope->soft_cancel(reason);
            // One that wasn't ready in time will be started again: its address stays.
            child.stop_politely(child.purpose == stop_purpose::for_good && !child.start_timed_out);
            break;
        case stop_rung::cancelled:
            log(event::cancelled, &child);
            if (scope) scope->cancel(reason);
            break;
        case stop_rung::pierced:
            log(event::pierced, &child);
            child.asked_at = now() - child.options.hard;  // it may come late: see above
            if (scope) scope->pierce(reason);
            break;
        case stop_rung::unresponsive: report_unresponsive(child); break;
    }
    if (rung == stop_rung::unresponsive) return;
    const time_point when =
        due(child.asked_at, next_after(rung), child.options.grace, child.options.hard);
    if (when <= now())
        climb(child);
    else
        set_deadline(child, when);
}

stop_rung supervisor_core::rung_of(child_slot& child) noexcept {
    const mutex_guard held(lock_);
    return child.rung;
}

void supervisor_core::report_unresponsive(const child_slot& child) {
    log(event::unresponsive, &child);
    if (options_.unresponsive == unresponsive::wait) return;
    const std::string text = fmt::format(
        "covey: child '{}' of supervisor '{}' doesn't end although its shields were pierced: it "
        "neither awaits nor returns. Terminating.\n{}",
        child.name, name_, dump_task_tree());
    std::fputs(text.c_str(), stderr);
    std::terminate();
}

// From here on nothing is started. (SV12)
void supervisor_core::begin_close(body_ends how) {
    if (!std::exchange(closing_, true)) {
        {
            const mutex_guard held(lock_);
            refuses_ = true;
        }
        log(event::closing, nullptr);
        group_ = {};
        cut_short_ = living_ != 0 && scope_->soft_cancelled();
        close_by_ = later(now(), options_.close_deadline);
        for (const counted_ref<child_slot>& child : all_slots()) {
            if (child->is_over()) continue;
            const bool starts =
                child->state.load(lowlevel::order::relaxed) == child_state::starting;
            if (!child->runs)
                stop_for_good(*child);
            else if (starts)
                ask_to_stop(*child, stop_purpose::for_good, stop_rung::cancelled);
            else if (child->purpose != stop_purpose::none ||
                     options_.stop_order == stop_order::together)
                ask_to_stop(*child, stop_purpose::for_good);
        }
    }
    stop_body(how);
}

// The body is stopped as a child with the default options is, or cancelled.
void supervisor_core::stop_body(body_ends how) {
    if (heard_body_end_) return;
    if (body_rung_ == stop_rung::none) {
        body_asked_at_ = now();
        climb_for_body();
    }
    if (how == body_ends::at_once && body_rung_ == stop_rung::asked) climb_for_body();
}

void supervisor_core::climb_for_body() {
    const child_options ladder;
    body_rung_ = next_after(body_rung_);
    switch (body_rung_) {
        case stop_rung::asked: body_->soft_cancel(close_reason_); break;
        case stop_rung::cancelled: body_->cancel(close_reason_); break;
        case stop_rung::pierced: body_->pierce(close_reason_); break;
        default: break;
    }
    body_deadline_ = body_rung_ >= stop_rung::pierced
                         ? time_point::max()
                         : due(body_asked_at_, next_after(body_rung_), ladder.grace, ladder.hard);
}

// One after the other, the one started last first, each to its full end. (SV9)
void supervisor_core::step_close() {
    child_slot* last = highest_running(0, close_cursor_);
    if (last == nullptr) return;
    close_cursor_ = last->id.value;
    if (last->purpose == stop_purpose::none) ask_to_stop(*last, stop_purpose::for_good);
}

// The order has had its time: what is left is cancelled together, also under supervisors further
// down. (SV10)
void supervisor_core::close_deadline_passed() {
    close_by_ = time_point::max();
    log(event::close_deadline, nullptr);
    for (const counted_ref<child_slot>& child : all_slots()) {
        if (!child->runs) continue;
        ask_to_stop(*child, stop_purpose::for_good, stop_rung::cancelled);
        std::optional<scope_handle> scope;
        {
            const mutex_guard held(lock_);
            scope = child->scope;
        }
        if (scope) cancel_through(*scope, shield_strength::yielding, reason);
    }
}

bool supervisor_core::should_close() const noexcept {
    const bool all_done = heard_body_end_ && living_ == 0;
    switch (options_.close_when) {
        case close_when::all_done: return all_done;
        case close_when::cancelled: return false;
        case close_when::any_significant: return significant_ended_ != 0 || all_done;
        case close_when::all_significant:
            return (significant_ended_ != 0 && significant_living_ == 0) || all_done;
    }
    return false;
}

bool supervisor_core::is_done() noexcept {
    const mutex_guard held(lock_);
    return living_ == 0 && heard_body_end_ && posted_.empty();
}

// Only the manager changes the table, so it may look without the lock.
child_slot* supervisor_core::highest_running(std::uint64_t from, std::uint64_t to) const noexcept {
    auto each = table_.upper_bound(to);
    while (each != table_.begin()) {
        --each;
        if (each->first < from) break;
        if (each->second->runs) return each->second.get();
    }
    return nullptr;
}

}  // namespace covey::detail
