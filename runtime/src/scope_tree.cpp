// SPDX-License-Identifier: BSL-1.0
#include "scope_tree.hpp"

#include "worker.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

// Empty also without memory for it: cancelling goes before telling who did it.
std::string name_of_caller() noexcept {
    try {
        if (const task_record* task = current_task_or_null()) return task_name(*task);
    } catch (...) {
    }
    return {};
}

}  // namespace

void scope_tree::enter(cancel_scope& scope, task_record& task, const scope_limits& limits,
                       nursery* opened) {
    runtime_core& core = *task.core;
    time_point deadline = limits.deadline;
    std::int64_t now = 0;
    if (limits.timeout != never || deadline != time_point::max()) now = core.now();
    if (limits.timeout != never)
        deadline = std::min(deadline, later(time_point(duration(now)), limits.timeout));

    lowlevel::stop_requests told;
    const locked own_part(core.own_part_of_tree());
    cancel_scope& outer = *task.scope;
    scope.core_ = &core;
    scope.owner_ = &task;
    scope.nursery_ = opened;
    scope.outer_ = &outer;
    if (limits.shield)
        scope.shield_ = limits.yielding ? shield_strength::yielding : shield_strength::full;
    scope.grace_ = limits.grace;
    scope.note_ = limits.note;
    scope.deadline_ = deadline;
    if (deadline != time_point::max() && deadline.time_since_epoch().count() <= now)
        scope.source_ = cancel_source::deadline;

    if (outer.owner_ == &task) outer.inner_ = &scope;
    task.scope = &scope;
    if (outer.soft_effective_ || scope.source_ != cancel_source::none) [[unlikely]]
        enter_cancelled_locked(scope, told);
    else if (deadline != time_point::max())
        core.arm(scope, deadline.time_since_epoch().count());
}

// Nothing is below it yet, and its task itself runs: nobody's wait is to be claimed.
void scope_tree::enter_cancelled_locked(cancel_scope& scope,
                                        lowlevel::stop_requests& told) noexcept {
    static_cast<void>(begin_grace(scope));
    const flags given = flags_of(scope);
    ask_to_stop(scope, given, told);
    give(scope, given);
    scope.owner_->word.set_level(scope.effective_);
    rearm_locked(scope);
}

// A timer of the scope is taken out under the own part as well: those that fire do so under the
// whole lock.
bool scope_tree::leave(cancel_scope& scope, bool body_stopped) noexcept {
    runtime_core& core = *scope.core_;
    task_record& task = *scope.owner_;
    scope_control* control = scope.control_.load(order::acquire);
    if (control != nullptr) control->lock.lock();
    bool pass_on = false;
    {
        const locked own_part(core.own_part_of_tree());
        COVEY_ASSERT(task.scope == &scope, "a scope is left that is not the innermost one");
        if (scope.is_armed()) core.disarm(scope);
        cancel_scope& outer = *scope.outer_;
        if (body_stopped) {
            scope.caught_ = scope.source_ != cancel_source::none && !lets_in(scope);
            pass_on = !scope.caught_;
        }
        task.scope = &outer;
        if (outer.owner_ == &task) outer.inner_ = nullptr;
        if (scope.effective_ != outer.effective_) task.word.set_level(outer.effective_);
        if (control != nullptr) take_leave_locked(scope, *control);
    }
    if (control != nullptr) control->lock.unlock();
    return pass_on;
}

void scope_tree::end_claim(task_record& task) noexcept {
    const locked own_part(task.core->own_part_of_tree());
    task.word.set_level(task.scope->effective_);
}

// What the handles will answer from now on.
void scope_tree::take_leave_locked(const cancel_scope& scope, scope_control& control) noexcept {
    control.scope = nullptr;
    control.called = source_of_locked(scope) != cancel_source::none;
    control.caught = scope.caught_;
    control.soft = scope.soft_effective_;
    control.shield = scope.shield_ != shield_strength::none;
    control.deadline = scope.deadline_;
    try {
        control.cause = cause_of_locked(scope);
    } catch (...) {  // without memory for the texts, the source has to do
        control.cause.source = source_of_locked(scope);
    }
}

cancel_cause scope_tree::blame(const cancel_scope& scope) noexcept {
    const locked own_part(scope.core_->own_part_of_tree());
    const cancel_scope* to_blame = &scope;
    while (to_blame->source_ == cancel_source::none && lets_in(*to_blame))
        to_blame = to_blame->outer_;
    try {
        return cause_of_locked(*to_blame);
    } catch (...) {  // without memory for the texts, the source has to do
        cancel_cause bare;
        bare.source = to_blame->source_;
        return bare;
    }
}

