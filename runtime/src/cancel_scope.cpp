// SPDX-License-Identifier: BSL-1.0
#include <covey/cancel_scope.hpp>

#include "scope_tree.hpp"
#include "worker.hpp"

#include <covey/error.hpp>

#include <fmt/format.h>

#include <stdexcept>

namespace covey {

using detail::scope_tree;
using lowlevel::mutex_guard;

namespace {

constexpr lowlevel::wait_traits waits_for_soft_cancel{"soft cancel"};

}  // namespace

const char* to_string(cancel_source source) noexcept {
    switch (source) {
        case cancel_source::none: return "none";
        case cancel_source::explicit_call: return "explicit_call";
        case cancel_source::deadline: return "deadline";
        case cancel_source::nursery: return "nursery";
        case cancel_source::interrupt: return "interrupt";
        case cancel_source::shutdown: return "shutdown";
    }
    return "unknown";
}

cancel_scope::~cancel_scope() {
    if (auto* control = control_.load(lowlevel::order::acquire)) control->drop();
    delete cause_;
    delete soft_cause_;
}

void cancel_scope::cancel(std::string_view reason) noexcept {
    scope_tree::cancel(*this, cancel_source::explicit_call, reason);
}

void cancel_scope::pierce(std::string_view reason) noexcept {
    scope_tree::cancel(*this, cancel_source::explicit_call, reason, detail::shield_strength::full);
}

void cancel_scope::soft_cancel_within(std::string_view reason, duration then_hard,
                                      duration then_pierce) {
    lowlevel::stop_requests told;
    scope_tree::soft_cancel(*this, reason, then_hard, then_pierce, told);
}

bool cancel_scope::soft_cancelled() const noexcept {
    const lowlevel::locked part(core_->own_part_of_tree());
    return soft_effective_;
}

cancel_scope::soft_cancel_wait cancel_scope::until_soft_cancelled() {
    return soft_cancel_wait(*this);
}

bool cancel_scope::cancel_called() const noexcept {
    const lowlevel::locked part(core_->own_part_of_tree());
    return scope_tree::source_of_locked(*this) != cancel_source::none;
}

bool cancel_scope::cancelled_caught() const noexcept {
    const lowlevel::locked whole(core_->tree());  // its task writes it under a part
    return caught_;
}

cancel_cause cancel_scope::cause() const {
    const lowlevel::locked part(core_->own_part_of_tree());
    return scope_tree::cause_of_locked(*this);
}

time_point cancel_scope::deadline() const noexcept {
    const lowlevel::locked part(core_->own_part_of_tree());
    return deadline_;
}

void cancel_scope::move_deadline(time_point when) noexcept {
    scope_tree::set_deadline(*this, when);
}

bool cancel_scope::shield() const noexcept {
    const lowlevel::locked part(core_->own_part_of_tree());
    return shield_ != detail::shield_strength::none;
}

void cancel_scope::set_shield(bool shielded) noexcept { scope_tree::set_shield(*this, shielded); }

scope_handle cancel_scope::handle() { return scope_handle(&scope_tree::control_of(*this)); }

void cancel_scope::fire(detail::ready_chain& woken) noexcept {
    scope_tree::time_is_up_locked(*this, woken);
}

cancel_scope::soft_cancel_wait::soft_cancel_wait(cancel_scope& scope) noexcept : scope_(&scope) {}

const lowlevel::wait_traits& cancel_scope::soft_cancel_wait::traits() const noexcept {
    return waits_for_soft_cancel;
}
void cancel_scope::soft_cancel_wait::lock() noexcept { scope_->core_->tree().lock(); }
void cancel_scope::soft_cancel_wait::unlock() noexcept { scope_->core_->tree().unlock(); }
bool cancel_scope::soft_cancel_wait::try_now() { return scope_->soft_effective_; }
void cancel_scope::soft_cancel_wait::link() noexcept { scope_->soft_waiters_.push_back(node()); }
void cancel_scope::soft_cancel_wait::unlink() noexcept { node().leave(scope_->soft_waiters_); }

scope_handle::scope_handle(const scope_handle& other) noexcept : control_(other.control_) {
    control_->references.fetch_add(1, lowlevel::order::relaxed);
}

scope_handle::~scope_handle() { control_->drop(); }

void scope_handle::cancel(std::string_view reason) const noexcept {
    const mutex_guard held(control_->lock);
    if (control_->scope != nullptr) control_->scope->cancel(reason);
}

void scope_handle::pierce(std::string_view reason) const noexcept {
    detail::cancel_through(*this, detail::shield_strength::full, reason);
}

void scope_handle::soft_cancel(std::string_view reason, duration then_hard,
                               duration then_pierce) const {
    lowlevel::stop_requests told;
    const mutex_guard held(control_->lock);
    if (control_->scope != nullptr)
        scope_tree::soft_cancel(*control_->scope, reason, then_hard, then_pierce, told);
}

bool scope_handle::cancel_called() const noexcept {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->cancel_called() : control_->called;
}

bool scope_handle::cancelled_caught() const noexcept {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->cancelled_caught() : control_->caught;
}

bool scope_handle::soft_cancelled() const noexcept {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->soft_cancelled() : control_->soft;
}

cancel_cause scope_handle::cause() const {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->cause() : control_->cause;
}

time_point scope_handle::deadline() const noexcept {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->deadline() : control_->deadline;
}

bool scope_handle::shield() const noexcept {
    const mutex_guard held(control_->lock);
    return control_->scope != nullptr ? control_->scope->shield() : control_->shield;
}

cancel_scope& current_scope() {
    detail::task_record& task = detail::current_task("current_scope");
    const lowlevel::locked part(task.core->own_part_of_tree());  // a child may be moved
    return scope_tree::scope_of(task);
}

time_point current_effective_deadline() {
    const detail::task_record& task = detail::current_task("current_effective_deadline");
    // Every deadline ahead is armed: without a timer there is none, and no lock to take.
    const bool may_be_limited =
        task.word.is_cancelled() || task.core->timers().next() != detail::timer_wheel::nothing;
    return may_be_limited ? scope_tree::effective_deadline(task) : time_point::max();
}

namespace detail {

void cancel_through(const scope_handle& handle, shield_strength shields,
                    std::string_view reason) noexcept {
    scope_control& control = scope_tree::control_of(handle);
    const mutex_guard held(control.lock);
    if (control.scope != nullptr)
        scope_tree::cancel(*control.scope, cancel_source::explicit_call, reason, shields);
}

void throw_block_awaited_twice() {
    throw std::logic_error(
        "covey: a block is awaited a second time, or after it was moved from: a block runs once, "
        "call the function again for another");
}

void throw_too_slow(const cancel_scope& scope) {
    const task_record& task = current_task("fail_after");
    static_cast<void>(scope);
    throw too_slow_error(fmt::format("task '{}' took longer than its time limit", task_name(task)));
}

void throw_body_cancelled(cancel_cause cause) {
    const task_record& task = current_task("block");
    std::string text = fmt::format(
        "a block in task '{}' was asked for a value and cancelled ({}{}{})", task_name(task),
        to_string(cause.source), cause.reason.empty() ? "" : ": ", cause.reason);
    throw cancelled_error(text, std::move(cause));
}

}  // namespace detail

}  // namespace covey
