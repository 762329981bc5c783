// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/scope_block.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace covey {

// What came out of a block that may be cut short: the body's value, or nothing. It converts to
// std::optional<T>, and tests as a bool only where T itself doesn't, so that
// `while (auto v = co_await move_on_after(1s, rx.next()))` can't be taken for the inner test.
template <class T>
class limited {
 public:
    limited() noexcept = default;
    explicit limited(T value) : value_(std::move(value)) {}

    // Whether the body ran to its end.
    [[nodiscard]] bool finished() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept
        requires(!std::is_constructible_v<bool, T>)
    {
        return finished();
    }

    // The value. Throws std::bad_optional_access when the body was cut short.
    T& operator*() & { return value_.value(); }
    const T& operator*() const& { return value_.value(); }
    T&& operator*() && { return std::move(value_).value(); }
    T* operator->() { return &value_.value(); }
    const T* operator->() const { return &value_.value(); }

    operator std::optional<T>() const& { return value_; }
    operator std::optional<T>() && { return std::move(value_); }

 private:
    std::optional<T> value_;
};

template <>
class limited<void> {
 public:
    limited() noexcept = default;
    explicit limited(bool finished) noexcept : finished_(finished) {}

    [[nodiscard]] bool finished() const noexcept { return finished_; }
    operator bool() const noexcept { return finished_; }

 private:
    bool finished_ = false;
};

namespace detail {

// A body in a scope of its own, without a frame of its own: a stop that comes out of the body asks
// the scope before the frame that awaits the block is stopped.
template <class X>
class scoped_body : private body_of<X, cancel_scope>::kind {
 public:
    scoped_body(X body, const scope_limits& limits) : body_(std::move(body)), limits_(limits) {}
    scoped_body(scoped_body&& other) noexcept(std::is_nothrow_move_constructible_v<X>)
        : body_(std::move(other.body_)), limits_(other.limits_), is_spent_(other.is_spent_) {
        other.is_spent_ = true;
    }
    scoped_body& operator=(scoped_body&&) = delete;
    ~scoped_body() = default;

    bool await_ready() {
        if (std::exchange(is_spent_, true)) throw_block_awaited_twice();
        inside_.emplace(limits_);
        if constexpr (std::is_base_of_v<block_place, running>) this->ends_stop = &absorbs;
        return running::begin(
            [this]() -> decltype(auto) { return body_of<X, cancel_scope>::make(body_, scope()); });
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        running::suspend(frame);
    }

 protected:
    using result = typename body_of<X, cancel_scope>::result;

    // The block has ended: the outcome of its body, unless that is an error.
    settled<result> leave() {
        settled<result> outcome;
        running::end(outcome);
        if (!outcome.stopped) static_cast<void>(inside_->leave(false));
        outcome.rethrow_error();
        return outcome;
    }
    [[nodiscard]] cancel_scope& scope() noexcept { return inside_->scope(); }

 private:
    using running = typename body_of<X, cancel_scope>::kind;

    static bool absorbs(block_place& here) noexcept {
        return !static_cast<scoped_body&>(static_cast<running&>(here)).inside_->leave(true);
    }

    X body_;
    scope_limits limits_;
    std::optional<scope_block> inside_;
    bool is_spent_ = false;
};

// The awaitable of the blocks that say whether they were cut short, and of those that fail then.
template <class X>
class [[nodiscard("a block does nothing until it is awaited")]] limited_block final
    : public scoped_body<X> {
    using result = typename scoped_body<X>::result;

 public:
    using covey_result = limited<result>;
    using scoped_body<X>::scoped_body;

    limited<result> await_resume() {
        settled<result> outcome = this->leave();
        if constexpr (std::is_void_v<result>) {
            return limited<void>(!outcome.stopped);
        } else {
            if (outcome.stopped) return limited<result>();
            return limited<result>(outcome.take());
        }
    }
};

template <class X>
class [[nodiscard("a block does nothing until it is awaited")]] failing_block final
    : public scoped_body<X> {
    using result = typename scoped_body<X>::result;

 public:
    using covey_result = result;
    using scoped_body<X>::scoped_body;

    result await_resume() {
        settled<result> outcome = this->leave();
        if (outcome.stopped) {
            cancel_cause cause = this->scope().cause();
            if (cause.source == cancel_source::deadline) throw_too_slow(this->scope());
            if constexpr (!std::is_void_v<result>) throw_body_cancelled(std::move(cause));
        }
        return outcome.take();
    }
};

}  // namespace detail

// Runs body(cancel_scope&) in a scope of its own; `limited` says whether it ran to its end or was
// stopped by that scope. Outer cancellation and errors pass through. Not a checkpoint by itself.
// Cost: one lock on entry and exit, and the frame of the body if that is a coroutine; no frame of
// its own. Like all blocks below.
template <class F>
auto with_cancel_scope(F&& body) {
    return detail::limited_block<std::decay_t<F>>(std::forward<F>(body), {});
}

// Runs body, an awaitable or a function with or without a cancel_scope&, for at most that long
// from the moment it is awaited: then it is cancelled, and the block ends without it. Zero is
// legal: the body is cancelled at its first checkpoint. Errors pass through, also when the limit
// fired. Throws std::invalid_argument for a negative or NaN limit. (C20-C29)
template <class Rep, class Period, class X>
auto move_on_after(std::chrono::duration<Rep, Period> limit, X&& body) {
    return detail::limited_block<std::decay_t<X>>(std::forward<X>(body),
                                                  {.timeout = detail::to_duration(limit)});
}
template <class D, class X>
auto move_on_at(std::chrono::time_point<run_clock, D> deadline, X&& body) {
    return detail::limited_block<std::decay_t<X>>(std::forward<X>(body),
                                                  {.deadline = detail::to_time_point(deadline)});
}

// The same, but a body that was cut off by the limit is a too_slow_error; an error of the body
// comes first. A body cancelled through its scope() by hand just ends: void returns, a value that
// isn't there is a cancelled_error.
template <class Rep, class Period, class X>
auto fail_after(std::chrono::duration<Rep, Period> limit, X&& body) {
    return detail::failing_block<std::decay_t<X>>(std::forward<X>(body),
                                                  {.timeout = detail::to_duration(limit)});
}
template <class D, class X>
auto fail_at(std::chrono::time_point<run_clock, D> deadline, X&& body) {
    return detail::failing_block<std::decay_t<X>>(std::forward<X>(body),
                                                  {.deadline = detail::to_time_point(deadline)});
}

}  // namespace covey
