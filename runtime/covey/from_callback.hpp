// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/checkpoint.hpp>
#include <covey/detail/settle.hpp>
#include <covey/lowlevel/fault_point.hpp>
#include <covey/lowlevel/park.hpp>

#include <concepts>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

namespace covey {

namespace detail {

class callback_state;
template <class T>
class callback_result;

// The half of a completion that doesn't know the type of the value.
class completion_base {
 public:
    completion_base(const completion_base& other) noexcept;
    completion_base(completion_base&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)) {}
    completion_base& operator=(completion_base other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~completion_base();

    // The task gets this error, thrown at its await. True and false as for set_value(). A null
    // pointer is std::invalid_argument.
    bool set_error(std::exception_ptr error);
    template <class E>
        requires(!std::convertible_to<E, std::exception_ptr>)
    bool set_error(E&& error) {
        return set_error(std::make_exception_ptr(std::forward<E>(error)));
    }

    // There will be no result, because somebody has cancelled what the task waits for: the task
    // gets cancelled_error, unless it is cancelled itself.
    bool set_stopped();

    // hook() is called once if the task goes without a result: on its worker while it unwinds, or
    // at once if it has gone already. That is the place to cancel the operation which would
    // complete this. It must not throw, nor hold the completion. A second hook is
    // std::logic_error. Cost: one allocation.
    template <std::invocable F>
    void on_cancel(F&& hook);

 protected:
    explicit completion_base(callback_state& state) noexcept;
    // Throws std::logic_error when there is none: this was moved from.
    [[nodiscard]] callback_state& state() const;

 private:
    callback_state* state_;  // counted
};

}  // namespace detail

// How a callback ends the wait of a task: from_callback() makes one and gives it to its start
// function. Completed once, by set_value(), set_error() or set_stopped(): a second time is
// std::logic_error. Copyable, because callbacks are copied; if the last copy goes without
// completing, the task gets broken_resource_error. May outlive the task and its run: completing
// then does nothing. Threads: any; copies may be used at the same time.
template <class T>
class completion : public detail::completion_base {
 public:
    // The task gets this value. True: it will. False: it has been cancelled and has gone, and the
    // value is untouched. If the move of the value throws, the task gets that error.
    bool set_value(T&& value) { return result().keep(std::move(value)); }
    bool set_value(const T& value)
        requires std::copy_constructible<T>
    {
        return set_value(T(value));
    }

 private:
    friend class detail::callback_result<T>;
    explicit completion(detail::callback_result<T>& result) noexcept : completion_base(result) {}
    [[nodiscard]] detail::callback_result<T>& result() const {
        return static_cast<detail::callback_result<T>&>(state());
    }
};

template <>
class completion<void> : public detail::completion_base {
 public:
    bool set_value();

 private:
    friend class detail::callback_result<void>;
    explicit completion(detail::callback_result<void>& result) noexcept;
};

// Calls start(completion<T>), which begins an operation and returns, and waits until the completion
// is completed: gives its value or throws its error. Completing inside of start() is fine. What
// start() throws comes out here. Start is kept until the operation ends. A checkpoint; start()
// isn't called when the task is cancelled already. Cancellation leaves at once and lets the
// operation go on: completion::on_cancel() tells it, and what it was given by reference must
// outlive it. A virtual clock doesn't wait for callbacks. Cost: two allocations.
template <class T, class F>
task<T> from_callback(F start);

namespace detail {

// What to do when the task goes without a result.
class cancel_hook {
 public:
    cancel_hook() noexcept = default;
    cancel_hook(const cancel_hook&) = delete;
    cancel_hook& operator=(const cancel_hook&) = delete;
    virtual ~cancel_hook() = default;
    virtual void call() noexcept = 0;
};

template <class F>
class cancel_hook_of final : public cancel_hook {
 public:
    template <class G>
    explicit cancel_hook_of(G&& hook) : hook_(std::forward<G>(hook)) {}
    void call() noexcept override { static_cast<void>(hook_()); }

 private:
    F hook_;
};

// What a waiting task and the completions share.
//
//            pending --- complete ---> value, error, stopped, broken
//               └------- cancelled --> gone
//
// Threads    state_ changes under lock_, and so does the wait: whoever completes a pending state
//            has claimed the task's wait before, so what is kept is also received.
// Lifetime   Counted: by the task, and by all completions together.
class callback_state {
 public:
    callback_state();
    callback_state(const callback_state&) = delete;
    callback_state& operator=(const callback_state&) = delete;

