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

template <class X, class R = body_result<X, cancel_scope>>
task<limited<R>> run_limited(X body, scope_limits limits) {
    co_await stands_for_its_caller();
    scope_block block(limits);
    settled<R> result;
    co_await settle(result, [&] { return body_task(body, block.scope()); });
    if (block.leave(result.stopped)) co_await pass_stop_on();
    result.rethrow_error();
    if constexpr (std::is_void_v<R>) {
        co_return limited<void>(!result.stopped);
    } else {
        if (result.stopped) co_return limited<R>();
        co_return limited<R>(result.take());
    }
}

template <class X, class R = body_result<X, cancel_scope>>
task<R> run_or_fail(X body, scope_limits limits) {
    co_await stands_for_its_caller();
    scope_block block(limits);
    settled<R> result;
    co_await settle(result, [&] { return body_task(body, block.scope()); });
    if (block.leave(result.stopped)) co_await pass_stop_on();
    result.rethrow_error();
    if (result.stopped) {
        if (block.scope().cause().source == cancel_source::deadline) throw_too_slow(block.scope());
        if constexpr (!std::is_void_v<R>) throw_body_cancelled(block.scope().cause());
    }
    if constexpr (!std::is_void_v<R>) co_return result.take();
}

}  // namespace detail

// Runs body(cancel_scope&) in a scope of its own; `limited` says whether it ran to its end or was
// stopped by that scope. Outer cancellation and errors pass through. Not a checkpoint by itself.
// Cost: one coroutine frame and one lock on entry and exit, like all blocks below.
template <class F>
auto with_cancel_scope(F&& body) {
    return detail::run_limited<std::decay_t<F>>(std::forward<F>(body), {});
}

// Runs body, an awaitable or a function with or without a cancel_scope&, for at most that long
// from the moment it is awaited: then it is cancelled, and the block ends without it. Zero is
// legal: the body is cancelled at its first checkpoint. Errors pass through, also when the limit
// fired. Throws std::invalid_argument for a negative or NaN limit. (C20-C29)
template <class Rep, class Period, class X>
auto move_on_after(std::chrono::duration<Rep, Period> limit, X&& body) {
    return detail::run_limited<std::decay_t<X>>(std::forward<X>(body),
                                                {.timeout = detail::to_duration(limit)});
}
template <class D, class X>
auto move_on_at(std::chrono::time_point<run_clock, D> deadline, X&& body) {
    return detail::run_limited<std::decay_t<X>>(std::forward<X>(body),
                                                {.deadline = detail::to_time_point(deadline)});
}

// The same, but a body that was cut off by the limit is a too_slow_error; an error of the body
// comes first. A body cancelled through its scope() by hand just ends: void returns, a value that
// isn't there is a cancelled_error.
template <class Rep, class Period, class X>
auto fail_after(std::chrono::duration<Rep, Period> limit, X&& body) {
    return detail::run_or_fail<std::decay_t<X>>(std::forward<X>(body),
                                                {.timeout = detail::to_duration(limit)});
}
template <class D, class X>
auto fail_at(std::chrono::time_point<run_clock, D> deadline, X&& body) {
    return detail::run_or_fail<std::decay_t<X>>(std::forward<X>(body),
                                                {.deadline = detail::to_time_point(deadline)});
}

}  // namespace covey
