// SPDX-License-Identifier: BSL-1.0
//
// The manager: hears what has happened and decides.
//
//   absent -> starting -> running -> stopping -> stopped | completed | removed
//                 \           \__________________/
//                  \-> down -> backoff -> starting ...

#include "supervisor_core.hpp"

#include <covey/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::mutex_guard;

namespace {

std::exception_ptr not_ready_in_time(const child_slot& child) {
    return std::make_exception_ptr(too_slow_error(
        fmt::format("child '{}' wasn't ready within its start_limit of {:g} s", child.name,
                    static_cast<double>(child.options.start_limit.count()) / 1e9)));
}

}  // namespace

task<> supervisor_core::manage() {
    co_await stands_for_its_caller();
    for (;;) {
        try {
            if (take_a_turn()) break;
        } catch (...) {
            survive_defect(std::current_exception());
            continue;
        }
        co_await alarm_->wait(next_deadline(), closing_ ? nullptr : scope_);
    }
    log(event::closed, nullptr);
}

// True: nothing is left to manage.
bool supervisor_core::take_a_turn() {
    take_news();
    if (!closing_ && scope_->soft_cancelled()) begin_close(body_ends::when_asked);
    hear_news();
    fire_deadlines();
    while (step_group_restart()) continue;
    if (!closing_ && should_close()) begin_close(body_ends::when_asked);
    if (closing_ && !has_defect_) step_close();
    return closing_ && is_done();
}

// What others have posted, in the order of the children's start.
void supervisor_core::take_news() {
    bool stop_all = false;
    bool body_ended = false;
    std::exception_ptr body_error;
    {
        const mutex_guard held(lock_);
        for (child_slot* each = posted_.front(); each != nullptr; each = posted_.after(*each))
            each->heard = std::exchange(each->posted, {});
        heard_.splice_back(posted_);
        sort_heard();
        stop_all = std::exchange(stop_all_, false);
        if (!stop_all_reason_.empty()) close_reason_ = std::exchange(stop_all_reason_, {});
        body_ended = body_ended_ && !std::exchange(heard_body_end_, body_ended_);
        if (body_ended) body_error = std::exchange(body_error_, nullptr);
    }
    if (body_ended) body_deadline_ = time_point::max();
    if (body_error && !is_about_closing(body_error)) {
        primary_is_of_body_ = !primary_;
        fail(body_error);
    } else if (stop_all) {
        begin_close(body_ends::when_asked);
    }
}

// Locked. Most often they are in order; without memory to sort in they stay as they came.
void supervisor_core::sort_heard() noexcept try {
    bool is_sorted = true;
    const child_slot* before = nullptr;
    for (child_slot* each = heard_.front(); each != nullptr; each = heard_.after(*each)) {
        is_sorted = is_sorted && (before == nullptr || before->id < each->id);
        before = each;
    }
    if (is_sorted) return;
    std::vector<child_slot*> sorted;
    for (child_slot* each = heard_.front(); each != nullptr; each = heard_.after(*each))
        sorted.push_back(each);
    std::sort(sorted.begin(), sorted.end(),
              [](const child_slot* a, const child_slot* b) { return a->id < b->id; });
    for (child_slot* each : sorted) {
        heard_.remove(*each);
        heard_.push_back(*each);
    }
} catch (...) {
}

// Outcomes come first, the child started first before the others, so that the order in which
// children happened to end doesn't matter. (SV16b, SV16c)
void supervisor_core::hear_news() noexcept {
    const auto each_of_them = [this](auto step) {
        for (child_slot* each = heard_.front(); each != nullptr; each = heard_.after(*each))
            take_step(*each, [&] { step(*each); });
    };
    each_of_them([this](child_slot& child) {
        if (child.heard.fresh) enter_table(child);
        if (child.heard.ready) became_ready(child);
    });
    each_of_them([this](child_slot& child) {
        if (child.heard.ended) has_ended(child, *child.heard.ended);
    });
    each_of_them([this](child_slot& child) { hear_requests(child, child.heard); });
    forget_news();
}