    void add_completion() noexcept { completions_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_completion() noexcept;

    bool fail(std::exception_ptr error);
    bool stop();
    void set_hook(cancel_hook* owned);

    // The task needs no result any more, or has it.
    void task_leaves() noexcept;

    class wait;

 protected:
    enum class state : std::uint8_t { pending, value, error, stopped, broken, gone };

    virtual ~callback_state() = default;

    // True: the caller may keep a result, and then calls finish(); the lock is held. False: nobody
    // is there to get one. Throws when there is a result already.
    [[nodiscard]] bool begin();
    void finish(state how) noexcept;
    // Throws unless there is a value.
    void check_value() const;

    std::exception_ptr error_;  // guarded by lock_ until there is a result, then constant

 private:
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }
    void lock_and_claim() noexcept;
    [[nodiscard]] std::string task_label() const;
    [[noreturn]] void throw_completed_twice() const;

    // Constant.
    task_record& task_;       // alive while the state is pending
    std::string given_name_;  // the task's, if it has one
    const char* function_;    // else what it runs

    lowlevel::atomic<std::uint32_t> references_{2};
    lowlevel::atomic<std::uint32_t> completions_{0};

    lowlevel::spin_lock lock_;
    state state_ = state::pending;            // guarded by lock_, like all below
    lowlevel::wait_node* waiting_ = nullptr;  // the task, once it waits
    cancel_hook* hook_ = nullptr;             // owned
};

// Waits for the result. A result that is there is received even if the task has been cancelled
// meanwhile: it was promised to whoever completed.
class [[nodiscard]] callback_state::wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit wait(callback_state& waited_for) noexcept;
    [[nodiscard]] bool await_ready();
    void await_resume() const noexcept {}
    // A cancellation came between start() and the wait, and a result after it.
    [[nodiscard]] bool was_refused_a_result() const noexcept;
    // Somebody said that there will be no result.
    [[nodiscard]] bool was_stopped() const noexcept;

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    callback_state* result_;
};

template <class T>
class callback_result final : public callback_state {
 public:
    [[nodiscard]] completion<T> make_completion() noexcept { return completion<T>(*this); }

    bool keep(stored<T>&& value) {
        if (!begin()) return false;
        state how = state::value;
        try {
            value_.emplace(std::move(value));
        } catch (...) {
            error_ = std::current_exception();
            how = state::error;
        }
        finish(how);
        return true;
    }
    T take() {
        check_value();
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

 private:
    std::optional<stored<T>> value_;  // guarded as error_
};

// The task's side of it, to the end of its block.
template <class T>
class callback_holder {
 public:
    callback_holder() : result_(new callback_result<T>()) {}
    callback_holder(const callback_holder&) = delete;
    callback_holder& operator=(const callback_holder&) = delete;
    ~callback_holder() { result_->task_leaves(); }
    callback_result<T>& operator*() const noexcept { return *result_; }
    callback_result<T>* operator->() const noexcept { return result_; }

 private:
    callback_result<T>* result_;
};

template <class T, class F>
constexpr void check_callback_start() {
    static_assert(
        !std::is_reference_v<T>,
        "covey: from_callback can't give a reference: complete with a value or a pointer");
    static_assert(std::is_void_v<T> || std::move_constructible<T>,
                  "covey: from_callback moves its result to the task: T can't be moved");
    static_assert(std::is_invocable_v<F&, completion<T>>,
                  "covey: from_callback<T>(start) calls start(covey::completion<T>)");
    if constexpr (std::is_invocable_v<F&, completion<T>>) {
        static_assert(!awaitable<std::invoke_result_t<F&, completion<T>>>,
                      "covey: the start function of from_callback is a plain one: the awaitable "
                      "that it returns would never be awaited");
    }
}

template <class T, class F>
task<T> run_from_callback(F start) {
    co_await stands_for_its_caller();
    co_await checkpoint_if_cancelled();
    const callback_holder<T> result;
    {
        completion<T> end = result->make_completion();
        if constexpr (!std::is_nothrow_invocable_v<F&, completion<T>>) lowlevel::fault_point();
        static_cast<void>(start(std::move(end)));
    }
    callback_state::wait completed(*result);
    co_await completed;
    if (completed.was_refused_a_result()) co_await pass_stop_on();
    if (completed.was_stopped()) co_await checkpoint_if_cancelled();
    if constexpr (std::is_void_v<T>)
        result->take();
    else
        co_return result->take();
}

template <std::invocable F>
void completion_base::on_cancel(F&& hook) {
    state().set_hook(new cancel_hook_of<std::decay_t<F>>(std::forward<F>(hook)));
}

}  // namespace detail

inline bool completion<void>::set_value() {
    return static_cast<detail::callback_result<void>&>(state()).keep({});
}
inline completion<void>::completion(detail::callback_result<void>& result) noexcept
    : completion_base(result) {}

template <class T, class F>
task<T> from_callback(F start) {
    detail::check_callback_start<T, F>();
    return detail::run_from_callback<T, F>(std::move(start));
}

}  // namespace covey
