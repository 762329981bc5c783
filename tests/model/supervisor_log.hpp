// SPDX-License-Identifier: BSL-1.0
#pragma once

// Judges the log of a supervisor: the rules SV1 to SV19, as far as they show in it. Where the
// errors of a log went is judged in supervisor_errors.hpp.

#include "model/supervisor_errors.hpp"
#include "model/supervisor_tree.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace model {

using kind = covey::supervision_event::kind;

// What the judged logs had in them, so that a test can say that it has seen something.
struct tally {
    std::map<kind, std::uint64_t> events;
    std::uint64_t supervisors = 0, raised = 0, group_starts = 0, widened = 0, cut_closes = 0,
                  in_a_row = 0;
};

class log_judge {
 public:
    // `exact`: the times are virtual, so that they can be compared.
    log_judge(record& judged, bool exact, tally& sums)
        : record_(judged),
          options_(judged.options),
          found_(judged.in->found),
          exact_(exact),
          sums_(sums) {}

    void judge() {
        if (!record_.handle) return;
        ++sums_.supervisors;
        events_ = record_.handle->events();
        for (at_ = 0; at_ < events_.size(); ++at_) {
            ++sums_.events[events_[at_].what];
            see(events_[at_]);
        }
        expect(!events_.empty() && events_.back().what == kind::closed, "closed comes last");
        for (const auto& [id, each] : slots_) {
            expect(!each.alive, "all have ended when it is closed");
            expect(each.over, "all have ended for good when it is closed");
        }
        if (record_.raised) ++sums_.raised;
        error_judge(record_, events_).judge();
    }

 private:
    using event = covey::supervision_event;

    struct slot {
        bool alive = false, ready = false, asked = false, over = false, ever_ready = false;
        bool ran_at_closing = false, by_hand = false;
        std::uint64_t incarnation = 0;
        unsigned in_a_row = 0;
        covey::time_point ready_at{}, due{};
        bool waits = false;  // in its own delay, until due
        std::vector<covey::time_point> restarts;
    };
    // A restart of several children.
    struct group {
        enum class phase { none, stopping, waiting, starting } now_in = phase::none;
        std::uint64_t lowest = 0, incident = 0, last_started = 0;
        covey::time_point resume{};
    };

    void expect(bool holds, const char* sentence) { found_.expect(holds, sentence); }
    [[nodiscard]] bool is_group() const {
        return options_.strategy != covey::strategy::one_for_one;
    }
    [[nodiscard]] const event* next() const {
        return at_ + 1 < events_.size() ? &events_[at_ + 1] : nullptr;
    }
    [[nodiscard]] const event* previous() const { return at_ == 0 ? nullptr : &events_[at_ - 1]; }

    void see(const event& each) {
        expect(each.at >= now_, "time goes forward in a log");
        now_ = each.at;
        if (each.child.value == 0) {
            see_own(each);
            return;
        }
        slot& child = slots_[each.child.value];
        expect(!child.over || each.what == kind::escalated, "what has ended for good stays so");
        switch (each.what) {
            case kind::start: started(each, child); break;
            case kind::ready:
                expect(child.alive && !child.ready && !closing_, "a child that starts gets ready");
                child.ready = child.ever_ready = true;
                child.ready_at = each.at;
                break;
            case kind::asked_to_stop: asked(each, child); break;
            case kind::cancelled:
            case kind::pierced:
            case kind::unresponsive:
                expect(child.alive && child.asked, "the ladder begins with asking");
                break;
            case kind::incident: incident(each, child); break;
            case kind::joined: joined(each, child); break;
            case kind::backoff: backoff(each, child); break;
            case kind::went_down:
                expect(child.alive && child.asked && !closing_, "who goes down was asked to");
                down(child);
                child.over = is_temporary_end(each);
                break;
            case kind::start_failed:
                expect(child.alive && !child.ever_ready, "a start fails before the child is ready");
                end(child);
                break;
            case kind::completed:
            case kind::forgotten:
                expect(child.alive, "who ends by itself has run");
                end(child);
                break;
            case kind::failed_to_stop:
                expect(child.alive && each.error != nullptr, "who fails at its stop has run");
                end(child);
                break;
            case kind::stopped:
            case kind::escalated: end(child); break;
            default: expect(false, "an event of a child is one of the supervisor"); break;
        }
    }

