// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/atomic.hpp>

#include <cstddef>
#include <cstdint>

namespace covey::lowlevel {

// What testing::leaks() counts.
enum class counted : std::uint8_t { tasks, frames, waiters, handles, timers, threads };
inline constexpr std::size_t counted_kinds = 6;

// What the calling thread has counted; null before it first does.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local atomic<std::int64_t>* counts_here;
void count_first(counted kind, int change) noexcept;

// One more, or one fewer, of a kind. Each thread counts for itself, so it costs a plain addition;
// only the sum over all threads means anything.
inline void count(counted kind, int change) noexcept {
    if (counts_here == nullptr) [[unlikely]]
        return count_first(kind, change);
    atomic<std::int64_t>& mine = counts_here[static_cast<std::size_t>(kind)];
    mine.store(mine.load(order::relaxed) + change, order::relaxed);
}
[[nodiscard]] std::int64_t census(counted kind) noexcept;

}  // namespace covey::lowlevel
