// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "scheduler.hpp"
#include "simulation.hpp"
#include "thread_pool.hpp"
#include "timer_wheel.hpp"
#include "tree_lock.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/run.hpp>

#include <vector>

namespace covey::detail {

// One run: its tree of scopes and tasks, its timers, its queue, its threads.
//
// Lock order, from the outermost: control (scope_control, nursery_control, the settle lock of a
// child) -> tree (a part, or all parts by index) -> nursery -> timers -> queue. Only who holds the
// whole tree may hold the locks of several nurseries. An object's own lock (channel, event, job)
// comes before the queue's and meets none of the others, but for a select's channels, which come
// before timers. User code runs under none of them but for the move of a value.
class runtime_core {
 public:
    // Simulated, if something chooses in the place of chance.
    runtime_core(task_record& main, const run_options& options, simulation* simulated = nullptr);
    runtime_core(const runtime_core&) = delete;
    runtime_core& operator=(const runtime_core&) = delete;
    ~runtime_core();

    // On the calling thread as worker 0, until main has ended and all threads are joined.
    void run();
    // Threads for the workers from `first` on, which work until main has ended. If one can't be had
    // the run ends, and this throws.
    [[nodiscard]] std::vector<lowlevel::thread> start_workers(unsigned first);
    void main_ended() noexcept { scheduler_.stop(); }

    [[nodiscard]] tree_lock& tree() noexcept { return tree_; }
    // The calling thread's part of it.
    [[nodiscard]] lowlevel::spin_lock& own_part_of_tree() noexcept;
    [[nodiscard]] timer_wheel& timers() noexcept { return timers_; }
    [[nodiscard]] detail::scheduler& scheduler() noexcept { return scheduler_; }
    [[nodiscard]] clock_source& clock() noexcept { return clock_; }
    [[nodiscard]] thread_pool& threads() noexcept { return *threads_; }
    [[nodiscard]] task_record& main() noexcept { return main_; }

    [[nodiscard]] std::int64_t now() const noexcept {
        return clock_.now().time_since_epoch().count();
    }
    // Any lock may be held but the queue's; timers are armed with theirs held.
    void arm(timer& node, std::int64_t when) noexcept;
    void arm_locked(timer& node, std::int64_t when) noexcept;
    void disarm(timer& node) noexcept;
    void fire_due_timers() noexcept;
    void clock_moved() noexcept { scheduler_.time_changed(); }

 private:
    // Constant.
    task_record& main_;
    clock_source& clock_;

    tree_lock tree_;
    timer_wheel timers_;
    detail::scheduler scheduler_;
    thread_pool* threads_;  // counted: a thread that was abandoned may outlive the run
};

// detail::run_main, in the order that the simulation chooses, if there is one.
void run_main(task_record& main, const run_options& options, simulation* simulated);

[[nodiscard]] unsigned worker_count(const run_options& options);
[[nodiscard]] clock_source& steady_clock_source() noexcept;

}  // namespace covey::detail
