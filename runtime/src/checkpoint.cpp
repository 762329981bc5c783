// SPDX-License-Identifier: BSL-1.0
#include <covey/checkpoint.hpp>

#include "runtime_core.hpp"
#include "worker.hpp"

#include <utility>

namespace covey {

namespace {

constexpr lowlevel::wait_traits waits_for_time{"sleep"};

}  // namespace

bool checkpoint_operation::await_ready() const {
    const detail::task_record& task = detail::current_task("checkpoint");
    lowlevel::this_turn()->note_checkpoint(lowlevel::seen_cancel_point);
    if (kind_ == kind::full) return false;
    return !task.word.is_cancelled();
}

// A full checkpoint goes through the queue first and looks for a cancellation when it comes back,
// so a deadline that passes meanwhile is met at once.
void checkpoint_operation::suspend(detail::promise_base& frame) const noexcept {
    detail::worker& worker = *detail::this_worker();
    detail::task_record& task = *worker.current();
    if (kind_ == kind::cancel_only) {
        worker.unwind_from = &frame;
        return;
    }
    worker.note_checkpoint(lowlevel::seen_schedule_point);
    task.leaf = &frame;
    task.at_checkpoint = true;
    task.wake();
}

sleep_operation::sleep_operation(duration length) noexcept : length_(length) {}

sleep_operation::sleep_operation(time_point until) noexcept : until_(until) {}

sleep_operation::sleep_operation(sleep_operation&& other) noexcept
    : wait_operation(std::move(other)), length_(other.length_), until_(other.until_) {}

bool sleep_operation::await_ready() {
    const detail::task_record& task = detail::current_task("sleep");
    core_ = task.core;
    const bool forever = length_ == never && until_ == time_point::max();
    if (!forever) {
        const time_point now = core_->clock().now();
        if (length_ != never) until_ = detail::later(now, length_);
        passed_ = until_ <= now;
    }
    if (passed_) return checkpoint().await_ready();
    return wait_operation::await_ready();
}

const lowlevel::wait_traits& sleep_operation::traits() const noexcept { return waits_for_time; }
void sleep_operation::lock() noexcept { core_->timers().lock().lock(); }
void sleep_operation::unlock() noexcept { core_->timers().lock().unlock(); }
bool sleep_operation::try_now() { return false; }
void sleep_operation::link() noexcept {
    if (until_ != time_point::max()) core_->arm_locked(*this, until_.time_since_epoch().count());
}
void sleep_operation::unlink() noexcept { core_->timers().disarm(*this); }

void sleep_operation::fire(detail::ready_chain& woken) noexcept {
    if (node().claim()) detail::complete_into(woken, node());
}

}  // namespace covey
