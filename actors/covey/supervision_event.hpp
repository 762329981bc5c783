// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/supervisor_options.hpp>

namespace covey {

// What a supervisor has done: the log behind supervisor::events().
struct supervision_event {
    enum class kind : std::uint8_t {
        unreachable_budget,  // even at once after each other, restarts can't use the budget up
        start,               // a run of the child begins
        ready,               // it is ready
        start_failed,   // it ended before it was ready, at its first start: told to who started it
        completed,      // it ended by itself, for good
        incident,       // it failed, or a permanent one returned; `error`, if there is one
        joined,         // likewise, but a group restart that was under way takes it along
        forgotten,      // likewise, and nothing follows: temporary, or verdict stop
        backoff,        // it waits before it is started again
        asked_to_stop,  // the ladder, one rung after the other
        cancelled,
        pierced,
        unresponsive,
        stopped,    // it ended because it was asked to, for good
        went_down,  // it ended because it was asked to, for a restart; `error`: it failed at that
        failed_to_stop,  // likewise, but it failed at that; while closing, `error` is raised, too
        gave_up,         // the budget is spent
        escalated,       // verdict escalate, or decide() threw
        closing,         // no start from here on
        close_deadline,  // it has passed: what is left is cancelled together
        closed,
    };

    time_point at;
    kind what;
    child_id child = {};            // 0: the supervisor itself
    std::uint64_t incarnation = 0;  // of the child
    std::uint64_t incident = 0;     // the number of the incident that it belongs to; 0: none
    std::string name;               // the child's, or the supervisor's
    std::exception_ptr error = {};
    duration delay = duration::zero();  // of a backoff
};
[[nodiscard]] const char* to_string(supervision_event::kind what) noexcept;
// "1.05 s: incident 'worker' #2, incarnation 3: disk full"
[[nodiscard]] std::string to_string(const supervision_event& event);

}  // namespace covey