// Those who have posted meanwhile are heard in the next turn.
void supervisor_core::forget_news() noexcept {
    for (;;) {
        child_slot* child = nullptr;
        child_slot::news old;  // what is in it ends without the lock
        {
            const mutex_guard held(lock_);
            child = heard_.pop_front();
            if (child == nullptr) return;
            old = std::exchange(child->heard, {});
            if (child->posted.any()) {
                posted_.push_back(*child);
                continue;
            }
        }
        child->drop_reference();  // the list's
    }
}

// A step that throws, because there is no memory, ends what it was about: this child and, together,
// all others.
template <class Step>
void supervisor_core::take_step(child_slot& child, Step step) noexcept {
    try {
        step();
    } catch (...) {
        survive_defect(std::current_exception());
        if (child.heard.ended) keep_error(child.heard.ended->error);
    }
}

void supervisor_core::hear_requests(child_slot& child, const child_slot::news& news) {
    if (child.pierce_is_due) climb(child);
    if (child.is_over() || closing_) return;  // closing stops all of them, in its order
    if (news.fresh && !joins_group_restart(child) &&
        group_.now_in != group_restart::phase::starting)
        start_incarnation(child);
    if (news.abandon) {
        if (child.runs)
            ask_to_stop(child, stop_purpose::for_good, stop_rung::cancelled);
        else
            stop_for_good(child);
    } else if (news.stop) {
        stop_for_good(child);
    } else if (news.restart) {
        restart_alone(child);
    }
}

void supervisor_core::enter_table(child_slot& fresh) noexcept {
    ++living_;
    if (fresh.options.significant) ++significant_living_;
    {
        const mutex_guard held(lock_);
        auto place = admitted_.extract(fresh.id.value);
        const locked table_held(table_lock_);
        table_.insert(std::move(place));
    }
    if (closing_) end_slot(fresh, child_state::stopped, exit_reason::stopped, nullptr);
}

void supervisor_core::start_incarnation(child_slot& child) {
    using lowlevel::order;
    set_deadline(child, time_point::max());
    const std::uint64_t number = child.incarnation.load(order::relaxed) + 1;
    {
        const mutex_guard held(lock_);
        child.rung = stop_rung::none;
        child.incarnation.store(number, order::relaxed);
    }
    if (number > 1) child.restarts.store(number - 1, order::relaxed);
    child.ready_since = time_point::max();
    child.start_timed_out = false;
    child.pierce_is_due = false;
    child.purpose = stop_purpose::none;
    child.why.store(exit_reason::cancelled, order::relaxed);
    child.own_verdict = verdict::restart;
    set_state(child, child_state::starting);
    log(event::start, &child);
    set_deadline(child, later(now(), child.options.start_limit));
    child.runs = true;
    spawn_incarnation(child);
}

void supervisor_core::became_ready(child_slot& child) {
    if (!child.runs || child.state.load(lowlevel::order::relaxed) != child_state::starting) return;
    child.was_ever_ready = true;
    child.ready_since = now();
    set_deadline(child, time_point::max());
    set_state(child, child_state::running);
    log(event::ready, &child);
    end_waiters(child, false);
}

void supervisor_core::has_ended(child_slot& child, child_outcome& outcome) {
    child.runs = false;
    child.pierce_is_due = false;
    set_deadline(child, time_point::max());
    if (outcome.policy_error) {
        log(event::escalated, &child, outcome.policy_error);
        end_slot(child, child_state::removed, exit_reason::failed, outcome.error);
        fail(outcome.policy_error);
        fail(outcome.error);
    } else if (child.purpose != stop_purpose::none || outcome.was_asked) {
        ended_as_asked(child, outcome);
    } else {
        ended_by_itself(child, outcome);
    }
}