// Below the scope of its nursery, and above what it has opened itself.
cancel_scope& scope_tree::make_own_scope(task_record& child) noexcept {
    cancel_scope& own = *::new (child.place_of_own_scope()) cancel_scope();
    own.core_ = child.core;
    own.owner_ = &child;
    own.outer_ = &child.parent->scope_;
    own.shield_ = child.is_service ? shield_strength::full : shield_strength::none;
    give(own, flags_of(own));
    return own;
}

void scope_tree::leave_own_scope(task_record& child) noexcept {
    cancel_scope& own = *child.scope;
    static_cast<void>(leave(own, false));
    own.~cancel_scope();
}

cancel_scope* scope_tree::outermost_of_locked(const task_record& task) noexcept {
    cancel_scope* scope = task.scope;
    if (!is_in_own_scope(task)) return nullptr;
    while (scope->outer_ != nullptr && scope->outer_->owner_ == &task) scope = scope->outer_;
    return scope;
}

void scope_tree::move_locked(cancel_scope& above, task_record& child, ready_chain& woken,
                             lowlevel::stop_requests& told) noexcept {
    if (cancel_scope* own = outermost_of_locked(child)) {
        own->outer_ = &above;
        spread_locked(*own, woken, &told);
    } else {
        child.scope = &above;
        signal_locked(child, above.effective_, woken);
    }
}

void scope_tree::make_root(cancel_scope& root, runtime_core& core, task_record& main) noexcept {
    root.core_ = &core;
    root.owner_ = &main;
    main.scope = &root;
}

// The run is over, and nobody fires timers any more: handles answer for themselves from now on.
void scope_tree::retire_root(cancel_scope& root) noexcept {
    scope_control* control = root.control_.load(order::acquire);
    if (control != nullptr) control->lock.lock();
    {
        // The whole: whoever cancelled from outside may just be giving it up.
        const locked whole(root.core_->tree());
        if (root.is_armed()) root.core_->disarm(root);
        root.caught_ = root.owner_->root.stopped;
        if (control != nullptr) take_leave_locked(root, *control);
    }
    if (control != nullptr) control->lock.unlock();
}

