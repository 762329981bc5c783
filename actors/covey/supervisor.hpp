// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/child_slot.hpp>
#include <covey/nursery.hpp>
#include <covey/supervision_event.hpp>
#include <covey/supervisor_error.hpp>
#include <covey/supervisor_options.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey {

class supervisor_handle;

namespace detail {

class slot_wait;
class supervisor_block;

// What can be asked of a supervisor from inside its block and, through a handle, from anywhere.
class supervisor_access {
 public:
    // Starts fn(args...) as a child and gives its id when it is ready: at task_status<void>::
    // started() if fn takes a status first, else when it suspends for the first time or returns.
    // Function and arguments are kept as prototypes: every incarnation gets a copy, or a clone()
    // where there is no copy. Throws start_failed_error when the child ends before that,
    // closed_nursery_error once the supervisor is closing, or when the child is stopped by hand
    // before it is ready. A checkpoint; its cancellation cancels the child and waits for it. In a
    // group strategy a restart under way goes first. Cost: the child's record and three coroutine
    // frames. (SV3, SV7, SV8a)
    template <class F, class... A>
    [[nodiscard]] task<child_id> start(child_options options, F&& fn, A&&... args) const;
    template <class F, class... A>
        requires(!is_child_options<F>)
    [[nodiscard]] task<child_id> start(F&& fn, A&&... args) const {
        return start(child_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }

    // Stops a child for good: asks it, after its grace cancels it, after `hard` pierces its
    // shields, and waits until it is gone. Nothing happens to one that has ended. A checkpoint;
    // cancelled, the stop goes on without the caller. Throws closed_nursery_error once the
    // supervisor is closing, would_deadlock_error from within that child. (SV11, SV19)
    [[nodiscard]] detail::slot_wait stop(child_id child) const;

    // Stops a child likewise and starts it again, alone and without a delay; one that waits to be
    // started is started now. Costs none of the budget. Waits until it is ready. Throws as stop()
    // does, and std::logic_error when the child has ended for good. (SV19)
    [[nodiscard]] detail::slot_wait restart(child_id child) const;

    // Every child in the order of start; of those that have ended, the latest thousand. Any thread.
    [[nodiscard]] std::vector<child_info> children() const;

    // Closes the supervisor: no start from here on, the children are stopped, the body is asked to
    // stop and, after 5 s, cancelled. Any thread; idempotent; doesn't wait.
    void stop_all(std::string_view reason = {}) const noexcept;

    // The latest events, as many as supervisor_options::history. Any thread.
    [[nodiscard]] std::vector<supervision_event> events() const;

    supervisor_access(const supervisor_access& other) noexcept;
    supervisor_access& operator=(const supervisor_access& other) noexcept;
    ~supervisor_access();

 protected:
    friend task<> start_slot_in(const supervisor_access& owner, counted_ref<child_slot> child);
    explicit supervisor_access(detail::supervisor_core& core) noexcept;

    detail::supervisor_core* core_;  // counted
};

}  // namespace detail

// The owner of child tasks and actors that are started again when they fail, opened by
// with_supervisor: a nursery with a restart policy. Valid inside its block only (afterwards:
// undefined, keep a handle()). Threads: any. Rules: SV1-SV32.
class supervisor : public detail::supervisor_access {
 public:
    supervisor(const supervisor&) = delete;
    supervisor& operator=(const supervisor&) = delete;

    // Cancelled as any scope; the children are then stopped in order, as by stop_all(), and the
    // body is cancelled at once. (SV9)
    [[nodiscard]] cancel_scope& scope() const noexcept;

    // Copyable, for any thread, may outlive the block: start, stop and restart then throw
    // closed_nursery_error.
    [[nodiscard]] supervisor_handle handle() const noexcept;

 private:
    friend class detail::supervisor_block;
    explicit supervisor(detail::supervisor_core& core) noexcept : supervisor_access(core) {}
};

// A supervisor for whoever doesn't live inside it.
class supervisor_handle : public detail::supervisor_access {
 private:
    friend class supervisor;
    using supervisor_access::supervisor_access;
};

// Opens a supervisor, runs body(supervisor&) in the calling task, and ends when it closes: by
// options.close_when (the body counts as a child), by stop_all(), or by cancellation. Gives the
// body's value. Children are stopped in options.stop_order, also by a cancellation from outside,
// which then passes on.
//
// Errors: supervisor_gave_up when the budget is spent; start_failed_error as it is when the body
// lets one out; else one exception_group of the body's error, or the one that escalated, and what
// failed while closing. If the supervisor's own cancellation stopped the body: R void returns, any
// other throws cancelled_error. Not a checkpoint on entry. Cost: a frame, a task and a log.
template <class F>
auto with_supervisor(supervisor_options options, F&& body);
template <class F>
auto with_supervisor(F&& body) {
    return with_supervisor(supervisor_options{}, std::forward<F>(body));
}

}  // namespace covey

#include <covey/detail/with_supervisor.hpp>
