// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "injection_queue.hpp"
#include "run_queue.hpp"
#include "seeded_order.hpp"
#include "ticks.hpp"
#include "timer_wheel.hpp"

#include <covey/clock.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/lowlevel/thread_cleaning.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace covey::detail {

// What the scheduler keeps for one worker. Touched by that worker only, but for its queue.
struct station {
    run_queue queue;
    lowlevel::atomic<std::uint32_t> turns{0};            // written by the owner
    lowlevel::atomic<const task_record*> task{nullptr};  // whose turn it is; likewise
    bool is_unwatched = false;  // what it leaves behind is found by nobody, unless he is called
    // The age rule: what was queued before `marked` was there at `marked_at`.
    std::uint32_t marked = 0;
    std::uint64_t marked_at = 0;
    // The same of every other queue, noted when this worker last looked for something to steal.
    struct sight {
        std::uint32_t tail = 0;
        std::uint32_t turn = 0;
    };
    std::vector<sight> noted;
    std::uint64_t noted_at = 0;
    std::uint64_t cleaned = 0;  // the last cleaning that this worker has done
};

// Which task runs next, and what a worker without one does.
//
//                   finds one                     nothing aged, nothing injected
//     running  <-----------------  searching  ---------------------------------->  parked
//        |                           ^    ^                                          |
//        +---- own queue empty ------+    +----- injected, aged, time, stopped ------+
//
// What       A worker takes from its own queue, and every so often first from the injected tasks
//            and the timers. Without a task of its own it takes injected ones, steals, or parks;
//            at most half of the workers search for something to steal. With a seed there is one
//            worker, and its ready set is dealt in shuffled batches.
// Placement  A task that is woken joins the queue of the worker that woke it, and nobody is called
//            for it: a wake-up of another core costs more than most messages, so tasks that talk
//            stay together until there is work to share. There is when a task has waited in a ring
//            for 50 us: then its owner calls a parked worker (age rule), which takes only what it
//            has itself seen waiting for 20 us. A full ring's older half, a crowd of more than 128
//            and what comes from foreign threads is injected, and calls a worker at once. Of what
//            full rings gave away the newest runs first, the next of a tree that grows in depth.
// Sentinel   Work behind a task that doesn't come back is found: while anybody runs, one parked
//            worker looks every 500 us at the queues, and at the timers in time. It takes what is
//            old, the first in a queue too, if the turn before it is still the same. Where all
//            were parked nobody looks: who wakes to work calls a sentinel as soon as there is
//            something left to find, which for most is never. Timers come one after the other:
//            who wakes for one calls nobody, as a second alarm rings 500 us after the first.
// Liveness   Never depends on stealing: every worker runs its own queue. Whoever injects counts
//            the task first and looks for parked workers then; whoever parks counts itself first
//            and looks for injected tasks then. So one of the two sees the other.
// Idle       When every worker is parked and nothing is injected, those who wait for that go on,
//            then a virtual clock jumps. Nothing wakes by itself then but for the next deadline,
//            and once more 500 us later.
// Lifetime   A foreign thread that injects a task is counted as a guest until its last access: the
//            task may run at once, and the run end.
// Rejected   Waking on every push: two workers are 5 to 15 times slower than one on a pair that
//            talks. One queue with a lock: a round trip takes 1.7 times as long, with one worker.
class scheduler {
 public:
    scheduler(unsigned workers, std::optional<std::uint64_t> seed, simulation* simulated,
              clock_source& clock, timer_wheel& timers);
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    // Any thread. From a worker of this run: to the end of its own queue.
    void enqueue(task_record& task) noexcept;
    void enqueue_all(ready_chain& tasks) noexcept;
    // The same, but the task goes on with the caller's turn, before those that are queued: for one
    // that the caller is about to wait for, or that waits for the caller alone. What it needs is in
    // the cache; behind a long queue it would have to be fetched anew. Costs the turn one operation
    // of its budget, so those who are queued wait no longer than for any turn.
    void hand_over(task_record& task) noexcept;

    // The next task for a worker; waits for one. Null: the run has ended. Null without having
    // stopped: timers are due, and the caller fires them.
    struct turn {
        task_record* task;
        bool stopped;
        bool has_waited;  // the caller's clock reading is old
    };
    [[nodiscard]] turn next(station& own) noexcept;

    void stop() noexcept;
    // A deadline or the time itself has changed.
    void time_changed() noexcept;

