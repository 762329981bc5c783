// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/wait_timer.hpp>

#include "runtime_core.hpp"

#include <utility>

namespace covey::lowlevel {

void wait_timer::arm(wait_node& node, time_point when) noexcept {
    if (when == time_point::max()) return;
    core_ = static_cast<detail::task_record&>(*node.who).core;
    node_ = &node;
    core_->timers().lock().lock();
    holds_lock_ = true;
    core_->arm_locked(*this, when.time_since_epoch().count());
}

void wait_timer::unlock() noexcept {
    if (std::exchange(holds_lock_, false)) core_->timers().lock().unlock();
}

void wait_timer::disarm() noexcept {
    if (core_ == nullptr) return;
    if (holds_lock_)
        core_->timers().disarm(*this);
    else
        core_->disarm(*this);
}

void wait_timer::fire(detail::ready_chain& woken) noexcept {
    if (!node_->claim()) return;
    node_->result = wait_result::done;
    detail::complete_into(woken, *node_);
}

}  // namespace covey::lowlevel
