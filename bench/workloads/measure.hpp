// SPDX-License-Identifier: BSL-1.0
#pragma once

// Clocks, memory and percentiles, read as the peers' programs read them.

#include "workloads.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace workloads {

// Wall-clock time since it was made.
class stopwatch {
 public:
    [[nodiscard]] double nanoseconds() const {
        return std::chrono::duration<double, std::nano>(clock::now() - start_).count();
    }
    [[nodiscard]] double nanoseconds_per(std::uint64_t operations) const {
        return nanoseconds() / static_cast<double>(operations);
    }

 private:
    using clock = std::chrono::steady_clock;
    clock::time_point start_ = clock::now();
};

inline std::uint64_t choose(scale size, std::uint64_t full, std::uint64_t small) {
    return size == scale::full ? full : small;
}

double resident_bytes();
double peak_resident_bytes();
double cpu_milliseconds();  // of all threads, in user and kernel mode

// Appends <prefix>p50, <prefix>p90, <prefix>p99 and <prefix>p99.9.
void append_percentiles(figures& to, std::string_view prefix, std::vector<double> values);

}  // namespace workloads
