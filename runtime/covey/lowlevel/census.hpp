// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace covey::lowlevel {

// What testing::leaks() counts.
enum class counted : std::uint8_t { tasks, frames, waiters, handles, timers, threads };
inline constexpr std::size_t counted_kinds = 6;

// One more, or one fewer, of a kind. Each thread counts for itself, so it costs a plain addition;
// only the sum over all threads means anything.
void count(counted kind, int change) noexcept;
[[nodiscard]] std::int64_t census(counted kind) noexcept;

}  // namespace covey::lowlevel
