// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/cancel_cause.hpp>
#include <covey/clock.hpp>
#include <covey/detail/timer.hpp>

#include <string_view>
#include <utility>

namespace covey {

namespace detail {

// What it takes for a cancellation from outside to get through a shield.
enum class shield_strength : std::uint8_t {
    none,
    yielding,  // a supervisor's, around its children: void when a closing deadline has passed
    full,      // void when the scope around it is pierced
};

}  // namespace detail

// A region of code that can be cancelled as a whole: everything that waits inside it, in this task
// and in the children of every nursery opened inside, stops. Made by with_cancel_scope, the time
// limits, the nurseries and their like; valid until its block ends (afterwards: undefined, keep a
// handle() instead).
//
// Cancellation is no exception. It is level triggered: every checkpoint inside stops, until the
// block is left. The outermost cancelled scope absorbs it. cancel() decides at once: when it
// returns, every wait below that has not completed is claimed, and no value will reach it.
//
// Threads: every member may be called from any thread while the block lives. Cost of cancel(): a
// lock for each worker, and a walk over the scopes and tasks below. Rules: C1-C53.
class cancel_scope final : private detail::timer {
 public:
    // Stops everything inside. Idempotent; the first cause wins. Not a checkpoint: the caller, if
    // inside, stops at its next one. The reason is copied.
    void cancel(std::string_view reason = {}) noexcept;

    // Cancels, and no shield below holds any more: the last resort of a shutdown. (SV11)
    void pierce(std::string_view reason = {}) noexcept;

    // Asks politely: wakes until_soft_cancelled() and turns soft_cancelled() true in this scope and
    // below, up to shields; actors there stop. `then_hard` later it cancels, `then_pierce` after
    // the asking it pierces. Called again, the earlier times count.
    template <class Rep, class Period>
    void soft_cancel(std::string_view reason, std::chrono::duration<Rep, Period> then_hard,
                     duration then_pierce = never) {
        soft_cancel_within(reason, detail::to_duration(then_hard), then_pierce);
    }
    void soft_cancel(std::string_view reason = {}) { soft_cancel_within(reason, never, never); }
    [[nodiscard]] bool soft_cancelled() const noexcept;
    class soft_cancel_wait;
    // Waits until soft_cancelled(). A checkpoint; awaited inside the scope.
    [[nodiscard]] soft_cancel_wait until_soft_cancelled();

    // Whether cancel() was called or the deadline is past. Never turns false again.
    [[nodiscard]] bool cancel_called() const noexcept;
    // Whether this scope has absorbed a cancellation: true only after its block was cut short.
    [[nodiscard]] bool cancelled_caught() const noexcept;
    // Who cancelled the scope first; source none while nobody did.
    [[nodiscard]] cancel_cause cause() const;

    // The time at which the scope cancels itself; time_point::max() for never. Moving it works
    // until it has passed; into the past cancels at once.
    [[nodiscard]] time_point deadline() const noexcept;
    template <class D>
    void set_deadline(std::chrono::time_point<run_clock, D> when) {
        move_deadline(detail::to_time_point(when));
    }

    // A shielded scope lets no cancellation in from outside; its own still works. Changes act at
    // once, in both directions.
    [[nodiscard]] bool shield() const noexcept;
    void set_shield(bool shielded) noexcept;

    // Copyable, for any thread, may outlive the block.
    [[nodiscard]] scope_handle handle();

    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;

 private:
    friend class detail::scope_tree;
    friend class nursery;
    friend class detail::scope_block;
    friend class detail::nursery_block;
    friend class detail::tree_printer;

    cancel_scope() noexcept = default;
    ~cancel_scope();

    void fire(detail::ready_chain& woken) noexcept override;
    [[nodiscard]] bool fires_inside() const noexcept override { return false; }
    void soft_cancel_within(std::string_view reason, duration then_hard, duration then_pierce);
    void move_deadline(time_point when) noexcept;

