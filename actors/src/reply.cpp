// SPDX-License-Identifier: BSL-1.0
#include <covey/detail/reply.hpp>

#include "actor_cell.hpp"

#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

constexpr lowlevel::wait_traits waits_for_reply{"reply"};

}  // namespace

// The actor that was asked is alive for as long as it has a request that nobody has answered. So
// the edge to it goes here, before its asker hears of it.
void reply_core::settle() noexcept {
    lowlevel::wait_node* answered = nullptr;
    bool is_last = false;
    {
        const locked held(lock_);
        is_settled_ = true;
        if (asker != nullptr && !is_abandoned()) asker->asks.store(nullptr, order::release);
        answered = std::exchange(waiting_, nullptr);
        if (answered != nullptr && !answered->claim()) answered = nullptr;
        is_last = --keepers_ == 0;
    }
    if (is_last)
        delete this;
    else if (answered != nullptr)
        answered->wake();
}

void reply_core::fail(std::exception_ptr why) noexcept {
    error = std::move(why);
    settle();
}

void reply_core::abandon() noexcept {
    bool is_last = false;
    {
        const locked held(lock_);
        if (asker != nullptr) asker->asks.store(nullptr, order::release);
        abandoned_.store(true, order::release);
        is_last = --keepers_ == 0;
    }
    if (is_last) delete this;
}

// Nobody but the asker has it then, unless somebody kept a status.
void reply_core::end() noexcept {
    if (is_shared_)
        drop_reference();
    else
        delete this;
}

void reply_core::add_reference() noexcept {
    const locked held(lock_);
    is_shared_ = true;
    ++keepers_;
}

void reply_core::drop_reference() noexcept {
    bool is_last = false;
    {
        const locked held(lock_);
        is_last = --keepers_ == 0;
    }
    if (is_last) delete this;
}

reply_wait::reply_wait(reply_core& awaited) noexcept : reply_(&awaited) {}

bool reply_wait::await_ready() { return start(*this); }

const lowlevel::wait_traits& reply_wait::traits() const noexcept { return waits_for_reply; }
void reply_wait::lock() noexcept { reply_->lock_.lock(); }
void reply_wait::unlock() noexcept { reply_->lock_.unlock(); }
bool reply_wait::try_now() { return reply_->is_settled_; }
void reply_wait::link() noexcept { reply_->waiting_ = &node(); }
void reply_wait::unlink() noexcept { reply_->waiting_ = nullptr; }

}  // namespace covey::detail
