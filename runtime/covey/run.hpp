// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/detail/child.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace covey {

// A bool that is true until somebody writes one, and knows whether somebody has: a runtime that is
// embedded in a program leaves its signals alone unless it is told to take them.
class interrupts_option {
 public:
    constexpr interrupts_option() noexcept = default;
    constexpr interrupts_option(bool on) noexcept : on_(on), is_written_(true) {}
    constexpr operator bool() const noexcept { return on_; }
    [[nodiscard]] constexpr bool is_written() const noexcept { return is_written_; }

 private:
    bool on_ = true;
    bool is_written_ = false;
};

// How a run is set up. An aggregate with defaults: {.workers = 1}.
struct run_options {
    // Threads that run tasks; 0: one for each hardware thread. 1: no two tasks ever run at the
    // same time.
    unsigned workers = 0;
    // Where the time comes from; null: the machine's steady clock.
    covey::clock_source* clock = nullptr;
    // The ready tasks run in an order drawn from this seed, the same in every process; one worker,
    // so more than one is std::invalid_argument. None: first in, first out.
    std::optional<std::uint64_t> seed = {};
    // SIGINT and SIGTERM cancel the main task; default for covey::run, while a covey::runtime does
    // so only if it is written. Where the disposition of a signal wasn't the default one, it is
    // left alone. The first signal cancels the mains of all such runs in the process; the second
    // acts as by default. When the last of these runs has ended, the old disposition is back.
    interrupts_option interrupts = {};
};

namespace detail {

template <class R>
class main_base : public plain_base {
 public:
    void set_value(R&& value) { value_.emplace(std::move(value)); }
    R take() { return std::move(*value_); }

 protected:
    using plain_base::plain_base;

 private:
    std::optional<R> value_;
};

template <>
class main_base<void> : public plain_base {
 public:
    void take() const noexcept {}

 protected:
    using plain_base::plain_base;
};

// Whether main(args...) can be run, with a message if not; and what it gives.
template <class F, class... A>
constexpr auto check_main() {
    using function = std::decay_t<F>;
    static_assert(!awaitable<function>,
                  "covey: run takes a function and its arguments: run(main, x), not run(main(x))");
    static_assert(std::is_invocable_v<function&, std::decay_t<A>...>,
                  "covey: run(main, args...): main can't be called with these arguments");
    using returned = std::invoke_result_t<function&, std::decay_t<A>...>;
    static_assert(is_task<returned>,
                  "covey: main is a coroutine function that returns covey::task<T>");
    static_assert(!keeps_temporary<function, std::decay_t<A>...>(),
                  "covey: a parameter of main refers to a temporary that ends with the call: pass "
                  "the parameter's own type, e.g. std::string(\"text\") for a const std::string&");
    return std::type_identity<awaitable_result_t<returned>>();
}
template <class F, class... A>
using main_result = typename decltype(check_main<F, A...>())::type;

// Runs the task until no task is left. Throws main's error, and what stopped it.
void run_main(task_record& main, const run_options& options);

// Keeps the record until its value is taken.
class main_reference {
 public:
    explicit main_reference(task_record& main) noexcept : main_(main) {}
    main_reference(const main_reference&) = delete;
    main_reference& operator=(const main_reference&) = delete;
    ~main_reference() { main_.drop_reference(); }

 private:
    task_record& main_;
};

}  // namespace detail

// Runs main(args...), a coroutine function, and every task that it starts, on the calling thread
// as worker 0 and options.workers - 1 others. Returns when no task is left: main's value, or its
// error as it is; cancelled_error when main's own scope was cancelled; interrupted when a signal
// stopped it, and if main failed after the signal, an exception_group of interrupted and that
// error. A main that returns keeps its value, signal or not. Callable and arguments are copied or
// moved into the run. Throws std::logic_error inside a run on the same thread, and
// std::invalid_argument for bad options. Runs on different threads are independent. (R1)
template <class F, class... A>
auto run(run_options options, F&& main, A&&... args) {
    using result = detail::main_result<F, A...>;
    auto* main_task =
        new detail::callable_child<detail::main_base<result>, std::decay_t<F>, std::decay_t<A>...>(
            "main", std::forward<F>(main), std::forward<A>(args)...);
    const detail::main_reference reference(*main_task);
    detail::run_main(*main_task, options);
    return main_task->take();
}
template <class F, class... A>
    requires(!std::is_same_v<std::remove_cvref_t<F>, run_options>)
auto run(F&& main, A&&... args) {
    return run(run_options{}, std::forward<F>(main), std::forward<A>(args)...);
}

}  // namespace covey
