// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "explore.hpp"
#include "support/catch.hpp"

#include <cstdlib>

namespace checked {

// With these options nothing goes wrong, and nothing is left out. COVEY_MODEL_FIGURES=1 prints how
// many schedules that were.
template <class Program>
void explore_all(const model::options& options, Program program, void (*prepare)() = nullptr) {
    const model::report found = model::explore(options, program, prepare);
    INFO(found.text());
    if (std::getenv("COVEY_MODEL_FIGURES") != nullptr) WARN(found.text());
    REQUIRE_FALSE(found.failed);
    CHECK(found.complete);
}

template <class Program>
void explore_all(Program program, unsigned preemptions = 2) {
    explore_all(model::options{.preemptions = preemptions}, program);
}

}  // namespace checked
