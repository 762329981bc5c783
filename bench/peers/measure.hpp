// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the programs in C++ share: figures as lines "M name value", clocks, and the work that some
// workloads do. No part of covey, which measures itself in bench/workloads.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace bench {

using u64 = std::uint64_t;

inline u64 now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_nsec);
}

inline void metric(std::string_view name, double value) {
    std::printf("M %.*s %.3f\n", static_cast<int>(name.size()), name.data(), value);
    std::fflush(stdout);
}

inline void per_operation(u64 start, u64 count, std::string_view name = "ns") {
    metric(name, static_cast<double>(now() - start) / static_cast<double>(count));
}

// Sorts them.
inline void percentiles(std::string_view prefix, std::vector<u64>& values) {
    if (values.empty()) return;
    std::sort(values.begin(), values.end());
    const auto at = [&](const char* name, double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(values.size()));
        metric(std::string(prefix) + name, static_cast<double>(values[index]));
    };
    at("p50", 0.5);
    at("p90", 0.9);
    at("p99", 0.99);
    at("p99.9", 0.999);
}

// Ends the program when a workload has not done its work.
template <class T>
void expect(const char* what, const T& found, const T& wanted) {
    if (found == wanted) return;
    std::fprintf(stderr, "wrong result: %s\n", what);
    std::_Exit(1);
}

inline double resident_bytes() {
    long total = 0;
    long resident = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    const bool read = file && std::fscanf(file, "%ld %ld", &total, &resident) == 2;
    expect("/proc/self/statm is two numbers", read, true);
    std::fclose(file);
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

inline double cpu_milliseconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return 1e3 * static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-3 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

// The most that this program has held. getrusage would count what its parent held when it started
// the program.
inline double peak_bytes() {
    std::FILE* const file = std::fopen("/proc/self/status", "r");
    double kib = 0;
    char line[256];
    while (file && kib == 0 && std::fgets(line, sizeof line, file))
        if (std::sscanf(line, "VmHWM: %lf kB", &kib) != 1) kib = 0;
    expect("/proc/self/status has VmHWM", kib > 0, true);
    std::fclose(file);
    return 1024 * kib;
}

inline void pause_ms(long milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// About 95 ns of hashing.
inline u64 work(u64 x) {
    for (int i = 0; i < 80; ++i) {
        x ^= x >> 33;
        x *= 0xff51afd7ed558ccd;
    }
    return x;
}

// What the results of a pipeline have to come to.
inline u64 mixed_work(u64 count) {
    u64 mixed = 0;
    for (u64 i = 0; i < count; ++i) mixed ^= work(i);
    return mixed;
}

inline u64 sum_below(u64 count) { return count * (count - 1) / 2; }

// Pseudo-random lengths in nanoseconds, the same ones in each program.
inline std::vector<u64> delays(std::size_t count, u64 limit) {
    std::vector<u64> result(count);
    u64 state = 88172645463325252;
    for (u64& each : result) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        each = state % limit;
    }
    return result;
}

// late_ of all sleepers, late250_ of those that wake when starting all of them is over.
inline void lateness(const std::vector<u64>& lengths, std::vector<u64> late) {
    std::vector<u64> after_start;
    for (std::size_t i = 0; i < lengths.size(); ++i)
        if (lengths[i] >= 250'000'000) after_start.push_back(late[i]);
    percentiles("late_", late);
    percentiles("late250_", after_start);
}

[[noreturn]] inline void unsupported() {
    std::puts("UNSUPPORTED");
    std::fflush(stdout);
    std::_Exit(3);
}

}  // namespace bench