void scope_tree::cancel(cancel_scope& scope, cancel_source source, std::string_view reason,
                        shield_strength through) noexcept {
    cancel_cause* cause = make_cause(reason, name_of_caller());
    runtime_core& core = *scope.core_;
    ready_chain woken;
    {
        const locked whole(core.tree());
        const bool is_stronger = scope.own_force_ < through;
        if (is_stronger) scope.own_force_ = through;
        if (is_stronger && scope.source_ != cancel_source::none) spread_locked(scope, woken);
        cancel_locked(scope, source, cause, woken);
    }
    // With nobody claimed the run may be over by now: then it must not be touched.
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

void scope_tree::cancel_own_scope(task_record& child, std::string_view reason) noexcept {
    cancel_cause* cause = make_cause(reason, name_of_caller());
    runtime_core& core = *child.core;
    ready_chain woken;
    {
        const locked whole(core.tree());
        cancel_scope* own = outermost_of_locked(child);
        if (own != child.place_of_own_scope()) {
            cancel_scope& made = make_own_scope(child);
            if (own == nullptr) {
                child.scope = &made;
            } else {
                own->outer_ = &made;
                made.inner_ = own;
            }
            own = &made;
        }
        cancel_locked(*own, cancel_source::explicit_call, cause, woken);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

void scope_tree::cancel_locked(cancel_scope& scope, cancel_source source, cancel_cause* cause,
                               ready_chain& woken) noexcept {
    if (scope.source_ != cancel_source::none) {
        delete cause;
        return;
    }
    scope.source_ = source_of_locked(scope);  // a deadline that nobody has noticed yet came first
    if (scope.source_ == cancel_source::none)
        scope.source_ = source;
    else
        delete std::exchange(cause, nullptr);
    scope.cause_ = cause;
    spread_locked(scope, woken);
}

void scope_tree::soft_cancel(cancel_scope& scope, std::string_view reason, duration then_hard,
                             duration then_pierce, lowlevel::stop_requests& told) {
    const std::string caller = name_of_caller();
    runtime_core& core = *scope.core_;
    const std::int64_t now = core.now();
    ready_chain woken;
    {
        const locked whole(core.tree());
        if (!scope.soft_called_) {
            scope.soft_called_ = true;
            scope.soft_cause_ = make_cause(reason, caller);
            spread_locked(scope, woken, &told);
        }
        const time_point asked(duration{now});
        scope.hard_deadline_ = std::min(scope.hard_deadline_, later(asked, then_hard));
        scope.pierce_deadline_ = std::min(scope.pierce_deadline_, later(asked, then_pierce));
        rearm_locked(scope);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

void scope_tree::set_shield(cancel_scope& scope, bool shielded) noexcept {
    runtime_core& core = *scope.core_;
    lowlevel::stop_requests told;
    ready_chain woken;
    {
        const locked whole(core.tree());
        scope.shield_ = shielded ? shield_strength::full : shield_strength::none;
        spread_locked(scope, woken, &told);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

void scope_tree::set_deadline(cancel_scope& scope, time_point when) noexcept {
    runtime_core& core = *scope.core_;
    const time_point now(duration(core.now()));
    ready_chain woken;
    {
        const locked whole(core.tree());
        const bool is_over = std::min(when, scope.deadline_) <= now;
        if (is_over) cancel_locked(scope, cancel_source::deadline, nullptr, woken);
        scope.deadline_ = when;
        rearm_locked(scope);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
}

// One timer for all the times a scope may have.
void scope_tree::rearm_locked(cancel_scope& scope) noexcept {
    runtime_core& core = *scope.core_;
    if (scope.is_armed()) core.disarm(scope);
    time_point next = scope.shield_until_;
    if (scope.source_ == cancel_source::none)
        next = std::min({next, scope.deadline_, scope.hard_deadline_});
    if (scope.own_force_ != shield_strength::full) next = std::min(next, scope.pierce_deadline_);
    if (next != time_point::max()) core.arm(scope, next.time_since_epoch().count());
}

void scope_tree::time_is_up_locked(cancel_scope& scope, ready_chain& woken) noexcept {
    const time_point now(duration(scope.core_->now()));
    if (scope.deadline_ <= now) {
        cancel_locked(scope, cancel_source::deadline, nullptr, woken);
    } else if (scope.hard_deadline_ <= now) {
        cancel_locked(scope, cancel_source::explicit_call,
                      std::exchange(scope.soft_cause_, nullptr), woken);
    }
    if (scope.pierce_deadline_ <= now && scope.own_force_ != shield_strength::full) {
        scope.own_force_ = shield_strength::full;
        if (scope.source_ != cancel_source::none) spread_locked(scope, woken);
        cancel_locked(scope, cancel_source::explicit_call, nullptr, woken);
    }
    if (scope.shield_until_ <= now) {
        scope.shield_until_ = time_point::max();
        scope.shield_ = shield_strength::none;
        spread_locked(scope, woken);
    }
    rearm_locked(scope);
}

bool scope_tree::lets_in(const cancel_scope& scope) noexcept {
    return scope.outer_ != nullptr && scope.outer_->effective_ &&
           scope.shield_ <= scope.outer_->force_;
}

scope_tree::flags scope_tree::flags_of(const cancel_scope& scope) noexcept {
    const bool from_inside = scope.source_ != cancel_source::none;
    const bool from_outside = lets_in(scope);
    const bool softly_from_outside = scope.outer_ != nullptr && scope.outer_->soft_effective_ &&
                                     scope.shield_ == shield_strength::none;
    flags result{};
    result.effective = from_inside || from_outside;
    result.soft = scope.soft_called_ || result.effective || softly_from_outside;
    result.force = std::max(from_inside ? scope.own_force_ : shield_strength::none,
                            from_outside ? scope.outer_->force_ : shield_strength::none);
    return result;
}

bool scope_tree::carries(const cancel_scope& scope, const flags& given) noexcept {
    return scope.effective_ == given.effective && scope.soft_effective_ == given.soft &&
           scope.force_ == given.force;
}

void scope_tree::give(cancel_scope& scope, const flags& given) noexcept {
    scope.effective_ = given.effective;
    scope.soft_effective_ = given.soft;
    scope.force_ = given.force;
}

void scope_tree::ask_to_stop(const cancel_scope& scope, const flags& given,
                             lowlevel::stop_requests& told) noexcept {
    if (scope.note_ == nullptr || !given.soft || given.effective || scope.soft_effective_) return;
    if (lowlevel::stop_listener* listener = scope.note_->asked_to_stop()) told.add(*listener);
}

// True: a cancellation has arrived at a shield that holds for some time only, which begins now.
bool scope_tree::begin_grace(cancel_scope& scope) noexcept {
    if (scope.grace_ == never || scope.shield_ == shield_strength::none) return false;
    if (scope.shield_until_ != time_point::max()) return false;
    if (scope.outer_ == nullptr || !scope.outer_->effective_) return false;
    scope.shield_until_ = later(time_point(duration(scope.core_->now())), scope.grace_);
    return true;
}

// Computes the flags of a scope anew, and of everything below it that they change. An explicit
// list of scopes to visit, through the scopes themselves: any depth costs no stack and no memory.
void scope_tree::spread_locked(cancel_scope& from, ready_chain& woken,
                               lowlevel::stop_requests* told) noexcept {
    lowlevel::wait_list softly;  // completed last: whom the cancellation reaches, it claims
    cancel_scope* to_visit = &from;
    from.next_to_visit_ = nullptr;
    const auto visit_later = [&to_visit](cancel_scope& scope) {
        scope.next_to_visit_ = to_visit;
        to_visit = &scope;
    };
    while (to_visit != nullptr) {
        cancel_scope& scope = *to_visit;
        to_visit = scope.next_to_visit_;

        if (begin_grace(scope)) rearm_locked(scope);
        const flags now = flags_of(scope);
        if (&scope != &from && carries(scope, now)) continue;
        if (told != nullptr) ask_to_stop(scope, now, *told);
        if (now.soft) softly.splice_back(scope.soft_waiters_);
        if (scope.inner_ != nullptr)
            visit_later(*scope.inner_);
        else if (scope.owner_->scope == &scope)
            signal_locked(*scope.owner_, now.effective, woken);
        if (scope.nursery_ == nullptr) {
            give(scope, now);
            continue;
        }
        // In one step, so that no child is missed. Children that opened scopes can't end before the
        // tree lock is released; the others end under the nursery's.
        const locked in_step(scope.nursery_->lock_);
        give(scope, now);
        for (sibling_list* list : {&scope.nursery_->children_, &scope.nursery_->services_}) {
            for (task_record* child = list->front(); child != nullptr;
                 child = list->after(*child)) {
                if (cancel_scope* own = outermost_of_locked(*child))
                    visit_later(*own);
                else
                    signal_locked(*child, now.effective, woken);
            }
        }
    }
    while (lowlevel::wait_node* node = softly.pop_front())
        if (node->claim()) complete_into(woken, *node);
}

void scope_tree::signal_locked(task_record& task, bool cancelled, ready_chain& woken) noexcept {
    if (!cancelled)
        task.word.withdraw_cancel();
    else if (task.word.cancel())
        woken.add(task);
}

cancel_cause* scope_tree::make_cause(std::string_view reason, std::string_view task) noexcept {
    if (reason.empty() && task.empty()) return nullptr;
    try {
        auto cause = std::make_unique<cancel_cause>();
        cause->reason = reason;
        cause->task_name = task;
        return cause.release();
    } catch (...) {
        return nullptr;
    }
}

cancel_cause scope_tree::cause_of_locked(const cancel_scope& scope) {
    cancel_cause cause;
    if (scope.cause_ != nullptr) cause = *scope.cause_;
    cause.source = source_of_locked(scope);
    return cause;
}

// A deadline counts from the moment it passes: its timer fires a little later.
cancel_source scope_tree::source_of_locked(const cancel_scope& scope) noexcept {
    if (scope.source_ != cancel_source::none || scope.deadline_ == time_point::max())
        return scope.source_;
    const bool is_over = scope.deadline_.time_since_epoch().count() <= scope.core_->now();
    return is_over ? cancel_source::deadline : cancel_source::none;
}

time_point scope_tree::effective_deadline(const task_record& task) noexcept {
    const locked own_part(task.core->own_part_of_tree());
    if (task.scope->effective_) return time_point::min();
    time_point earliest = time_point::max();
    bool shielded = false;
    for (const cancel_scope* scope = task.scope; scope != nullptr; scope = scope->outer_) {
        earliest = std::min(earliest, scope->pierce_deadline_);
        if (shielded) continue;
        earliest = std::min({earliest, scope->deadline_, scope->hard_deadline_});
        if (scope->shield_ == shield_strength::none) continue;
        earliest = std::min(earliest, scope->shield_until_);
        shielded = true;
    }
    return earliest;
}

void scope_tree::visit_notes(const task_record& task, void* context,
                             bool (*see)(void* context, const lowlevel::scope_note& note)) {
    const locked own_part(task.core->own_part_of_tree());
    for (const cancel_scope* scope = task.scope; scope != nullptr; scope = scope->outer_)
        if (scope->note_ != nullptr && see(context, *scope->note_)) return;
}

scope_control& scope_tree::control_of(cancel_scope& scope) {
    scope_control* control = scope.control_.load(order::acquire);
    if (control == nullptr) {
        auto fresh = std::make_unique<scope_control>();
        fresh->scope = &scope;
        if (scope.control_.compare_exchange(control, fresh.get(), order::acq_rel, order::acquire))
            control = fresh.release();
    }
    control->references.fetch_add(1, order::relaxed);
    return *control;
}

void soft_cancel(cancel_scope& scope, std::string_view reason, duration then_hard,
                 duration then_pierce, lowlevel::stop_requests& told) {
    scope_tree::soft_cancel(scope, reason, then_hard, then_pierce, told);
}

scope_block::scope_block(const scope_limits& limits) {
    scope_tree::enter(scope_, current_task("cancel scope"), limits);
}

scope_block::~scope_block() {
    if (inside_) static_cast<void>(leave(false));
}

bool scope_block::leave(bool body_stopped) noexcept {
    inside_ = false;
    return scope_tree::leave(scope_, body_stopped);
}

}  // namespace covey::detail
