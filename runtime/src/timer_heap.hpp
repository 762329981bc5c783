// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>
#include <covey/detail/timer.hpp>
#include <covey/lowlevel/atomic.hpp>

#include <cstdint>
#include <limits>

namespace covey::detail {

// The timers of a run, the earliest first.
//
// What      A pairing heap of nodes that live in frames and scopes: no allocation, so arming can't
//           fail. Arming costs O(1), taking the earliest or disarming O(log n) amortised.
// Threads   lock() guards the heap and every node in it; next() may be read by anybody.
class timer_heap {
 public:
    static constexpr std::int64_t nothing = std::numeric_limits<std::int64_t>::max();

    [[nodiscard]] lowlevel::spin_lock& lock() noexcept { return lock_; }
    [[nodiscard]] std::int64_t next() const noexcept {
        return next_.load(lowlevel::order::acquire);
    }

    // Locked. True: it is now the earliest one, and who sleeps until the next deadline should know.
    [[nodiscard]] bool arm(timer& node, std::int64_t when) noexcept;
    void disarm(timer& node) noexcept;
    // The earliest one if it is due, taken out; or null.
    [[nodiscard]] timer* take_due(std::int64_t now) noexcept;

 private:
    static bool is_before(const timer& a, const timer& b) noexcept;
    static timer* meld(timer* a, timer* b) noexcept;
    static void put_below(timer& earlier, timer& later) noexcept;
    static timer* meld_siblings(timer* first) noexcept;
    void set_root(timer* root) noexcept;
    static void mark_disarmed(timer& node) noexcept;

    lowlevel::spin_lock lock_;
    timer* root_ = nullptr;
    std::uint64_t armed_so_far_ = 0;
    lowlevel::atomic<std::int64_t> next_{nothing};
};

}  // namespace covey::detail
