// SPDX-License-Identifier: BSL-1.0
#pragma once

// Judges where the errors of a supervisor went: each to exactly one place (SV2, SV8a, SV13, SV17).

#include "model/supervisor_tree.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace model {

class error_judge {
 public:
    using event = covey::supervision_event;
    using kind = event::kind;

    error_judge(record& judged, const std::vector<event>& log)
        : record_(judged), events_(log), found_(judged.in->found) {}

    void judge() {
        const covey::exception_group* whole = nullptr;
        std::vector<std::exception_ptr> raised;
        if (record_.raised) {
            try {
                std::rethrow_exception(record_.raised);
            } catch (const covey::exception_group& known) {
                whole = &known;
                raised.assign(known.exceptions().begin(), known.exceptions().end());
            } catch (...) {
                expect(false, "what a supervisor raises is a group (SV13)");
            }
        }
        bool gave_up = false;
        bool has_closed = false;
        std::size_t must_raise = record_.body_errors.empty() ? 0 : 1;
        const auto is_raised = [&](const std::exception_ptr& error) {
            return std::count(raised.begin(), raised.end(), error);
        };
        std::map<kind, std::vector<std::exception_ptr>> logged;
        for (const event& each : events_) {
            has_closed = has_closed || each.what == kind::closing;
            gave_up = gave_up || each.what == kind::gave_up;
            if (!each.error || each.what == kind::gave_up) continue;
            logged[each.what].push_back(each.error);
            const bool raises =
                each.what == kind::escalated || (each.what == kind::failed_to_stop && has_closed);
            if (raises) {
                ++must_raise;
                expect(is_raised(each.error) == 1, "an error of the end is raised, once (SV13)");
            } else if (!gave_up_ever() && each.what != kind::start_failed) {
                expect(is_raised(each.error) == 0,
                       "an error that is dealt with is not raised (SV2)");
            }
        }
        expect((must_raise != 0 || gave_up) == (record_.raised != nullptr),
               "it raises if there is an error to raise, and only then (SV13)");
        const bool has_given_up = dynamic_cast<const covey::supervisor_gave_up*>(whole) != nullptr;
        expect(gave_up == has_given_up, "giving up is raised as such (SV17)");

        for (const std::exception_ptr& error : record_.child_errors) {
            std::ptrdiff_t places = 0;
            for (const auto& [what, errors] : logged)
                places += std::count(errors.begin(), errors.end(), error);
            if (places == 0) places = is_raised(error) != 0 && policy_has_thrown() ? 1 : 0;
            expect(places == 1, "every error of a child is in one place (SV2)");
        }
        for (const std::exception_ptr& error : record_.told) {
            const auto& failed = logged[kind::start_failed];
            expect(std::count(failed.begin(), failed.end(), error) == 1,
                   "what a start throws is in the log as a failed start (SV8a)");
            expect(std::count(record_.told.begin(), record_.told.end(), error) == 1,
                   "a failed start is told once (SV2)");
        }
        expect(record_.body_errors.size() <= 1, "a body fails once");
        if (has_given_up) return;
        for (const std::exception_ptr& error : record_.body_errors)
            expect(is_raised(error) == 1 || record_.raised == error || is_start_failure(error),
                   "what a body throws is raised (SV13)");
    }

 private:
    void expect(bool holds, const char* sentence) { found_.expect(holds, sentence); }
    [[nodiscard]] bool gave_up_ever() const {
        return std::any_of(events_.begin(), events_.end(),
                           [](const event& each) { return each.what == kind::gave_up; });
    }
    [[nodiscard]] bool policy_has_thrown() const {
        return std::any_of(events_.begin(), events_.end(), [](const event& each) {
            return each.what == kind::escalated && support::message_of(each.error) == "undecided";
        });
    }
    [[nodiscard]] static bool is_start_failure(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const covey::start_failed_error&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    record& record_;
    const std::vector<event>& events_;
    support::faults& found_;
};

}  // namespace model
