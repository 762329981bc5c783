// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the blocks (scopes, nurseries, finally, ...) are made of: running a body to one of its
// three ends, and passing a stop on.

#include <covey/lowlevel/fault_point.hpp>
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
    // Calls what gives the value, or throws.
    template <class Give>
    void keep(Give give) noexcept {
        try {
            if constexpr (std::is_void_v<T>) {
                give();
                value.emplace();
            } else {
                value.emplace(give());
            }
        } catch (...) {
            error = std::current_exception();
        }
    }
};

// ------------------------------------------------------------------------- bodies while they run

// A block's place in the frame that awaits it: a stop that comes out of the body asks here.
struct block_place : continuation {
    // Whether the stop ends here, and the frame goes on; else the frame is stopped too. Null: it
    // does.
    bool (*ends_stop)(block_place& here) noexcept = nullptr;

    block_place() noexcept = default;
    ~block_place() {
        if (kind == owner_kind::in_place) child = nullptr;  // this is inside of it
    }

    // Awaits in the frame itself: whoever resumes or stops that comes by here, until step_out().
    template <class Promise>
    void step_in(std::coroutine_handle<Promise> frame) noexcept {
        kind = owner_kind::in_place;
        child = frame;
        parent = &frame.promise();
        owner_ = parent->set_owner(*this);
    }
    void step_out() noexcept {
        parent->set_owner(*owner_);
        child = nullptr;
    }

 private:
    frame_owner* owner_ = nullptr;  // of the frame
};

// A body with a frame of its own. Like the other kinds it begins with what make() gives, is
// suspended for unless it has ended at once, and ends. Nothing is thrown: that is its outcome.
template <class R>
class task_body : public block_place {
 public:
    // True: it has ended.
    template <class Make>
    [[nodiscard]] bool begin(Make make) noexcept {
        try {
            child = task_access::release(make());
            kind = owner_kind::block;
        } catch (...) {
            error = std::current_exception();
        }
        return !child;
    }
    template <class Promise>
    void suspend(std::coroutine_handle<Promise> frame) noexcept {
        parent = &frame.promise();
        run_child_next(*this, promise());
    }
    void end(settled<R>& result) noexcept {
        result.stopped = stopped;
        if (error)
            result.error = std::exchange(error, nullptr);
        else if (child)
            result.keep([this]() -> R { return promise().take(); });
        if (child) std::exchange(child, nullptr).destroy();
    }

 private:
    [[nodiscard]] task_promise<R>& promise() const noexcept {
        return std::coroutine_handle<task_promise<R>>::from_address(child.address()).promise();
    }
};

// A body that is one operation needs no frame: it is awaited in that of the block. Meanwhile the
// block stands in for the owner of that frame, so that a stop comes by here.
template <class R, class Awaiter>
class operation_body : public block_place {
 public:
    operation_body() noexcept {}
    ~operation_body() { clear(); }

    template <class Make>
    [[nodiscard]] bool begin(Make make) noexcept {
        try {
            ::new (static_cast<void*>(&made_)) holder{make()};
            is_made_ = true;
            return made_.awaiter.await_ready();
        } catch (...) {
            error = std::current_exception();
            return true;
        }
    }
    template <class Promise>
    void suspend(std::coroutine_handle<Promise> frame) noexcept {
        step_in(frame);
        made_.awaiter.await_suspend(frame);
    }
    void end(settled<R>& result) noexcept {
        result.stopped = stopped;
        if (error)
            result.error = std::exchange(error, nullptr);
        else if (!stopped)
            result.keep([this]() -> R { return made_.awaiter.await_resume(); });
        if (child) step_out();  // after the operation: that may be a block in the same frame
        clear();
    }

 private:
    struct holder {
        Awaiter awaiter;  // or a reference to it
    };
    void clear() noexcept {
        if (std::exchange(is_made_, false)) made_.~holder();
    }

    union {
        holder made_;
    };
    bool is_made_ = false;
};

// A plain function: it has ended when it has begun.
template <class R>
class plain_body {
 public:
    template <class Make>
    [[nodiscard]] bool begin(Make make) noexcept {
        result_.keep(make);
        return true;
    }
    template <class Promise>
    void suspend(std::coroutine_handle<Promise>) noexcept {}
    void end(settled<R>& result) noexcept { result = std::move(result_); }

 private:
    settled<R> result_;
};

// `co_await settle(result, make)`: runs the task that make() gives and stops unwinding here, so
// that the block around it can decide. The task's frame is gone when the block goes on.
template <class T>
class [[nodiscard]] settle {
 public:
    using covey_result = void;

    template <class Make>
    settle(settled<T>& result, Make make) noexcept
        : result_(result), has_ended_(body_.begin(std::move(make))) {}

    bool await_ready() const noexcept { return has_ended_; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        body_.suspend(frame);
    }
    void await_resume() noexcept { body_.end(result_); }

 private:
    settled<T>& result_;
    task_body<T> body_;
    bool has_ended_;
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

// ------------------------------------------------------------------------- whatever can be a body

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
        if constexpr (!std::is_nothrow_invocable_v<X&, A&...>) lowlevel::fault_point();
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

// What co_await makes of an awaitable.
template <awaitable A>
decltype(auto) awaiter_of(A& operation) {
    if constexpr (requires { std::move(operation).operator co_await(); })
        return std::move(operation).operator co_await();
    else
        return static_cast<A&>(operation);
}

// The body X, called with the arguments A if it is a function: which kind it is, and what it begins
// with.
template <class X, class... A>
struct body_of {
    using result = body_result<X, A...>;
    using kind = task_body<result>;
    static auto make(X& body, A&... arguments) { return body_task(body, arguments...); }
};
template <class X, class... A>
    requires(awaitable<X> && !is_task<X>)
struct body_of<X, A...> {
    using result = awaitable_result_t<X>;
    using kind = operation_body<result, decltype(awaiter_of(std::declval<X&>()))>;
    static decltype(auto) make(X& body, A&...) { return awaiter_of(body); }
};
template <class X, class... A>
    requires(!awaitable<X> && std::invocable<X&, A&...> &&
             !awaitable<std::invoke_result_t<X&, A&...>>)
struct body_of<X, A...> {
    using result = std::invoke_result_t<X&, A&...>;
    using kind = plain_body<result>;
    static result make(X& body, A&... arguments) {
        if constexpr (!std::is_nothrow_invocable_v<X&, A&...>) lowlevel::fault_point();
        return body(arguments...);
    }
};

// `co_await settle_body(result, body, arguments...)`: the same for any body.
template <class X, class... A>
class [[nodiscard]] settle_body {
 public:
    using covey_result = void;
    using result = typename body_of<X, A...>::result;

    settle_body(settled<result>& to, X& body, A&... arguments) noexcept
        : result_(to), body_(body), arguments_(arguments...) {}

    bool await_ready() noexcept {
        return running_.begin([this]() -> decltype(auto) {
            return std::apply(
                [this](A&... arguments) -> decltype(auto) {
                    return body_of<X, A...>::make(body_, arguments...);
                },
                arguments_);
        });
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        running_.suspend(frame);
    }
    void await_resume() noexcept { running_.end(result_); }

 private:
    settled<result>& result_;
    X& body_;
    std::tuple<A&...> arguments_;
    typename body_of<X, A...>::kind running_;
};

}  // namespace covey::detail
