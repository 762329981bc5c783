// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the blocks (scopes, nurseries, finally, ...) are made of: running a body to one of its
// three ends, and passing a stop on.

#include <covey/task.hpp>

#include <concepts>
#include <tuple>

namespace covey::detail {

struct unit {};
// A callable and what it will be called with, decay-copied as by std::thread.
template <class F, class... A>
struct callable_and_arguments {
    F function;
    std::tuple<A...> arguments;

    template <class G, class... B>
    explicit callable_and_arguments(G&& f, B&&... a)
        : function(std::forward<G>(f)), arguments(std::forward<B>(a)...) {}
};

template <class T>
using stored = std::conditional_t<std::is_void_v<T>, unit, T>;

// How a body ended: by value, by error, or stopped by a cancellation.
template <class T>
struct settled {
    std::optional<stored<T>> value;
    std::exception_ptr error;
    bool stopped = false;

    void rethrow_error() {
        if (error) std::rethrow_exception(std::exchange(error, nullptr));
    }
    T take() {
        if constexpr (!std::is_void_v<T>) return std::move(*value);
    }
};

// `co_await settle(result, make)`: runs the task that make() gives and stops unwinding here, so
// that the block around it can decide. Nothing is thrown: what make(), the task or the move of its
// value throws is the error of the result. The task's frame is gone when the block goes on.
template <class T>
class [[nodiscard]] settle : private continuation {
 public:
    using covey_result = void;

    template <class Make>
    settle(settled<T>& result, Make make) noexcept : result_(result) {
        try {
            child = task_access::release(make());
            is_boundary = true;
        } catch (...) {
            error = std::current_exception();
        }
    }

    bool await_ready() const noexcept { return !child; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        parent = &frame.promise();
        run_child_next(*this, promise());
    }
    void await_resume() noexcept {
        result_.stopped = stopped;
        result_.error = std::exchange(error, nullptr);
        if (!child) return;
        if (!result_.error) keep_value();
        std::exchange(child, nullptr).destroy();
    }

 private:
    void keep_value() noexcept {
        if constexpr (std::is_void_v<T>) {
            result_.value.emplace();
        } else {
            try {
                result_.value.emplace(promise().take());
            } catch (...) {
                result_.error = std::current_exception();
            }
        }
    }
    [[nodiscard]] task_promise<T>& promise() const noexcept {
        return std::coroutine_handle<task_promise<T>>::from_address(child.address()).promise();
    }

    settled<T>& result_;
};

// `co_await pass_stop_on()`: the frame ends stopped; never returns.
struct pass_stop_on {
    using covey_result = void;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
        unwind_next(frame.promise());
    }
    void await_resume() const noexcept {}
};

// Any body as a task: a task itself, another awaitable, a coroutine function or a plain one.
// Arguments are referred to, not copied: the block that calls keeps them alive.
template <awaitable A>
task<awaitable_result_t<A>> await_in_task(A operation) {
    co_await stands_for_its_caller();
    co_return co_await std::move(operation);
}

template <class F, class... A>
task<std::invoke_result_t<F&, A&...>> call_in_task(F& function, A&... arguments) {
    co_return function(arguments...);
}

template <class X, class... A>
auto body_task(X& body, A&... arguments) {
    if constexpr (is_task<X>) {
        return std::move(body);
    } else if constexpr (awaitable<X>) {
        return await_in_task(std::move(body));
    } else if constexpr (std::invocable<X&, A&...>) {
        using result = std::invoke_result_t<X&, A&...>;
        if constexpr (is_task<result>)
            return body(arguments...);
        else if constexpr (awaitable<result>)
            return await_in_task(body(arguments...));
        else
            return call_in_task(body, arguments...);
    } else {
        static_assert(sizeof...(A) != 0 && std::invocable<X&>,
                      "covey: a block takes an awaitable, or a function without parameters or "
                      "with the block's own object by reference");
        return body_task(body);
    }
}

template <class X, class... A>
using body_result =
    awaitable_result_t<decltype(body_task(std::declval<X&>(), std::declval<A&>()...))>;

}  // namespace covey::detail