// It was asked to stop before it ended. A real error is still an error. (SV5, SV13)
void supervisor_core::ended_as_asked(child_slot& child, child_outcome& outcome) {
    const stop_purpose purpose = std::exchange(child.purpose, stop_purpose::none);
    if (closing_) {
        log(outcome.error ? event::failed_to_stop : event::stopped, &child, outcome.error);
        keep_error(outcome.error);
        end_slot(child, child_state::stopped, exit_reason::stopped, outcome.error);
        return;
    }
    if (std::exchange(child.start_timed_out, false)) {
        if (!outcome.error) outcome.error = not_ready_in_time(child);
        outcome.decided = verdict::restart;
        failed_by_itself(child, outcome);
        return;
    }
    switch (purpose) {
        case stop_purpose::none:
        case stop_purpose::for_good:
            log(outcome.error ? event::failed_to_stop : event::stopped, &child, outcome.error);
            end_slot(child, child_state::stopped, exit_reason::stopped, outcome.error);
            break;
        case stop_purpose::restart_alone:
            log(event::went_down, &child, outcome.error);
            if (joins_group_restart(child)) {
                set_state(child, child_state::down);
                break;
            }
            child.before_restart(true, 0, now());
            start_incarnation(child);
            break;
        case stop_purpose::group_restart:
            log(event::went_down, &child, outcome.error);
            if (outcome.error) remember(child, outcome.error);
            if (child.options.restart == restart::temporary)
                end_slot(child, child_state::stopped, exit_reason::stopped, outcome.error);
            else
                set_state(child, child_state::down);
            break;
    }
}

void supervisor_core::ended_by_itself(child_slot& child, child_outcome& outcome) {
    const bool never_ready = child.ready_since == time_point::max();
    if (outcome.how == child_outcome::kind::returned && never_ready && !closing_) {
        outcome.how = child_outcome::kind::failed;
        outcome.error = std::make_exception_ptr(std::logic_error(
            fmt::format("child '{}' ended without calling started(): its supervisor waits for "
                        "that; call it when the child is ready",
                        child.name)));
    }
    switch (outcome.how) {
        case child_outcome::kind::failed: failed_by_itself(child, outcome); break;
        case child_outcome::kind::stopped:
            log(event::stopped, &child);
            end_slot(child, child_state::stopped, exit_reason::cancelled, nullptr);
            break;
        case child_outcome::kind::returned:
            if (child.options.restart == restart::permanent && !closing_) {
                incident(child, nullptr);
            } else {
                log(event::completed, &child);
                end_slot(child, child_state::completed, exit_reason::finished, nullptr);
            }
            break;
    }
}

void supervisor_core::failed_by_itself(child_slot& child, child_outcome& outcome) {
    const std::exception_ptr error = outcome.error;
    if (closing_) {
        log(event::failed_to_stop, &child, error);
        keep_error(error);
        end_slot(child, child_state::removed, exit_reason::failed, error);
    } else if (!child.was_ever_ready && !joins_group_restart(child)) {
        log(event::start_failed, &child, error);
        child.start_error = error;
        end_slot(child, child_state::removed, exit_reason::failed, error);
    } else if (outcome.decided == verdict::escalate) {
        log(event::escalated, &child, error);
        end_slot(child, child_state::removed, exit_reason::failed, error);
        fail(error);
    } else if (outcome.decided != verdict::restart || child.options.restart == restart::temporary) {
        log(event::forgotten, &child, error);
        end_slot(child, child_state::removed, exit_reason::failed, error);
    } else {
        incident(child, error);
    }
}

// The supervisor fails, as if its body had thrown.
void supervisor_core::fail(std::exception_ptr error) {
    if (!error) return;
    if (!primary_)
        primary_ = std::move(error);
    else
        keep_error(std::move(error));
    begin_close(body_ends::at_once);
}

void supervisor_core::stop_for_good(child_slot& child) {
    if (child.runs) {
        child.start_timed_out = false;  // not to be started again, then
        ask_to_stop(child, stop_purpose::for_good);
    } else {
        log(event::stopped, &child);
        end_slot(child, child_state::stopped, exit_reason::stopped, nullptr);
    }
}

// A member of a group restart that doesn't run is started with its group.
void supervisor_core::restart_alone(child_slot& child) {
    if (child.runs)
        ask_to_stop(child, stop_purpose::restart_alone);
    else if (group_.now_in == group_restart::phase::none || child.id.value < group_.lowest)
        start_incarnation(child);
}

void supervisor_core::fire_deadlines() {
    const time_point present = now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= present) {
        const counted_ref<child_slot> child = find({deadlines_.begin()->second});
        set_deadline(*child, time_point::max());
        deadline_passed(*child);
    }
    if (close_by_ <= present) close_deadline_passed();
    if (body_deadline_ <= present) climb_for_body();
}

