// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/supervisor_options.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace covey::detail {

// The restarts of the last `period`: a ring of their times, O(1) for each. (SV14)
class restart_window {
 public:
    restart_window(unsigned intensity, duration period) noexcept
        : intensity_(intensity), period_(period) {}

    // One more now? False when `intensity` of them lie within the last period, ends included.
    [[nodiscard]] bool allow(time_point now);

 private:
    void grow();

    unsigned intensity_;
    duration period_;
    std::vector<time_point> ring_;  // grows with need, to at most `intensity`
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

// How long to wait before the n-th start in a row, n from 1; `random` is any number. (SV15)
[[nodiscard]] duration restart_delay(const backoff& policy, unsigned in_a_row,
                                     std::uint64_t random) noexcept;
[[nodiscard]] duration calm_after(const backoff& policy) noexcept;
// Throws std::invalid_argument for what makes no sense, naming the supervisor.
void check_backoff(const backoff& policy, std::string_view supervisor);

}  // namespace covey::detail
