// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "timer_heap.hpp"

#include <covey/clock.hpp>
#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/thread.hpp>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace covey::detail {

// Which task runs next, and what a worker without one does.
//
// What       One queue for all workers, first in, first out; with a seed, the ready set is taken
//            as a batch and shuffled.
// Invariants A task is in the queue at most once. Whoever puts one there while a worker is parked
//            wakes one. When every worker is parked the run is idle: those who wait for that go
//            on first, then a virtual clock jumps.
// Threads    Everything is guarded by lock_. Waking happens while it is held: a worker that then
//            ends the run may destroy the scheduler as soon as it holds the lock itself.
// Rejected   For now: a queue for each worker with stealing. It must not change what this class
//            promises.
class scheduler {
 public:
    scheduler(unsigned workers, std::optional<std::uint64_t> seed, clock_source& clock,
              timer_heap& timers);

    void enqueue(task_record& task) noexcept;
    void enqueue_all(ready_chain& tasks) noexcept;

    // The next task for a worker; waits for one. Null: the run has ended. Null without having
    // stopped: timers are due, and the caller fires them.
    struct turn {
        task_record* task;
        bool stopped;
        bool has_waited;  // the caller's clock reading is old
    };
    [[nodiscard]] turn next() noexcept;

    void stop() noexcept;
    // The earliest deadline or the time itself has changed.
    void time_changed() noexcept;

    // For idle_wait: the lock and list of those who wait until nothing can run.
    [[nodiscard]] lowlevel::mutex& lock() noexcept { return lock_; }
    [[nodiscard]] lowlevel::wait_list& idle_waiters() noexcept { return idle_waiters_; }

    // While held, a virtual clock doesn't jump.
    void hold_clock(bool hold) noexcept;

    [[nodiscard]] std::size_t count_ready() noexcept;
    [[nodiscard]] std::uint64_t random_number() noexcept;
    [[nodiscard]] unsigned workers() const noexcept { return workers_; }

 private:
    [[nodiscard]] task_record* pop() noexcept;
    void deal_a_batch() noexcept;
    [[nodiscard]] bool make_progress_when_idle() noexcept;
    void park(lowlevel::mutex_lock& held) noexcept;
    [[nodiscard]] bool timers_are_due() const noexcept;

    // Constant.
    const unsigned workers_;
    const bool seeded_;
    clock_source& clock_;
    timer_heap& timers_;

    // Guarded by lock_.
    lowlevel::mutex lock_;
    lowlevel::condition work_;
    ready_chain ready_;
    std::vector<task_record*> batch_;  // the shuffled ready set, the next one last
    std::mt19937_64 random_;
    lowlevel::wait_list idle_waiters_;
    unsigned parked_ = 0;
    unsigned clock_holds_ = 0;
    bool has_timekeeper_ = false;  // a parked worker sleeps until the next deadline only
    bool stopped_ = false;
};

}  // namespace covey::detail