void supervisor_core::deadline_passed(child_slot& child) {
    switch (child.state.load(lowlevel::order::relaxed)) {
        case child_state::starting:
            child.start_timed_out = true;
            ask_to_stop(child, stop_purpose::for_good, stop_rung::cancelled);
            break;
        case child_state::stopping: climb(child); break;
        case child_state::backoff: start_incarnation(child); break;
        default: break;
    }
}

time_point supervisor_core::next_deadline() const noexcept {
    time_point next = std::min(close_by_, body_deadline_);
    if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
    if (group_.now_in == group_restart::phase::waiting) next = std::min(next, group_.resume_at);
    return next;
}

void supervisor_core::set_deadline(child_slot& child, time_point when) {
    if (child.deadline != time_point::max()) deadlines_.erase({child.deadline, child.id.value});
    child.deadline = when;
    if (when != time_point::max()) deadlines_.emplace(when, child.id.value);
}

void supervisor_core::set_state(child_slot& child, child_state state) noexcept {
    child.state.store(state, lowlevel::order::relaxed);
}

// Those who wait for this child, as far as there is nothing to wait for any more.
void supervisor_core::end_waiters(child_slot& child, bool for_good) noexcept {
    lowlevel::wake_list woken;
    {
        const mutex_guard held(lock_);
        child.has_ended = for_good;
        if (child.ready_since != time_point::max())
            child.ready_incarnation = child.incarnation.load(lowlevel::order::relaxed);
        lowlevel::wait_list still_waiting;
        while (lowlevel::wait_node* node = child.waiting.pop_front()) {
            if (!static_cast<const slot_wait&>(lowlevel::wait_operation::of(*node))
                     .is_over_locked())
                still_waiting.push_back(*node);
            else if (node->claim())
                woken.add(*node);
        }
        child.waiting.splice_back(still_waiting);
    }
    woken.wake_all();
}

// The prototypes go, and with them what the user has given them; those who wait are told last.
void supervisor_core::end_slot(child_slot& child, child_state state, exit_reason reason,
                               std::exception_ptr error) noexcept {
    constexpr std::size_t most_remembered = 1000;
    const counted_ref<child_slot> kept = counted_ref<child_slot>::to(child);
    set_deadline(child, time_point::max());
    set_state(child, state);
    --living_;
    if (child.options.significant) {
        --significant_living_;
        const bool by_itself = reason == exit_reason::finished || reason == exit_reason::failed;
        if (by_itself && child.was_ever_ready) ++significant_ended_;
    }
    std::uint64_t forgotten = child.id.value;
    if (child.options.restart != restart::temporary && state != child_state::removed) {
        try {
            ended_.push_back(child.id.value);
            forgotten = ended_.size() > most_remembered ? ended_.front() : 0;
            if (forgotten != 0) ended_.pop_front();
        } catch (...) {  // no memory to remember with: this one is forgotten
        }
    }
    if (forgotten != 0) {
        const locked held(table_lock_);
        static_cast<void>(table_.erase(forgotten));
    }
    child.end_for_good(reason, std::move(error));
    child.drop_prototypes();
    end_waiters(child, true);
}

// Without memory for several errors the first one stands for all.
void supervisor_core::keep_error(std::exception_ptr error) noexcept {
    if (!error) return;
    try {
        close_errors_.push_back(std::move(error));
    } catch (...) {
        if (!primary_) primary_ = std::move(error);
    }
}

// No memory, or an error of ours: every child is cancelled together, and all of them are joined.
void supervisor_core::survive_defect(std::exception_ptr defect) noexcept {
    if (primary_)
        keep_error(std::move(defect));
    else
        primary_ = std::move(defect);
    closing_ = has_defect_ = true;
    group_ = {};
    close_by_ = body_deadline_ = time_point::max();
    {
        const mutex_guard held(lock_);
        refuses_ = true;
    }
    // Slots may leave the table meanwhile, and not only the one that ends.
    for (auto each = table_.begin(); each != table_.end();) {
        const counted_ref<child_slot> child = each->second;
        if (!child->runs && !child->is_over())
            end_slot(*child, child_state::stopped, exit_reason::stopped, nullptr);
        each = table_.upper_bound(child->id.value);
    }
    scope_->pierce("its supervisor has failed");
}

}  // namespace covey::detail