    void see_own(const event& each) {
        switch (each.what) {
            case kind::unreachable_budget: expect(at_ == 0, "the budget is weighed first"); break;
            case kind::closing:
                expect(!closing_, "closing comes once");
                closing_ = true;
                closing_at_ = each.at;
                group_.now_in = group::phase::none;
                for (auto& [id, child] : slots_)
                    child.ran_at_closing = child.alive && child.ready && !child.asked;
                break;
            case kind::close_deadline:
                expect(closing_, "the closing deadline is one of closing");
                ++sums_.cut_closes;
                cut_ = true;
                break;
            case kind::gave_up:
                expect(previous() != nullptr && previous()->what == kind::incident,
                       "it gives up because of an incident");
                expect(next() != nullptr && next()->what == kind::closing, "who gives up closes");
                slots_[previous()->child.value].over = true;
                break;
            case kind::backoff: group_waits(each); break;
            case kind::closed:
                expect(closing_, "it closes before it is closed");
                if (options_.stop_order == covey::stop_order::together) judge_together();
                break;
            default: expect(false, "an event of the supervisor is one of a child"); break;
        }
    }

    // ---- Starting

    void started(const event& each, slot& child) {
        expect(!closing_, "nothing starts once it closes (SV12)");
        expect(!child.alive, "a child has one incarnation at a time");
        expect(each.incarnation == child.incarnation + 1, "incarnations are counted from 1");
        const bool by_hand = previous() != nullptr && previous()->what == kind::went_down &&
                             previous()->child == each.child;
        if (child.waits && exact_)
            expect(each.at <= child.due, "a delay is no longer than was said (SV15)");
        if (is_group() && each.incarnation > 1 && !by_hand) group_starts(each);
        const unsigned in_a_row = child.in_a_row;
        child.alive = true;
        child.ready = child.asked = child.waits = false;
        child.incarnation = each.incarnation;
        child.in_a_row = in_a_row;
        child.by_hand = by_hand;
    }

    // One after the other, from the lowest one on, when the delay is over.
    void group_starts(const event& each) {
        using phase = group::phase;
        ++sums_.group_starts;
        expect(group_.now_in == phase::waiting || group_.now_in == phase::starting,
               "a group is started when it has stopped and waited (SV16)");
        if (group_.now_in == phase::waiting) {
            if (exact_) expect(each.at == group_.resume, "a group starts after its delay (SV15)");
            group_.last_started = 0;
        }
        group_.now_in = phase::starting;
        expect(each.child.value >= group_.lowest, "a group starts its own members only (SV16)");
        expect(each.child.value > group_.last_started, "a group starts in order (SV16)");
        group_.last_started = each.child.value;
        for (const auto& [id, other] : slots_) {
            if (id < group_.lowest || id >= each.child.value) continue;
            expect(!other.alive || other.ready || other.asked || other.by_hand,
                   "a member starts when those before it are ready (SV7)");
            expect(other.alive || other.over || exact_after_hand(id),
                   "a member starts when those before it have been started (SV16)");
        }
    }
    // A member that ended in this very instant may not be known yet.
    [[nodiscard]] bool exact_after_hand(std::uint64_t id) const {
        return slots_.at(id).incarnation == 0;
    }

    // ---- Incidents

    void incident(const event& each, slot& child) {
        using phase = group::phase;
        expect(child.alive && !closing_, "an incident is one of a running child");
        expect(each.incident == incidents_ + 1, "incidents are counted");
        incidents_ = each.incident;
        const bool was_calm = child.ready && each.at - child.ready_at >= calm();
        if (was_calm) child.in_a_row = 0;
        ++child.in_a_row;
        down(child);

        const bool gave_up = next() != nullptr && next()->what == kind::gave_up;
        judge_budget(each, child, gave_up);
        if (gave_up || !is_group()) return;
        const bool narrow = group_.now_in == phase::stopping ||
                            (group_.now_in == phase::waiting && each.at < group_.resume);
        if (narrow && exact_) {
            ++sums_.widened;
            expect(each.child.value < group_.lowest, "a group is never narrowed (SV16a)");
        }
        if (group_.now_in != phase::waiting) group_.resume = {};
        group_.now_in = phase::stopping;
        group_.lowest = options_.strategy == covey::strategy::one_for_all ? 0 : each.child.value;
        group_.incident = each.incident;
    }

    void joined(const event& each, slot& child) {
        using phase = group::phase;
        expect(child.alive && !closing_, "a failure that joins is one of a running child");
        expect(group_.now_in == phase::stopping || group_.now_in == phase::waiting,
               "a failure joins a group that stops or waits (SV16a)");
        expect(each.child.value >= group_.lowest, "a failure joins its own group (SV16a)");
        expect(each.incident == group_.incident, "a failure joins the incident (SV16a)");
        down(child);
    }

