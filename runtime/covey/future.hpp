// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/join_handle.hpp>

#include <concepts>
#include <exception>
#include <string_view>
#include <utility>

namespace covey {

namespace detail {

template <class T>
class future_state;
template <class State>
class future_hold;

// What futures of both kinds can do, whatever the type of the result.
template <class T>
class future_base {
 public:
    // Blocks until the task has ended, at most so long in real time; true: it has. Throws
    // would_deadlock_error on a worker thread, std::logic_error if this was moved from, and
    // std::invalid_argument for a negative length or NaN.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> length) const {
        return state("wait_for").block_for(to_duration(length));
    }
    // Whether the task has ended: get() and an await wouldn't wait.
    [[nodiscard]] bool done() const noexcept { return !hold_ || hold_->is_settled(); }
    // Cancels the task, and nothing else. It ends at its next checkpoint; if it is stopped there,
    // get() throws cancelled_error.
    void cancel(std::string_view reason = {}) const noexcept {
        if (hold_) hold_->cancel_alone(reason);
    }

 protected:
    future_base() noexcept = default;
    explicit future_base(future_hold<future_state<T>> hold) noexcept : hold_(std::move(hold)) {}
    [[nodiscard]] future_state<T>& state(const char* call) const;

    future_hold<future_state<T>> hold_;
};

}  // namespace detail

// The result of runtime::submit(), for ordinary threads and for tasks. Movable; one object is used
// by one thread at a time. Destroyed unwaited: the task goes on, and an error that nobody has
// asked for is reported (set_unseen_error_handler). May outlive the runtime.
template <class T>
class future : public detail::future_base<T> {
 public:
    using covey_result = T;
    class operation;

    future() noexcept = default;

    // Blocks until the task has ended and gives its value or throws its error; cancelled_error if
    // it was stopped. Once: a second time is std::logic_error (share() is for several). On a worker
    // thread, of whatever run: would_deadlock_error.
    T get() {
        detail::future_state<T>& ended = this->state("get");
        ended.block("future::get()");
        return ended.take();
    }
    // From now on for several, in this future's place.
    [[nodiscard]] shared_future<T> share();

    // The same as get(), for tasks: of any run, on any worker. A checkpoint; its cancellation
    // leaves the awaited task alone, and the future as it was.
    [[nodiscard]] operation operator co_await() const;

 private:
    friend class runtime;
    explicit future(detail::future_state<T>& started) noexcept
        : detail::future_base<T>(detail::future_hold<detail::future_state<T>>(started)) {}
};

// A result for several threads and tasks: copyable, and each copy may be asked many times.
template <class T>
class shared_future : public detail::future_base<T> {
 public:
    using covey_result = T;
    class operation;

    shared_future() noexcept = default;

    // As future::get(), but the value stays: it lives as long as a copy of this one.
    std::add_lvalue_reference_t<const T> get() const {
        detail::future_state<T>& ended = this->state("get");
        ended.block("shared_future::get()");
        return ended.look();
    }
    // For tasks; gives a copy of the value.
    [[nodiscard]] operation operator co_await() const;

 private:
    friend class future<T>;
    using detail::future_base<T>::future_base;
};

// Told of the error of a task whose futures are all gone and were never asked. Called on the thread
// that dropped the last one, or on the worker where the task ended; must not throw.
using unseen_error_handler = void (*)(std::string_view task,
                                      const std::exception_ptr& error) noexcept;

// Sets the handler for the whole process and gives the one before. The default, and what null
// stands for, writes a line to standard error. Any thread.
unseen_error_handler set_unseen_error_handler(unseen_error_handler handler) noexcept;

namespace detail {

// The record of a submitted task, as its futures see it: the error stays here.
class future_state_base : public joinable_base {
 public:
    void announce() noexcept final;

    void add_holder() noexcept;
    void drop_holder() noexcept;

    // Ordinary threads: until the task has ended.
    void block(const char* call);
    [[nodiscard]] bool block_for(duration longest);
    // After the end: whether it failed or was stopped. The caller will say so, and gets the error.
    [[nodiscard]] bool take_failure(std::exception_ptr& failure) noexcept;

 protected:
    explicit future_state_base(std::string_view name);

    // The task has ended: throws unless it returned. The first throws also if the result was taken
    // before; nobody else will ask for the error, so the record lets go of it.
    void begin_taking();
    void check_returned() { check_returned(root.error); }

 private:
    void check_returned(std::exception_ptr failure);
    void report_if_unseen() noexcept;

    // Guarded by settle_lock_.
    unsigned holders_ = 0;  // futures, and their operations
    bool taken_ = false;
    bool error_seen_ = false;
};

template <class T>
class future_state : public future_state_base {
    static_assert(!std::is_reference_v<T>,
                  "covey: the result of a submitted function can't be a reference: return a value "
                  "or a pointer");

 public:
    void set_value(T&& value) { value_.emplace(std::move(value)); }
    T take() {
        begin_taking();
        return std::move(*value_);
    }
    const T& look() {
        check_returned();
        return *value_;
    }

 protected:
    using future_state_base::future_state_base;

 private:
    std::optional<T> value_;  // written before the end is announced
};

template <>
class future_state<void> : public future_state_base {
 public:
    void take() { begin_taking(); }
    void look() { check_returned(); }

 protected:
    using future_state_base::future_state_base;
};

// Counts as one who may still ask for the result.
template <class State>
class future_hold {
 public:
    future_hold() noexcept = default;
    explicit future_hold(State& state) noexcept : state_(&state) { state.add_holder(); }
    future_hold(const future_hold& other) noexcept : state_(other.state_) {
        if (state_ != nullptr) state_->add_holder();
    }
    future_hold(future_hold&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    future_hold& operator=(future_hold other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~future_hold() {
        if (state_ != nullptr) state_->drop_holder();
    }
    explicit operator bool() const noexcept { return state_ != nullptr; }
    State* operator->() const noexcept { return state_; }
    State& operator*() const noexcept { return *state_; }

 private:
    State* state_ = nullptr;
};

[[noreturn]] void throw_no_future(const char* call);

template <class T>
future_state<T>& future_base<T>::state(const char* call) const {
    if (!hold_) throw_no_future(call);
    return *hold_;
}

// Waits for the end of a submitted task.
template <class T>
class future_wait : public joinable_base::wait {
 protected:
    explicit future_wait(future_state<T>& awaited) : wait(&awaited), hold_(awaited) {}
    future_hold<future_state<T>> hold_;
};

}  // namespace detail

template <class T>
class [[nodiscard]] future<T>::operation final : public detail::future_wait<T> {
 public:
    using covey_result = T;
    T await_resume() { return this->hold_->take(); }

 private:
    friend class future;
    using detail::future_wait<T>::future_wait;
};

template <class T>
class [[nodiscard]] shared_future<T>::operation final : public detail::future_wait<T> {
    static_assert(
        std::is_void_v<T> || std::copy_constructible<T>,
        "covey: awaiting a shared_future gives a copy: T can't be copied; await a future, "
        "or share a std::shared_ptr<T>");

 public:
    using covey_result = T;
    T await_resume() { return this->hold_->look(); }

 private:
    friend class shared_future;
    using detail::future_wait<T>::future_wait;
};

template <class T>
auto future<T>::operator co_await() const -> operation {
    return operation(this->state("co_await"));
}

template <class T>
auto shared_future<T>::operator co_await() const -> operation {
    return operation(this->state("co_await"));
}

template <class T>
shared_future<T> future<T>::share() {
    static_cast<void>(this->state("share"));
    return shared_future<T>(std::move(this->hold_));
}

}  // namespace covey
