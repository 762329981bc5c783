// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/child_options.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace covey {

// Whom the failure of one child concerns.
enum class strategy : std::uint8_t {
    one_for_one,   // that child
    one_for_all,   // all of them
    rest_for_one,  // that child and those started after it
};

// Who shares a budget of restarts.
enum class budget_scope : std::uint8_t {
    supervisor,  // all children: for a few that belong together
    child,       // each has its own: for pools
};

// How a closing supervisor stops its children.
enum class stop_order : std::uint8_t {
    reverse,   // one after the other, the one started last first
    together,  // all at once
};

// When a supervisor ends by itself. With the last two also when there is nothing left to do.
enum class close_when : std::uint8_t {
    all_done,         // the body and every child have ended
    cancelled,        // never: by cancellation or stop_all()
    any_significant,  // a significant child has ended, not stopped by its owner
    all_significant,  // all of them have
};

// What is done about a child that doesn't end although its shields were pierced.
enum class unresponsive : std::uint8_t {
    wait,               // an event, and wait on: nothing is ever left behind
    terminate_process,  // a message, the task tree, std::terminate()
};

// How long to wait before a child is started again: first * factor^(n-1), at most max, for the n-th
// incident of this child in a row, times a random number from [1 - jitter, 1 + jitter] of the run's
// seed. (SV15)
struct backoff {
    duration first = std::chrono::milliseconds(50);
    double factor = 2;
    duration max = std::chrono::seconds(10);
    double jitter = 0.2;
    // After it has run that long, a child's next incident counts as the first. Default: the mean of
    // first and max.
    std::optional<duration> reset_after = {};

    // Restart at once, as Erlang does.
    [[nodiscard]] static backoff none() noexcept {
        return {.first = duration::zero(), .jitter = 0};
    }
};

// A child at one instant, as decide() and children() show it.
struct child_id {
    std::uint64_t value = 0;  // in the order of start
    friend auto operator<=>(const child_id&, const child_id&) = default;
};
enum class child_state : std::uint8_t {
    absent,     // to be started when those before it are ready
    starting,   // runs, not ready yet
    running,    // ready
    stopping,   // asked to end
    down,       // ended, waits for others of its group
    backoff,    // ended, waits for its time
    stopped,    // for good, by its owner
    completed,  // for good, by itself
    removed,    // for good, by an error: not to be restarted, or it never became ready
};
[[nodiscard]] const char* to_string(child_state state) noexcept;

struct child_info {
    child_id id;
    std::string name;
    child_state state = child_state::absent;
    std::uint64_t incarnation = 0;  // from 1; 0: not started yet
    std::uint64_t restarts = 0;
};

// How a supervisor decides. The name is copied.
struct supervisor_options {
    covey::strategy strategy = covey::strategy::one_for_one;
    // More restarts than `intensity` within `period`, ends included: give up. One for each
    // incident, however many children it concerns. (SV14)
    unsigned intensity = 5;
    duration period = std::chrono::seconds(30);
    covey::backoff backoff = {};
    budget_scope budget = budget_scope::supervisor;
    covey::stop_order stop_order = covey::stop_order::reverse;
    covey::close_when close_when = covey::close_when::all_done;
    // When closing has taken that long, all that is left is cancelled together.
    duration close_deadline = never;

    std::string_view name = {};  // default: that of the task
    covey::unresponsive unresponsive = covey::unresponsive::wait;
    // Asked about every error of a child, in the child's task; null: verdict::restart. What it
    // throws fails the supervisor. (SV4)
    verdict (*decide)(const child_info& child, const std::exception_ptr& error) = nullptr;
    std::size_t history = 256;  // events kept for events()
};

}  // namespace covey
