// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/detail/timer.hpp>

namespace covey::lowlevel {

// A point in time as one of several things that end a wait: for a wait_operation that waits for
// something else as well, and wants no more than one of them.
//
// Threads   Its owner's. It fires under the lock of the run's timers, which arm() takes and
//           unlock() gives back: so never before the task has suspended. That lock comes after any
//           object's own. Cost: no allocation.
class wait_timer final : private detail::timer {
 public:
    // From link(), in a task: when the time comes, `node` is completed. time_point::max(): never.
    void arm(wait_node& node, time_point when) noexcept;
    // From unlock(). Nothing, if arm() was not called.
    void unlock() noexcept;
    // From unlink(), and when the wait was ended by something else: it won't fire any more.
    void disarm() noexcept;

 private:
    void fire(detail::ready_chain& woken) noexcept override;
    [[nodiscard]] bool fires_inside() const noexcept override { return true; }

    detail::runtime_core* core_ = nullptr;  // null: never armed
    wait_node* node_ = nullptr;
    bool holds_lock_ = false;
};

}  // namespace covey::lowlevel
