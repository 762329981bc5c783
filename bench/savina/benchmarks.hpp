// SPDX-License-Identifier: BSL-1.0
#pragma once

// All benchmarks, each at two sizes with the values that it has to find: what the program and the
// tests run.

#include "values.hpp"

#include <covey/task.hpp>

#include <span>
#include <string_view>

namespace savina {

enum class scale { full, small };

struct benchmark {
    std::string_view name;  // as in the suite
    covey::task<values> (*run)(scale);
    values expected;
    values expected_small;

    [[nodiscard]] const values& expected_at(scale which) const {
        return which == scale::full ? expected : expected_small;
    }
};

std::span<const benchmark> micro_benchmarks();
std::span<const benchmark> concurrency_benchmarks();

// Null: there is none of that name.
const benchmark* find(std::string_view name);

}  // namespace savina
