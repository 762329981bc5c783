// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/promise.hpp>
#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/suspension.hpp>

namespace covey::detail {

struct station;

// One thread of a run, and the one place that resumes coroutines.
//
// What      Takes a task, resumes its leaf, then whatever frame that one named as the next, until
//           the task waits or ends. A frame that suspends says what comes next in `next`, or in
//           `unwind_from` where to start destroying frames; a task that waits says nothing, because
//           from then on another worker may already be running it.
// Threads   Belongs to its thread.
class worker : public lowlevel::turn {
 public:
    worker(runtime_core& core, unsigned index) noexcept;

    // Runs this task, if any, before others, then tasks until the run ends.
    void run(task_record* first) noexcept;

    // How many operations a task may finish without waiting before it yields to others.
    static constexpr unsigned budget_per_turn = 128;

    [[nodiscard]] task_record* current() const noexcept { return static_cast<task_record*>(who); }

    unsigned next_budget = 0;  // of the next turn; less, if this one is handed over
    promise_base* next = nullptr;
    promise_base* unwind_from = nullptr;
    bool ended = false;  // the current task's root frame has finished or is destroyed
    lowlevel::suspension_watch* watch = nullptr;  // to be told when the current turn is over
    clock_stamp last_look;                        // at the clock
    std::uint64_t choices = 0;  // state of lowlevel::random_choice(); 0: not seeded yet

    [[nodiscard]] runtime_core& core() const noexcept { return core_; }
    // What the scheduler keeps for this worker.
    [[nodiscard]] detail::station& station() noexcept { return station_; }

    const unsigned index;  // 0: the thread that called run()

 private:
    void run_task(task_record& task) noexcept;
    [[nodiscard]] promise_base* where_to_resume(task_record& task) noexcept;
    [[nodiscard]] promise_base* start_or_unwind(task_record& task) noexcept;
    [[nodiscard]] promise_base* start(task_record& task) noexcept;
    [[nodiscard]] promise_base* unwind(promise_base& leaf) noexcept;

    runtime_core& core_;
    detail::station& station_;
    const unsigned turn_budget_;  // 0 in a simulated run: every operation lets others go on
};

// The calling thread's worker, or null. A function, so that no thread-local address is kept across
// a suspension.
[[nodiscard]] worker* this_worker() noexcept;
[[nodiscard]] bool yields_every_operation() noexcept;

// The task has ended: frees what it owned, tells its nursery and those who wait for it.
void end_task(task_record& task) noexcept;

}  // namespace covey::detail
