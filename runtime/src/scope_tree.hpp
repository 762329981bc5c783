// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime_core.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/detail/scope_block.hpp>
#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/scope_note.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/nursery.hpp>

#include <cstddef>
#include <string_view>

namespace covey::detail {

// Everything that reads or changes the links between scopes and tasks.
//
// What       A task's scopes form a stack, outermost_ to innermost; a nursery's scope has the
//            nursery's children below it. So below a scope lie: the next scope of the same task,
//            or else that task itself; and the children.
// Invariants A scope is effective iff it is cancelled itself, or its outer one is effective with a
//            force that its shield doesn't hold off. A task's word carries the flag of its
//            innermost scope.
// Threads    Under the run's tree lock (tree_lock.hpp says what a part and the whole are for): a
//            task enters and leaves its own scopes under a part; everything else that changes a
//            scope holds the whole. `_locked`: the caller holds the whole, or what is said there.
//            The flags of a nursery's scope change together with the look at its children, under
//            the nursery's lock as well: so a new child, which takes that lock only, is found by a
//            cancellation or finds its flags.
class scope_tree {
 public:
    // For the records that keep a scope beside a type they can't name.
    static void construct(void* place) { ::new (place) cancel_scope(); }
    static void destroy(void* place) noexcept { at(place)->~cancel_scope(); }
    static cancel_scope* at(void* place) noexcept { return static_cast<cancel_scope*>(place); }

    // The calling task goes into the scope, and out again. leave() gives true when the stop that
    // ended the body has to go on outwards.
    static void enter(cancel_scope& scope, task_record& task, const scope_limits& limits,
                      nursery* opened = nullptr);
    static bool leave(cancel_scope& scope, bool body_stopped) noexcept;
    // A cancellation has claimed the wait of the calling task, and it is out of its list. The
    // cancellation may have been taken back since, by a shield: its word says what holds now.
    static void end_claim(task_record& task) noexcept;

    // A child's place below a nursery's scope: in between is its own scope, if it begins in one.
    // Under the nursery's lock.
    static void adopt_locked(cancel_scope& above, task_record& child) noexcept {
        child.scope = child.is_scoped ? &make_own_scope(child) : &above;
        child.word.set_level(child.scope->effective_);
    }
    static void move_locked(cancel_scope& above, task_record& child, ready_chain& woken,
                            lowlevel::stop_requests& told) noexcept;
    static void make_root(cancel_scope& root, runtime_core& core, task_record& main) noexcept;
    static void retire_root(cancel_scope& root) noexcept;

    // `through`: the shields below that don't hold it off.
    static void cancel(cancel_scope& scope, cancel_source source, std::string_view reason,
                       shield_strength through = shield_strength::none) noexcept;
    // Of a child that may be cancelled alone, while it runs: makes its own scope if need be.
    static void cancel_own_scope(task_record& child, std::string_view reason) noexcept;
    // The child ends: by its own worker, the only one who still has to do with that scope.
    static void leave_own_scope(task_record& child) noexcept;
    // Whether the innermost scope is one of the task's own, not its nursery's.
    [[nodiscard]] static bool is_in_own_scope(const task_record& task) noexcept {
        return task.scope->owner_ == &task;
    }
    // The first of its own scopes; or null.
    [[nodiscard]] static cancel_scope* outermost_of_locked(const task_record& task) noexcept;
    // Takes the cause, or deletes it when the scope is cancelled already.
    static void cancel_locked(cancel_scope& scope, cancel_source source, cancel_cause* cause,
                              ready_chain& woken) noexcept;
    static void soft_cancel(cancel_scope& scope, std::string_view reason, duration then_hard,
                            duration then_pierce, lowlevel::stop_requests& told);
    static void set_shield(cancel_scope& scope, bool shielded) noexcept;
    static void set_deadline(cancel_scope& scope, time_point when) noexcept;
    static void time_is_up_locked(cancel_scope& scope, ready_chain& woken) noexcept;

