// SPDX-License-Identifier: BSL-1.0
#include <covey/join_handle.hpp>

#include "scope_tree.hpp"

#include <covey/error.hpp>
#include <covey/lowlevel/wait_report.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace covey::detail {

namespace {

constexpr lowlevel::wait_traits waits_for_task{"task"};

}  // namespace

bool joinable_base::is_settled() const noexcept {
    const lowlevel::locked held(settle_lock_);
    return end_ > child_end::ending;
}

// Once the end is announced, the run may be over.
void joinable_base::cancel_alone(std::string_view reason) noexcept {
    const lowlevel::locked held(settle_lock_);
    if (end_ == child_end::running) scope_tree::cancel_own_scope(*this, reason);
}

void joinable_base::keep_blame() noexcept {
    {
        const lowlevel::locked held(settle_lock_);
        end_ = child_end::ending;
    }
    cancel_cause cause = scope_tree::blame(*scope);
    blamed_ = cause.source;
    if (!cause.reason.empty() || !cause.task_name.empty())
        blame_ = new (std::nothrow) cancel_cause(std::move(cause));
}

cancel_cause joinable_base::blame() const {
    if (blame_ != nullptr) return *blame_;
    cancel_cause bare;
    bare.source = blamed_;
    return bare;
}

void joinable_base::announce() noexcept {
    lowlevel::wake_list woken;
    if (!settle(woken)) {
        scope_tree::leave_own_scope(*this);
        static_cast<void>(settle(woken));
    }
    woken.wake_all();
}

// False: it has been cancelled alone, and has to leave the scope that was made for that. Nobody
// makes one any more.
bool joinable_base::settle(lowlevel::wake_list& woken) noexcept {
    const lowlevel::locked held(settle_lock_);
    end_ = child_end::ending;
    if (scope_tree::is_in_own_scope(*this)) return false;
    end_ = root.error ? child_end::failed : root.stopped ? child_end::stopped : child_end::returned;
    while (lowlevel::wait_node* node = waiting_.pop_front())
        if (node->claim()) woken.add(*node);
    return true;
}

joinable_base::wait::wait(joinable_base* child, reference how) : child_(child) {
    if (child == nullptr) {
        throw std::logic_error(
            "covey: a join_handle is awaited after it was moved from; await the one it was moved "
            "to");
    }
    if (how == reference::added) child->add_reference();
}

joinable_base::wait::wait(wait&& other) noexcept
    : wait_operation(std::move(other)), child_(std::exchange(other.child_, nullptr)) {}

joinable_base::wait::~wait() {
    if (child_ != nullptr) child_->drop_reference();
}

bool joinable_base::wait::await_ready() { return start(*this); }
const lowlevel::wait_traits& joinable_base::wait::traits() const noexcept { return waits_for_task; }
void joinable_base::wait::lock() noexcept { child_->settle_lock_.lock(); }
void joinable_base::wait::unlock() noexcept { child_->settle_lock_.unlock(); }
bool joinable_base::wait::try_now() { return child_->end_ > child_end::ending; }
void joinable_base::wait::link() noexcept { child_->waiting_.push_back(node()); }
void joinable_base::wait::unlink() noexcept { node().leave(child_->waiting_); }

void joinable_base::wait::tell(lowlevel::wait_report& report) const {
    report.waits_for(*child_, "the end of");
}

void joinable_base::wait::check_returned() const {
    const char* text = nullptr;
    switch (child_->end_) {
        case child_end::running:
        case child_end::ending:
        case child_end::returned: return;
        case child_end::taken:
            throw std::logic_error(
                fmt::format("the result of task '{}' was taken already: a join_handle gives its "
                            "value once; keep what the first co_await gave",
                            task_name(*child_)));
        case child_end::failed: text = "task '{}' failed: its nursery has the error"; break;
        case child_end::stopped: text = "task '{}' was cancelled and has no result"; break;
    }
    throw cancelled_error(fmt::format(fmt::runtime(text), task_name(*child_)), child_->blame());
}

}  // namespace covey::detail
