// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/config.hpp>
#include <covey/detail/promise.hpp>

#include <utility>

namespace covey {

// A lazy coroutine that gives a T: the return type of every function that awaits.
//
// Calling the function makes the coroutine and runs nothing; `co_await f(x)` runs it in the
// calling task, as a call would, and gives its value or rethrows its error. A task is awaited at
// most once, as an rvalue; awaited again it throws std::logic_error. A task that is never awaited
// never runs. Starting, awaiting and returning are no checkpoints. Neither depth nor number of
// awaits grows the stack. Threads: a task object belongs to whoever holds it.
// Cost: one allocation for the coroutine's frame.
template <class T>
class [[nodiscard("a task does nothing until it is awaited")]] task {
    static_assert(!std::is_reference_v<T>,
                  "covey::task<T&> is not supported: return a pointer or std::reference_wrapper");

 public:
    using covey_result = T;
    using promise_type = detail::task_promise<T>;

    task() = delete;
    task(task&& other) noexcept
        : frame_(std::exchange(other.frame_, nullptr)), made_by_(other.made_by_) {}
    task& operator=(task&& other) noexcept {
        task taken(std::move(other));
        std::swap(frame_, taken.frame_);
        made_by_ = taken.made_by_;
        return *this;
    }
    ~task() {
        if (frame_) frame_.destroy();
    }

    // Runs the task in place of the caller until it returns or throws.
    detail::task_awaiter<T> operator co_await() && { return detail::task_awaiter<T>(release()); }

 private:
    friend promise_type;
    friend struct detail::task_access;

    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle frame) noexcept : frame_(frame), made_by_(frame.promise().place) {}

    handle release() {
        if (!frame_) detail::throw_awaited_twice(made_by_);
        return std::exchange(frame_, nullptr);
    }

    handle frame_;
    std::source_location made_by_;  // names the task when it is misused
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object(std::source_location location) noexcept {
    this->place = location;
    return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

inline task<void> task_promise<void>::get_return_object(std::source_location location) noexcept {
    place = location;
    return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

// The door through which the combinators take a task apart.
struct task_access {
    template <class T>
    static auto release(task<T>&& from) {
        return from.release();
    }
};

}  // namespace detail

}  // namespace covey
