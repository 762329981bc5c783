// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/park.hpp>

#include "runtime_core.hpp"
#include "simulation.hpp"
#include "worker.hpp"

#include <covey/error.hpp>
#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <sched.h>
#include <stdexcept>

namespace covey::lowlevel {

// An ordinary thread that blocks. It may go as soon as it holds the mutex, so wake() signals
// while it holds it.
class wait_operation::blocked_thread final : public waiter {
 public:
    void wake() noexcept override {
        const mutex_guard held(lock_);
        woken_ = true;
        changed_.notify_one();
    }
    void block() {
        mutex_lock held(lock_);
        changed_.wait(held, [this] { return woken_; });
    }
    // False: not woken so far.
    [[nodiscard]] bool block_for(std::chrono::nanoseconds length) {
        mutex_lock held(lock_);
        return changed_.wait_for(held, length, [this] { return woken_; });
    }

 private:
    mutex lock_;
    condition changed_;
    bool woken_ = false;
};

void spin_lock::lock_contended() noexcept {
    constexpr unsigned longest_pause = 64;
    constexpr unsigned pauses_before_yield = 4000;
    unsigned pauses = 8;
    unsigned paused = 0;
    do {
        if (paused < pauses_before_yield) {
            for (unsigned i = 0; i < pauses; ++i) pause();
            paused += pauses;
            if (pauses < longest_pause) pauses *= 2;
        } else {
            sched_yield();
        }
    } while (locked_.exchange(1, order::acquire) != 0);
}

std::size_t count_waiting(const wait_list& list) noexcept {
    std::size_t count = 0;
    for (wait_node* node = list.front(); node != nullptr; node = list.after(*node)) {
        if (node->is_waiting()) ++count;
    }
    return count;
}

void wake_list::wake_all() noexcept {
    while (wait_node* node = nodes_.pop_front()) node->wake();
}

void wait_node::wake() noexcept {
    count(counted::waiters, -1);
    who->wake();
}

void refuse_to_block_worker(const char* call, const char* instead) {
    const detail::task_record* task = detail::current_task_or_null();
    if (task == nullptr) return;
    throw would_deadlock_error(
        fmt::format("{} in task '{}' would block the worker that runs it: co_await {} instead",
                    call, detail::task_name(*task), instead));
}

bool wait_operation::await_ready() { return start(*this); }

// Outside a task; or again: an operation has one value to give and one place in a list.
void wait_operation::refuse_to_start() const {
    static_cast<void>(detail::current_task(traits().verb));
    throw std::logic_error(fmt::format(
        "covey: '{}' is awaited a second time, or after it was moved from: call the function "
        "again for another operation",
        traits().verb));
}

void wait_operation::suspend(detail::promise_base& frame) noexcept {
    detail::worker& worker = *detail::this_worker();
    detail::task_record& task = *worker.current();
    switch (step_) {
        case step::fresh:
        case step::moved:
        case step::begun: break;
        case step::unwind: worker.unwind_from = &frame; return;
        case step::yield:
            task.leaf = &frame;
            task.phase.store(detail::task_phase::ready, order::relaxed);
            task.core->scheduler().enqueue(task);
            return;
        case step::park:
            worker.note_checkpoint(seen_schedule_point);
            task.leaf = &frame;
            task.place.store(frame.place, order::relaxed);
            task.waits_for.store(&traits(), order::relaxed);
            task.since.store(worker.last_look, order::relaxed);
            task.phase.store(detail::task_phase::waiting, order::relaxed);
            count(counted::waiters, +1);
            unlock();  // from here on the task may be running elsewhere
            return;
    }
}

void wait_operation::withdraw() noexcept {
    lock();
    unlink();
    unlock();
    count(counted::waiters, -1);
}

// The worker waits for the call, and with it everybody who could end the wait.
void wait_operation::refuse_in_simulated_call() const {
    if (detail::simulation_of_call == nullptr) return;
    throw would_deadlock_error(
        fmt::format("'{}' in a to_thread call of a simulated run would wait for ever, as its tasks "
                    "wait for the call: await it in a task",
                    traits().verb));
}

// True: it is done. False: queued, and somebody will wake the caller.
bool wait_operation::try_or_queue(waiter& caller, bool blocks) {
    who = &caller;
    lock();
    try {
        if (try_now()) {
            unlock();
            return true;
        }
        if (blocks) refuse_in_simulated_call();
    } catch (...) {
        unlock();
        throw;
    }
    link();
    const bool armed = caller.word.arm(*this);
    COVEY_ASSERT(armed, "a waiter that is about to wait was cancelled");
    count(counted::waiters, +1);
    unlock();
    return false;
}

bool wait_operation::start_for(waiter& told) {
    COVEY_ASSERT(traits().interruptible, "nobody could win the end of this wait");
    return try_or_queue(told, false);
}

void wait_operation::block_thread() {
    blocked_thread caller;
    if (!try_or_queue(caller, true)) caller.block();
}

bool wait_operation::block_thread_for(std::int64_t nanoseconds) {
    constexpr std::chrono::nanoseconds longest = std::chrono::hours(24 * 365);
    blocked_thread caller;
    if (try_or_queue(caller, true)) return true;
    if (caller.block_for(std::min(std::chrono::nanoseconds(nanoseconds), longest))) return true;
    if (caller.word.cancel()) {
        withdraw();
        return false;
    }
    caller.block();  // completed in the last moment: its waker still needs the caller
    return true;
}

}  // namespace covey::lowlevel
