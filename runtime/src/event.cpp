// SPDX-License-Identifier: BSL-1.0
#include <covey/event.hpp>

namespace covey {

namespace {

constexpr lowlevel::wait_traits waits_for_event{"event"};

}  // namespace

event::~event() { COVEY_ASSERT(waiting_.empty(), "an event is destroyed while tasks wait for it"); }

void event::set() noexcept {
    lowlevel::wake_list woken;
    {
        const lowlevel::locked held(lock_);
        set_ = true;
        while (lowlevel::wait_node* node = waiting_.pop_front())
            if (node->claim()) woken.add(*node);
    }
    woken.wake_all();
}

event::wait_until_set event::wait() noexcept { return wait_until_set(*this); }

bool event::is_set() const noexcept {
    const lowlevel::locked held(lock_);
    return set_;
}

event::event_statistics event::statistics() const noexcept {
    const lowlevel::locked held(lock_);
    return {lowlevel::count_waiting(waiting_)};
}

event::wait_until_set::wait_until_set(event& waited_for) noexcept : event_(&waited_for) {}

const lowlevel::wait_traits& event::wait_until_set::traits() const noexcept {
    return waits_for_event;
}
void event::wait_until_set::lock() noexcept { event_->lock_.lock(); }
void event::wait_until_set::unlock() noexcept { event_->lock_.unlock(); }
bool event::wait_until_set::try_now() { return event_->set_; }
void event::wait_until_set::link() noexcept { event_->waiting_.push_back(node()); }
void event::wait_until_set::unlink() noexcept { node().leave(event_->waiting_); }

}  // namespace covey
