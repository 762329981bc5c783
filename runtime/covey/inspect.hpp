// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace covey {

// The tasks of the calling thread's run as text, one line each: tasks with what they wait for and
// since when, nurseries and scopes with their deadlines, children below. For people; the format may
// change. Throws std::logic_error outside a run. Cost: one lock and a walk over everything.
[[nodiscard]] std::string dump_task_tree();

}  // namespace covey
