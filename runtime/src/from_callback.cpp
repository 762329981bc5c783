// SPDX-License-Identifier: BSL-1.0
#include <covey/from_callback.hpp>

#include <covey/detail/task_record.hpp>
#include <covey/error.hpp>

#include <fmt/format.h>

#include <memory>
#include <stdexcept>

namespace covey::detail {

namespace {

constexpr lowlevel::wait_traits waits_for_callback{"callback"};

}  // namespace

completion_base::completion_base(callback_state& state) noexcept : state_(&state) {
    state.add_completion();
}

completion_base::completion_base(const completion_base& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_completion();
}

completion_base::~completion_base() {
    if (state_ != nullptr) state_->drop_completion();
}

callback_state& completion_base::state() const {
    if (state_ == nullptr) {
        throw std::logic_error(
            "covey: a completion is used after it was moved from; complete the one it was moved "
            "to");
    }
    return *state_;
}

bool completion_base::set_error(std::exception_ptr error) {
    callback_state& result = state();
    if (!error) {
        throw std::invalid_argument(
            "covey: completion::set_error() of a null exception_ptr; set_stopped() ends the wait "
            "without an error");
    }
    return result.fail(std::move(error));
}

bool completion_base::set_stopped() { return state().stop(); }

// Names are made when an error needs one: what they are made of outlives the task.
callback_state::callback_state()
    : task_(current_task("from_callback")),
      given_name_(task_.given_name()),
      function_(function_name(task_)) {}

std::string callback_state::task_label() const {
    return given_name_.empty() ? pretty_function(function_) : given_name_;
}

// After a cancel() nothing reaches the task, whether it waits already or is still about to.
void callback_state::lock_and_claim() noexcept {
    lock_.lock();
    if (state_ != state::pending) return;
    const bool claimed = waiting_ == nullptr ? !task_.word.is_cancelled() : waiting_->claim();
    if (!claimed) state_ = state::gone;
}

bool callback_state::begin() {
    lock_and_claim();
    if (state_ == state::pending) return true;
    const bool is_gone = state_ == state::gone;
    lock_.unlock();
    if (!is_gone) throw_completed_twice();
    return false;
}

void callback_state::finish(state how) noexcept {
    state_ = how;
    lowlevel::wait_node* claimed = std::exchange(waiting_, nullptr);
    const std::unique_ptr<cancel_hook> unused(std::exchange(hook_, nullptr));
    lock_.unlock();
    if (claimed != nullptr) claimed->wake();
}

bool callback_state::fail(std::exception_ptr error) {
    if (!begin()) return false;
    error_ = std::move(error);
    finish(state::error);
    return true;
}

bool callback_state::stop() {
    if (!begin()) return false;
    finish(state::stopped);
    return true;
}

// Nobody is left who could complete: another completion is made from one that exists.
void callback_state::drop_completion() noexcept {
    if (completions_.fetch_sub(1, lowlevel::order::acq_rel) != 1) return;
    lock_and_claim();
    if (state_ == state::pending)
        finish(state::broken);
    else
        lock_.unlock();
    drop_reference();
}

void callback_state::set_hook(cancel_hook* owned) {
    std::unique_ptr<cancel_hook> hook(owned);
    lock_.lock();
    const state before = state_;
    const bool is_second = before == state::pending && hook_ != nullptr;
    if (before == state::pending && !is_second) hook_ = hook.release();
    lock_.unlock();
    if (is_second) {
        throw std::logic_error(fmt::format(
            "from_callback in task '{}': its completion has an on_cancel() hook already: let that "
            "one do both",
            task_label()));
    }
    if (before == state::gone) hook->call();
}

void callback_state::task_leaves() noexcept {
    lock_.lock();
    if (state_ == state::pending) state_ = state::gone;
    const bool is_gone = state_ == state::gone;
    const std::unique_ptr<cancel_hook> hook(std::exchange(hook_, nullptr));
    lock_.unlock();
    if (is_gone && hook) hook->call();
    drop_reference();
}

void callback_state::check_value() const {
    switch (state_) {
        case state::pending:
        case state::gone:
        case state::value: return;
        case state::error: std::rethrow_exception(error_);
        case state::stopped:
            throw cancelled_error(
                fmt::format("task '{}' waited for a callback whose operation was cancelled",
                            task_label()),
                {cancel_source::explicit_call, "completion::set_stopped()", {}});
        case state::broken:
            throw broken_resource_error(fmt::format(
                "task '{}' waits for a callback that never comes: the completion that "
                "from_callback "
                "gave to its start function was destroyed without set_value(), set_error() or "
                "set_stopped()",
                task_label()));
    }
}

void callback_state::throw_completed_twice() const {
    throw std::logic_error(fmt::format(
        "from_callback in task '{}': its completion is completed a second time; a callback ends "
        "the wait once",
        task_label()));
}

callback_state::wait::wait(callback_state& waited_for) noexcept : result_(&waited_for) {}

bool callback_state::wait::await_ready() {
    if (wait_operation::await_ready()) return true;
    if (!was_refused()) return false;
    const lowlevel::locked held(result_->lock_);
    if (result_->state_ == state::pending) result_->state_ = state::gone;
    return result_->state_ != state::gone;
}

bool callback_state::wait::was_refused_a_result() const noexcept {
    return result_->state_ == state::gone;
}

bool callback_state::wait::was_stopped() const noexcept {
    return result_->state_ == state::stopped;
}

const lowlevel::wait_traits& callback_state::wait::traits() const noexcept {
    return waits_for_callback;
}
void callback_state::wait::lock() noexcept { result_->lock_.lock(); }
void callback_state::wait::unlock() noexcept { result_->lock_.unlock(); }
bool callback_state::wait::try_now() { return result_->state_ != state::pending; }
void callback_state::wait::link() noexcept { result_->waiting_ = &node(); }
void callback_state::wait::unlink() noexcept {
    result_->waiting_ = nullptr;
    if (result_->state_ == state::pending) result_->state_ = state::gone;
}

}  // namespace covey::detail
