// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/settle.hpp>

#include <exception>
#include <utility>

namespace covey {

// What attempt() gives: the body's value, or the error that it threw.
template <class T>
class [[nodiscard]] outcome {
    static_assert(!std::is_same_v<T, std::exception_ptr>,
                  "covey: an outcome of std::exception_ptr couldn't tell value from error");

 public:
    explicit outcome(detail::stored<T> value) : value_(std::move(value)) {}
    explicit outcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }

    // The error; null when there is a value.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    // The value; rethrows the error when there is none.
    T value() && {
        if (error_) std::rethrow_exception(error_);
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }
    const detail::stored<T>& value() const& {
        if (error_) std::rethrow_exception(error_);
        return *value_;
    }
    const detail::stored<T>& operator*() const& { return value(); }

 private:
    std::optional<detail::stored<T>> value_;
    std::exception_ptr error_;
};

namespace detail {

template <class X, class R = body_result<X>>
task<outcome<R>> run_attempt(X body) {
    co_await stands_for_its_caller();
    settled<R> result;
    co_await settle_body(result, body);
    if (result.stopped) co_await pass_stop_on();
    if (result.error) co_return outcome<R>(result.error);
    co_return outcome<R>(std::move(*result.value));
}

}  // namespace detail

// Runs body and keeps its error as a value: a catch block can't await, the code after attempt()
// can. Cancellation passes through. Not a checkpoint by itself.
template <class X>
auto attempt(X&& body) {
    return detail::run_attempt<std::decay_t<X>>(std::forward<X>(body));
}

}  // namespace covey
