// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/alarm.hpp>

#include "scope_tree.hpp"
#include "worker.hpp"

#include <utility>

namespace covey::lowlevel {

using detail::scope_tree;

namespace {

constexpr wait_traits waits_for_alarm{"something to do", false};

}  // namespace

alarm::alarm() : core_(detail::current_task("alarm").core) {}

void alarm::ring() noexcept {
    detail::ready_chain woken;
    detail::runtime_core& core = *core_;
    {
        const locked whole(core.tree());
        rung_ = true;
        if (waiting_ != nullptr) waiting_->complete_locked(woken);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

alarm::ring_wait alarm::wait(time_point when, cancel_scope* asked) noexcept {
    return ring_wait(*this, when, asked);
}

alarm::ring_wait::ring_wait(alarm& waited_for, time_point when, cancel_scope* asked) noexcept
    : alarm_(&waited_for), when_(when), asked_(asked) {}

alarm::ring_wait::ring_wait(ring_wait&& other) noexcept
    : wait_operation(std::move(other)),
      alarm_(other.alarm_),
      when_(other.when_),
      asked_(other.asked_) {}

const wait_traits& alarm::ring_wait::traits() const noexcept { return waits_for_alarm; }
void alarm::ring_wait::lock() noexcept { alarm_->core_->tree().lock(); }
void alarm::ring_wait::unlock() noexcept { alarm_->core_->tree().unlock(); }

bool alarm::ring_wait::try_now() {
    if (std::exchange(alarm_->rung_, false)) return true;
    if (asked_ != nullptr && scope_tree::is_soft_effective_locked(*asked_)) return true;
    return when_.time_since_epoch().count() <= alarm_->core_->now();
}

// Among the scope's own waiters, so that its cancellation finds it: one node, whatever ends it.
wait_list& alarm::ring_wait::list() noexcept {
    return asked_ == nullptr ? alone_ : scope_tree::soft_waiters(*asked_);
}

void alarm::ring_wait::link() noexcept {
    list().push_back(node());
    alarm_->waiting_ = this;
    if (when_ != time_point::max()) alarm_->core_->arm(*this, when_.time_since_epoch().count());
}

void alarm::ring_wait::unlink() noexcept {
    node().leave(list());
    alarm_->waiting_ = nullptr;
    alarm_->core_->disarm(*this);
}

void alarm::ring_wait::complete_locked(detail::ready_chain& woken) noexcept {
    if (!node().is_linked()) return;  // the scope's cancellation was here
    node().leave(list());
    if (node().claim()) detail::complete_into(woken, node());
}

void alarm::ring_wait::fire(detail::ready_chain& woken) noexcept { complete_locked(woken); }

void alarm::ring_wait::await_resume() noexcept {
    const locked whole(alarm_->core_->tree());
    alarm_->waiting_ = nullptr;
    alarm_->rung_ = false;
    alarm_->core_->disarm(*this);
}

}  // namespace covey::lowlevel
