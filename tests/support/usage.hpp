// SPDX-License-Identifier: BSL-1.0
#pragma once

// What this process uses, for tests that set a limit to it.

#include <covey/lowlevel/sanitizers.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace support {

// Whether figures mean little here: sanitizers keep freed memory back, and do work of their own.
inline constexpr bool is_sanitized = COVEY_UNDER_ASAN || COVEY_UNDER_TSAN;

inline std::size_t resident_bytes() {
    std::size_t pages = 0, resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%zu %zu", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Of all its threads, since it began.
inline std::chrono::nanoseconds cpu_time() {
    timespec spent{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

}  // namespace support
