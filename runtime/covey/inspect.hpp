// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>

#include <cstddef>
#include <string>

namespace covey {

// The tasks of the calling thread's run as text, one line each: tasks with what they wait for and
// since when, nurseries and scopes with their deadlines, children below. For people; the format may
// change. Throws std::logic_error outside a run. Cost: one lock and a walk over everything.
[[nodiscard]] std::string dump_task_tree();

// A run at one instant. (R6)
struct run_statistics {
    std::size_t tasks_living = 0;    // main and every child that has not ended
    std::size_t tasks_runnable = 0;  // ready and not running
    duration time_to_next_deadline = never;
    unsigned workers = 1;  // threads that run its tasks
};
// Of the calling thread's run. Throws std::logic_error outside a run. Cost: a walk over everything.
[[nodiscard]] run_statistics current_statistics();

}  // namespace covey
