// SPDX-License-Identifier: BSL-1.0
#include <covey/detail/reply.hpp>

#include <utility>

namespace covey::detail {

namespace {

constexpr lowlevel::wait_traits waits_for_reply{"reply"};

}  // namespace

void reply_core::settle() noexcept {
    lowlevel::wait_node* asker = nullptr;
    {
        const lowlevel::locked held(lock_);
        is_settled_ = true;
        asker = std::exchange(asker_, nullptr);
        if (asker != nullptr && !asker->claim()) asker = nullptr;
    }
    if (asker != nullptr) asker->wake();
}

void reply_core::fail(std::exception_ptr why) noexcept {
    error = std::move(why);
    settle();
}

reply_wait::reply_wait(reply_core& awaited) noexcept
    : wait_operation(waits_for_reply), reply_(&awaited) {}

void reply_wait::lock() noexcept { reply_->lock_.lock(); }
void reply_wait::unlock() noexcept { reply_->lock_.unlock(); }
bool reply_wait::try_now() { return reply_->is_settled_; }
void reply_wait::link() noexcept { reply_->asker_ = &node(); }
void reply_wait::unlink() noexcept { reply_->asker_ = nullptr; }

}  // namespace covey::detail