    void group_waits(const event& each) {
        using phase = group::phase;
        expect(is_group() && group_.now_in == phase::stopping, "a group waits when it has stopped");
        for (const auto& [id, other] : slots_)
            expect(id < group_.lowest || !other.alive,
                   "a group waits when all have stopped (SV16)");
        const covey::time_point resume = each.at + each.delay;
        if (exact_) expect(resume >= group_.resume, "a wider group waits no shorter (SV16a)");
        group_.now_in = phase::waiting;
        group_.resume = resume;
    }

    [[nodiscard]] covey::duration calm() const {
        return options_.backoff.reset_after.value_or(options_.backoff.first / 2 +
                                                     options_.backoff.max / 2);
    }

    void backoff(const event& each, slot& child) {
        expect(!is_group() && !closing_, "a single child waits under one_for_one only");
        expect(previous()->what == kind::incident && previous()->child == each.child,
               "a delay follows its incident");
        covey::duration expected = options_.backoff.first;
        for (unsigned i = 1; i < child.in_a_row && expected < options_.backoff.max; ++i)
            expected *= 2;
        if (exact_)
            expect(each.delay == std::min(expected, options_.backoff.max),
                   "delays double up to their maximum (SV15)");
        child.waits = true;
        child.due = each.at + each.delay;
    }

    [[nodiscard]] bool is_one_too_many_in_a_row(const event& each, const slot& child) const {
        const auto plan = std::find_if(record_.plans.begin(), record_.plans.end(),
                                       [&](const slot_plan& any) { return any.name == each.name; });
        return child.in_a_row > plan->max_consecutive.value_or(~0U);
    }

    // At most R within T, ends included, and no more of a child in a row than it may have; one more
    // gives up, and nothing else does.
    void judge_budget(const event& each, slot& child, bool gave_up) {
        if (!exact_) return;
        std::vector<covey::time_point>& past =
            options_.budget == covey::budget_scope::child ? child.restarts : restarts_;
        const auto recent = std::count_if(past.begin(), past.end(), [&](covey::time_point when) {
            return each.at - when <= options_.period;
        });
        const bool in_a_row = is_one_too_many_in_a_row(each, child);
        if (in_a_row) ++sums_.in_a_row;
        expect(gave_up == (in_a_row || static_cast<unsigned>(recent) >= options_.intensity),
               "it gives up with the incident after the R-th within T, or in a row (SV14)");
        if (!gave_up) past.push_back(each.at);
    }

    // ---- Ending

    void asked(const event& each, slot& child) {
        expect(child.alive && !child.asked, "a child is asked once, while it runs");
        child.asked = true;
        if (!closing_ || cut_ || !child.ran_at_closing) return;
        if (options_.stop_order == covey::stop_order::together) {
            asked_together_ += each.at == closing_at_ ? 1 : 0;
            return;
        }
        for (const auto& [id, other] : slots_)
            expect(id <= each.child.value || !other.alive,
                   "closing stops one after the other, the last one first (SV9)");
    }

    void judge_together() {
        std::uint64_t ran = 0;
        for (const auto& [id, child] : slots_) ran += child.ran_at_closing ? 1 : 0;
        if (exact_) expect(asked_together_ == ran, "all are asked at once (SV9)");
    }

    static void down(slot& child) { child.alive = child.waits = false; }
    static void end(slot& child) {
        down(child);
        child.over = true;
    }
    // A temporary child that a group restart stops is not started again, without a word.
    [[nodiscard]] bool is_temporary_end(const event& each) const {
        return std::none_of(events_.begin() + static_cast<std::ptrdiff_t>(at_) + 1, events_.end(),
                            [&](const event& later) { return later.child == each.child; });
    }

    record& record_;
    const covey::supervisor_options& options_;
    support::faults& found_;
    const bool exact_;
    tally& sums_;

    std::vector<event> events_;
    std::size_t at_ = 0;
    covey::time_point now_{};
    std::map<std::uint64_t, slot> slots_;
    group group_;
    std::vector<covey::time_point> restarts_;
    std::uint64_t incidents_ = 0, asked_together_ = 0;
    covey::time_point closing_at_{};
    bool closing_ = false, cut_ = false;
};

// Everything that went wrong in a world that has come to its end.
inline std::string judge(world& in, bool exact, tally& sums) {
    for (const auto& each : in.records) {
        log_judge(*each, exact, sums).judge();
        for (const slot_plan& plan : each->plans)
            in.found.expect(plan.alive == 0, "every incarnation has ended");
    }
    return in.found.text();
}

}  // namespace model