    // For idle_wait: the lock and list of those who wait until nothing can run.
    [[nodiscard]] lowlevel::mutex& lock() noexcept { return lock_; }
    [[nodiscard]] lowlevel::wait_list& idle_waiters() noexcept { return idle_waiters_; }

    // Every worker makes that call on its thread between two turns, then the wait is completed.
    // With lock() held.
    void clean_workers_locked(lowlevel::clean_workers& wanted) noexcept;
    // Whether every worker is parked, and neither time nor a task from outside is about to wake
    // one.
    [[nodiscard]] bool is_still() noexcept;
    // If so: keeps them parked until let_go(). For another thread, which keeps the run from ending.
    [[nodiscard]] bool try_to_hold_still() noexcept;
    void let_go() noexcept;

    // While held, a virtual clock doesn't jump.
    void hold_clock(bool hold) noexcept;

    [[nodiscard]] std::size_t count_ready() const noexcept;
    [[nodiscard]] std::uint64_t random_number() noexcept { return order_.random_number(); }
    // What chooses in this run; null: it isn't simulated.
    [[nodiscard]] simulation* simulated() const noexcept { return order_.simulated(); }
    [[nodiscard]] unsigned workers() const noexcept {
        return static_cast<unsigned>(stations_.size());
    }
    [[nodiscard]] station& station_of(unsigned worker) noexcept { return stations_[worker]; }

 private:
    using moment = std::chrono::steady_clock::time_point;

    void push(station& own, task_record& task) noexcept;
    [[gnu::noinline]] void push_slowly(station& own, task_record& task) noexcept;
    [[nodiscard]] task_record* pop(station& own) noexcept;
    [[nodiscard, gnu::noinline]] task_record* pop_in_order() noexcept;  // seeded
    void inject(ready_chain& tasks) noexcept;
    [[nodiscard]] task_record* take_injected(station& own) noexcept;
    void queue_injected(station& own) noexcept;
    [[nodiscard]] turn find_work(station& own) noexcept;
    [[nodiscard]] std::optional<turn> look_for_work(station& own) noexcept;

    [[nodiscard]] task_record* steal(station& own) noexcept;
    [[nodiscard]] task_record* take_aged(station& own) noexcept;
    [[nodiscard]] bool note_rings(station& own) noexcept;
    void call_for_help(station& own) noexcept;

    [[nodiscard]] task_record* look_around(station& own, std::uint32_t turns) noexcept;
    [[nodiscard]] bool has_to_clean(const station& own) const noexcept {
        return own.cleaned != cleanings_.load(lowlevel::order::acquire);
    }
    void clean(station& own) noexcept;

    void park(station& own) noexcept;
    void sleep(lowlevel::mutex_lock& held) noexcept;
    void sleep_until(moment& role, moment alarm, lowlevel::mutex_lock& held) noexcept;
    [[nodiscard]] duration time_to_next_timer() const noexcept;

    void turn_to_work(station& own) noexcept;
    void call_sentinel(station& own) noexcept;
    [[nodiscard]] bool is_looked_after_locked(duration left) const noexcept;

    [[nodiscard]] bool make_progress_when_idle() noexcept;
    void wake_one() noexcept;
    [[nodiscard]] bool is_still_locked() const noexcept;
    void make_next_time_exact() noexcept;
    [[nodiscard]] bool timers_are_due() const noexcept;

    // Constant.
    clock_source& clock_;
    timer_wheel& timers_;
    const bool has_real_clock_;

    std::vector<station> stations_;  // each its worker's
    seeded_order order_;             // the only worker's, if there is a seed
    injection_queue injected_;
    lowlevel::atomic<unsigned> searching_{0};
    lowlevel::atomic<unsigned> guests_{0};
    lowlevel::atomic<bool> stopped_{false};
    lowlevel::atomic<std::uint64_t> cleanings_{0};  // how many were asked for; written under lock_

    // Guarded by lock_. Who is neither a worker nor a guest wakes others while it holds it: a
    // worker that then ends the run may destroy the scheduler as soon as it holds the lock itself.
    lowlevel::mutex lock_;
    lowlevel::condition work_;
    lowlevel::wait_list idle_waiters_;
    lowlevel::wait_list cleaning_waiters_;  // by their numbers
    lowlevel::atomic<unsigned> parked_{0};  // read by anybody
    // When parked workers wake by themselves: one as early as anybody needs it, and another one
    // after it, for the case that the first is busy then.
    moment next_alarm_ = moment::max();
    moment backup_alarm_ = moment::max();
    unsigned clock_holds_ = 0;
    bool is_held_still_ = false;
};

}  // namespace covey::detail