    // Why it was cancelled, and by whom. Under any part. Texts are a help: without memory for them,
    // null.
    static cancel_cause* make_cause(std::string_view reason, std::string_view task_name) noexcept;
    static cancel_cause cause_of_locked(const cancel_scope& scope);
    static cancel_source source_of_locked(const cancel_scope& scope) noexcept;

    static cancel_scope& scope_of(task_record& task) noexcept { return *task.scope; }
    static bool is_effective_locked(const cancel_scope& scope) noexcept { return scope.effective_; }
    static time_point effective_deadline(const task_record& task) noexcept;
    static scope_control& control_of(cancel_scope& scope);
    static scope_control& control_of(const scope_handle& handle) noexcept {
        return *handle.control_;
    }
    static lowlevel::wait_list& soft_waiters(cancel_scope& scope) noexcept {
        return scope.soft_waiters_;
    }
    static bool is_soft_effective_locked(const cancel_scope& scope) noexcept {
        return scope.soft_effective_;
    }
    // From the innermost scope of the calling task outwards, what each stands for, until see()
    // gives true.
    static void visit_notes(const task_record& task, void* context,
                            bool (*see)(void* context, const lowlevel::scope_note& note));
    // What stopped a task whose own scope this is: its own cause, or that of a scope around it.
    static cancel_cause blame(const cancel_scope& scope) noexcept;

 private:
    // What is said of a scope by itself and the one around it.
    struct flags {
        bool effective;
        bool soft;
        shield_strength force;
    };
    static void enter_cancelled_locked(cancel_scope& scope, lowlevel::stop_requests& told) noexcept;
    static cancel_scope& make_own_scope(task_record& child) noexcept;
    static flags flags_of(const cancel_scope& scope) noexcept;
    static bool carries(const cancel_scope& scope, const flags& given) noexcept;
    static void give(cancel_scope& scope, const flags& given) noexcept;
    static bool begin_grace(cancel_scope& scope) noexcept;
    // Before it is given its flags: whom they ask to stop, and didn't before.
    static void ask_to_stop(const cancel_scope& scope, const flags& given,
                            lowlevel::stop_requests& told) noexcept;
    // `told`: null where it can't be that somebody is asked to stop who has not been.
    static void spread_locked(cancel_scope& from, ready_chain& woken,
                              lowlevel::stop_requests* told = nullptr) noexcept;
    static void signal_locked(task_record& task, bool cancelled, ready_chain& woken) noexcept;
    static void rearm_locked(cancel_scope& scope) noexcept;
    static void take_leave_locked(const cancel_scope& scope, scope_control& control) noexcept;
    static bool lets_in(const cancel_scope& scope) noexcept;
};

// What the handles of a scope share. Its lock comes before the tree lock, and is held while a
// handle uses the scope: so the scope can't end under it.
struct scope_control {
    lowlevel::mutex lock;
    cancel_scope* scope = nullptr;  // null: it has ended, and what it was stands below
    cancel_cause cause;
    time_point deadline = time_point::max();
    bool called = false, caught = false, soft = false, shield = false;
    lowlevel::atomic<unsigned> references{1};

    void drop() noexcept {
        if (references.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }
};

// The scope around main: what current_scope() gives where nobody opened one.
class root_scope {
 public:
    root_scope(runtime_core& core, task_record& main) {
        scope_tree::construct(place_);
        scope_tree::make_root(scope(), core, main);
    }
    root_scope(const root_scope&) = delete;
    root_scope& operator=(const root_scope&) = delete;
    ~root_scope() {
        scope_tree::retire_root(scope());
        scope_tree::destroy(place_);
    }
    [[nodiscard]] cancel_scope& scope() noexcept { return *scope_tree::at(place_); }

 private:
    alignas(cancel_scope) unsigned char place_[sizeof(cancel_scope)];
};

}  // namespace covey::detail
