// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>

namespace covey::detail {

// A clock that costs a few nanoseconds to read and is right within a factor of two: for how long
// something has been waiting, never for what a user sees.
[[nodiscard]] inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t count;
    asm volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

[[nodiscard]] inline std::uint64_t ticks_in(std::chrono::microseconds time) noexcept {
    const auto count = static_cast<std::uint64_t>(time.count());
#if defined(__x86_64__)
    return count * 2500;  // of the common 2 to 3 GHz
#elif defined(__aarch64__)
    std::uint64_t frequency;
    asm("mrs %0, cntfrq_el0" : "=r"(frequency));
    return count * frequency / 1'000'000;
#else
    return count * 1000;
#endif
}

}  // namespace covey::detail