    // Constant while the block runs.
    detail::runtime_core* core_ = nullptr;
    detail::task_record* owner_ = nullptr;        // the task that entered it
    nursery* nursery_ = nullptr;                  // whose scope this is, if a nursery's
    const lowlevel::scope_note* note_ = nullptr;  // what it stands for

    // Counted; made for the first handle, by whoever is first.
    lowlevel::atomic<detail::scope_control*> control_{nullptr};

    // Written by the task, under its worker's part of the tree lock; read by it, or under the whole
    // lock.
    cancel_scope* inner_ = nullptr;  // the next one that the same task opened inside
    bool caught_ = false;

    // Under the whole tree lock.
    cancel_scope* next_to_visit_ = nullptr;  // a walk's list of scopes still to see
    lowlevel::wait_list soft_waiters_;

    // Set on entering, or when a child is adopted; from then on written under the whole tree lock,
    // and read under any part of it. Of a nursery's scope, effective_, soft_effective_ and force_
    // change under the nursery's lock too, and may be read under that alone.
    cancel_scope* outer_ = nullptr;
    time_point deadline_ = time_point::max();
    time_point hard_deadline_ = time_point::max();    // from soft_cancel
    time_point pierce_deadline_ = time_point::max();  // likewise
    duration grace_ = never;  // how long the shield holds once cancellation arrives
    time_point shield_until_ = time_point::max();
    cancel_cause* cause_ = nullptr;       // owned texts; null: there are none, or no memory was
    cancel_cause* soft_cause_ = nullptr;  // owned: why then_hard will cancel
    cancel_source source_ = cancel_source::none;  // none: not cancelled
    bool effective_ = false;  // cancelled itself or from outside, through no shield
    bool soft_called_ = false;
    bool soft_effective_ = false;
    detail::shield_strength shield_ = detail::shield_strength::none;
    detail::shield_strength own_force_ = detail::shield_strength::none;  // of its own cancellation
    detail::shield_strength force_ = detail::shield_strength::none;  // of the effective one: such
                                                                     // shields below don't hold
};

// The awaitable of cancel_scope::until_soft_cancelled().
class [[nodiscard]] cancel_scope::soft_cancel_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    void await_resume() const noexcept {}

 private:
    friend class cancel_scope;
    explicit soft_cancel_wait(cancel_scope& scope) noexcept;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    cancel_scope* scope_;
};

// A scope for whoever doesn't live inside it: copyable, any thread, may outlive the block. Then
// cancel() does nothing and the queries answer what was true at its end.
class scope_handle {
 public:
    scope_handle(const scope_handle& other) noexcept;
    scope_handle& operator=(scope_handle other) noexcept {
        std::swap(control_, other.control_);
        return *this;
    }
    ~scope_handle();

    void cancel(std::string_view reason = {}) const noexcept;
    void pierce(std::string_view reason = {}) const noexcept;
    void soft_cancel(std::string_view reason = {}, duration then_hard = never,
                     duration then_pierce = never) const;
    [[nodiscard]] bool cancel_called() const noexcept;
    [[nodiscard]] bool cancelled_caught() const noexcept;
    [[nodiscard]] bool soft_cancelled() const noexcept;
    [[nodiscard]] cancel_cause cause() const;
    [[nodiscard]] time_point deadline() const noexcept;
    [[nodiscard]] bool shield() const noexcept;

 private:
    friend class cancel_scope;
    friend class detail::scope_tree;
    explicit scope_handle(detail::scope_control* counted) noexcept : control_(counted) {}

    detail::scope_control* control_;
};

// The innermost scope that the calling task is in: where it opened none, that of its nursery; in
// main, that of the run.
// Throws std::logic_error outside a task.
[[nodiscard]] cancel_scope& current_scope();

// The earliest deadline that can cut the calling task off: time_point::min() when it is cancelled
// already, max() when there is none. Respects shields. (C31)
[[nodiscard]] time_point current_effective_deadline();

}  // namespace covey
