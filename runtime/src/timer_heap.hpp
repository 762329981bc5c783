// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>
#include <covey/detail/timer.hpp>

namespace covey::detail {

// Timers in order, the earliest first, and of equal times the one that was armed first.
//
// What       A pairing heap of nodes that live elsewhere: no allocation. To put one in costs O(1),
//            to take one out O(log n) amortised.
// Threads    Guarded by whoever owns it.
class timer_heap {
 public:
    [[nodiscard]] timer* first() const noexcept { return root_; }
    void insert(timer& node) noexcept;
    void remove(timer& node) noexcept;

 private:
    static bool is_before(const timer& a, const timer& b) noexcept;
    static timer* meld(timer* a, timer* b) noexcept;
    static void put_below(timer& earlier, timer& later) noexcept;
    static timer* meld_siblings(timer* first) noexcept;

    timer* root_ = nullptr;  // has no siblings
};

}  // namespace covey::detail
