// SPDX-License-Identifier: BSL-1.0
#include "scheduler.hpp"

#include <algorithm>
#include <chrono>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;

scheduler::scheduler(unsigned workers, std::optional<std::uint64_t> seed, clock_source& clock,
                     timer_heap& timers)
    : workers_(workers),
      seeded_(seed.has_value()),
      clock_(clock),
      timers_(timers),
      random_(seed ? *seed : std::random_device()()) {}

void scheduler::enqueue(task_record& task) noexcept {
    const mutex_guard held(lock_);
    ready_.add(task);
    if (parked_ != 0) work_.notify_one();
}

void scheduler::enqueue_all(ready_chain& tasks) noexcept {
    if (tasks.empty()) return;
    const mutex_guard held(lock_);
    ready_.append(tasks);
    if (parked_ != 0) work_.notify_all();
}

scheduler::turn scheduler::next() noexcept {
    if (timers_are_due()) return {nullptr, false, false};
    mutex_lock held(lock_);
    for (bool has_waited = false;; has_waited = true) {
        if (task_record* task = pop()) return {task, false, has_waited};
        if (stopped_ || timers_are_due()) return {nullptr, stopped_, has_waited};
        park(held);
    }
}

void scheduler::stop() noexcept {
    const mutex_guard held(lock_);
    stopped_ = true;
    work_.notify_all();
}

void scheduler::time_changed() noexcept {
    const mutex_guard held(lock_);
    if (parked_ != 0) work_.notify_all();
}

std::size_t scheduler::count_ready() noexcept {
    const mutex_guard held(lock_);
    std::size_t count = batch_.size();
    for (const task_record* task = ready_.first(); task != nullptr; task = task->next_ready)
        ++count;
    return count;
}

std::uint64_t scheduler::random_number() noexcept {
    const mutex_guard held(lock_);
    return random_();
}

void scheduler::hold_clock(bool hold) noexcept {
    const mutex_guard held(lock_);
    if (hold)
        ++clock_holds_;
    else
        --clock_holds_;
    if (clock_holds_ == 0 && parked_ != 0) work_.notify_all();
}

task_record* scheduler::pop() noexcept {
    if (!seeded_) return ready_.take();
    if (batch_.empty()) deal_a_batch();
    if (batch_.empty()) return ready_.take();  // nothing, or no memory to shuffle in
    task_record* task = batch_.back();
    batch_.pop_back();
    return task;
}

void scheduler::deal_a_batch() noexcept {
    while (!ready_.empty()) {
        try {
            batch_.push_back(nullptr);
        } catch (...) {
            break;
        }
        batch_.back() = ready_.take();
    }
    // Fisher and Yates by hand: std::shuffle differs between standard libraries.
    for (std::size_t left = batch_.size(); left > 1; --left)
        std::swap(batch_[left - 1], batch_[random_() % left]);
}

bool scheduler::timers_are_due() const noexcept {
    const std::int64_t next = timers_.next();
    return next != timer_heap::nothing && next <= clock_.now().time_since_epoch().count();
}

// Every worker is parked and nothing is queued. True: something changed.
bool scheduler::make_progress_when_idle() noexcept {
    bool changed = false;
    while (lowlevel::wait_node* node = idle_waiters_.pop_front()) {
        if (!node->claim()) continue;
        complete_into(ready_, *node);
        changed = true;
    }
    if (changed) return true;
    const std::int64_t next = timers_.next();
    if (next == timer_heap::nothing || clock_holds_ != 0) return false;
    return clock_.skip_to(time_point(duration(next)));
}

void scheduler::park(mutex_lock& held) noexcept {
    ++parked_;
    if (parked_ == workers_ && make_progress_when_idle()) {
        --parked_;
        return;
    }
    const std::int64_t next = timers_.next();
    if (clock_.is_real() && next != timer_heap::nothing && !has_timekeeper_) {
        has_timekeeper_ = true;
        const auto left = duration(next) - clock_.now().time_since_epoch();
        constexpr duration longest = std::chrono::hours(1);  // the sum with the present fits
        if (left > duration::zero()) work_.wait_for(held, std::min(left, longest));
        has_timekeeper_ = false;
        // Somebody else has to watch the clock while this worker is busy.
        if (parked_ > 1) work_.notify_one();
    } else {
        work_.wait(held);
    }
    --parked_;
}

}  // namespace covey::detail
