// SPDX-License-Identifier: BSL-1.0
#include "restart_window.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace covey::detail {

bool restart_window::allow(time_point now) {
    while (count_ != 0 && now - ring_[first_] > period_) {
        first_ = (first_ + 1) % ring_.size();
        --count_;
    }
    if (count_ >= intensity_) return false;
    if (count_ == ring_.size()) grow();
    ring_[(first_ + count_) % ring_.size()] = now;
    ++count_;
    return true;
}

void restart_window::grow() {
    std::vector<time_point> larger(std::max<std::size_t>(4, 2 * ring_.size()));
    for (std::size_t i = 0; i < count_; ++i) larger[i] = ring_[(first_ + i) % ring_.size()];
    ring_ = std::move(larger);
    first_ = 0;
}

duration restart_delay(const backoff& policy, unsigned in_a_row, std::uint64_t random) noexcept {
    if (policy.first == duration::zero()) return duration::zero();
    const auto longest = static_cast<double>(policy.max.count());
    const double exact = static_cast<double>(policy.first.count()) *
                         std::pow(policy.factor, static_cast<double>(in_a_row - 1));
    const double unit = static_cast<double>(random >> 11U) * 0x1.0p-53;  // [0, 1)
    const double jittered =
        std::min(longest, exact) * (1 - policy.jitter + 2 * policy.jitter * unit);
    constexpr double most = 0x1.0p62;
    return duration(static_cast<duration::rep>(std::min(jittered, most)));
}

duration calm_after(const backoff& policy) noexcept {
    return policy.reset_after.value_or(policy.first / 2 + policy.max / 2);
}

void check_backoff(const backoff& policy, std::string_view supervisor) {
    const auto refuse = [supervisor](const std::string& why) {
        throw std::invalid_argument(fmt::format("covey: supervisor '{}': {}", supervisor, why));
    };
    const auto in_seconds = [](duration length) {
        return static_cast<double>(length.count()) / 1e9;
    };
    if (policy.first < duration::zero() || policy.max < policy.first) {
        refuse(fmt::format("backoff needs 0 <= first <= max; first is {:g} s and max {:g} s",
                           in_seconds(policy.first), in_seconds(policy.max)));
    }
    if (!(policy.factor >= 1))
        refuse(fmt::format("backoff needs a factor of at least 1, not {:g}", policy.factor));
    if (!(policy.jitter >= 0 && policy.jitter <= 1))
        refuse(fmt::format("backoff needs a jitter from 0 to 1, not {:g}", policy.jitter));
    if (policy.reset_after && *policy.reset_after < duration::zero()) {
        refuse(fmt::format("backoff needs a reset_after of at least 0, not {:g} s",
                           in_seconds(*policy.reset_after)));
    }
}

}  // namespace covey::detail
