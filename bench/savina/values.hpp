// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a benchmark finds out, and how it is compared with what it should.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace savina {

// Whole numbers up to 2^53 are exact. Compared exactly.
struct value {
    std::string_view name;
    double number;
};
using values = std::vector<value>;

class wrong_value : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// A property that has to hold at this moment of a benchmark.
inline void require(bool holds, const char* property) {
    if (!holds) throw wrong_value(std::string("it doesn't hold that ") + property);
}

// Throws wrong_value unless each expected value was found. What was found beyond that depends on
// the schedule, and is for reading only.
void compare(const values& found, const values& expected);

// "pongs 40000, rounds 3"
std::string to_string(const values& list);

}  // namespace savina
