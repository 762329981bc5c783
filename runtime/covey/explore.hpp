// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/run.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

// Running a program again and again, each time in another order: a failure that one order in a
// thousand brings about is found on the desk, and repeated at will.

namespace covey::testing {

// Which orders are tried.
enum class exploration : std::uint8_t {
    // At each step one of those that could go on, each as likely.
    random,
    // Every task has a random priority, and at depth - 1 random steps the one that runs gets the
    // lowest. Finds a fault that needs `depth` things to happen in one order with a probability of
    // at least 1 / (tasks * steps^(depth - 1)), however long the program is. (Burckhardt et al.,
    // "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010)
    pct,
    // All of them, until there is no other: for programs of a few tasks and steps.
    exhaustive,
};

// An aggregate with defaults: {.schedules = 100}.
struct explore_options {
    std::size_t schedules = 1000;  // at most
    // Of the first schedule; each next one counts on from it. Below 2^32.
    std::uint64_t seed = 1;
    exploration how = exploration::random;
    unsigned depth = 3;  // of pct: 1 to 15
    // Turns of tasks; a schedule that takes more has failed: see livelock_error.
    std::size_t most_steps = 100'000;
};

// What was found. Converts to true when no schedule failed; prints itself.
struct [[nodiscard]] explore_result {
    std::size_t schedules = 0;  // that were run
    bool is_complete = false;   // of exhaustive and of a sweep: there is no other one

    // Of the first schedule that failed, which is the last that was run.
    std::exception_ptr error;                               // null: none has failed
    std::uint64_t seed = 0;                                 // repeats it: replay(seed, main)
    std::size_t most_steps = explore_options{}.most_steps;  // under which it failed
    std::string what;                                       // the error, and those in it
    std::string choices;    // one line for each time that several could go on
    std::string task_tree;  // when a task failed last

    [[nodiscard]] explicit operator bool() const noexcept { return error == nullptr; }
    // All of it as text, with the line that repeats the schedule.
    [[nodiscard]] std::string report() const;

    // To a std::ostream.
    template <class Stream>
        requires requires(Stream& out, const std::string& text) {
            out << text;
            out.rdbuf();
        }
    friend Stream& operator<<(Stream& out, const explore_result& result) {
        out << result.report();
        return out;
    }
};

// Nothing in a run can go on: no task is ready, no time limit is pending, no thread works for it.
// what() shows who waits for what.
class deadlock_error : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

// A schedule took more steps than explore_options::most_steps.
class livelock_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// Something of covey was still alive when a schedule had ended.
class leak_error : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

// What sweep_callbacks() throws.
class injected_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

}  // namespace covey::testing

namespace covey::detail {

// What is run again and again: each time a new main, from a copy of the callable.
class program {
 public:
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    [[nodiscard]] virtual task_record& renew() = 0;

 protected:
    program() noexcept = default;
    ~program() = default;
};

template <class F>
class program_of final : public program {
    static_assert(std::is_copy_constructible_v<F>,
                  "covey: main is run again and again, each time from a copy: let it capture what "
                  "can be copied, or make the rest inside of it");
    static_assert(std::is_invocable_v<F&>,
                  "covey: main is called without arguments: wrap it, "
                  "[] { return program(2, \"text\"); }");

 public:
    using main_task = callable_child<main_base<main_result<const F&>>, F>;

    template <class G>
    explicit program_of(G&& main) : callable_(std::forward<G>(main)) {}
    ~program_of() { drop(); }

    task_record& renew() override {
        drop();
        main_ = new main_task("main", callable_);
        return *main_;
    }
    // The value of the last one.
    auto take() { return main_->take(); }

 private:
    void drop() noexcept {
        if (main_ != nullptr) std::exchange(main_, nullptr)->drop_reference();
    }

    const F callable_;
    main_task* main_ = nullptr;
};

[[nodiscard]] testing::explore_result explore(const testing::explore_options& options,
                                              program& main);
enum class sweep_kind : std::uint8_t { cancellation, allocations, callbacks };
[[nodiscard]] testing::explore_result sweep(sweep_kind kind,
                                            const testing::explore_options& options, program& main);
void replay(std::uint64_t seed, program& main, std::size_t most_steps);

}  // namespace covey::detail

namespace covey::testing {

// Runs main, a coroutine function without parameters, under many schedules, one after the other,
// on the calling thread and in virtual time, and stops at the first that fails: main throws, it
// leaves something of covey behind, nothing can go on, or it doesn't end. Each run has a copy of
// main. Nothing is left to chance in it: which task goes on after each operation, what select takes
// of several, which of several timers of one instant comes first, when a to_thread call is made and
// returns. A task goes on for 128 operations in a row at most while others are ready, as in any
// run.
//
// What main uses besides covey has to be the same each time; where it isn't, the report says that
// the failure was not repeated. Threads of the program's own don't take part. A to_thread call must
// not make a blocking call of covey: that throws would_deadlock_error.
//
// Throws std::invalid_argument for options that can't be, and std::logic_error inside a run. Cost:
// for a small program some 10 us a schedule.
template <class F>
explore_result explore(explore_options options, F&& main) {
    covey::detail::program_of<std::decay_t<F>> program(std::forward<F>(main));
    return covey::detail::explore(options, program);
}
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, explore_options>)
explore_result explore(F&& main) {
    return explore(explore_options{}, std::forward<F>(main));
}

// Runs main again and again, under one schedule, and cancels it from outside: before its first
// step, before its second one, and so on, until it ends before that. At each of these moments every
// task awaits something, so no place where a cancellation can come is left out. A main that is cut
// off is no failure; what explore() calls one is, and main's own errors are.
//
// Of the options, `schedules` says how many steps are tried at most, and `seed` in which order
// tasks go on. Throws as explore().
template <class F>
explore_result sweep_cancellation(explore_options options, F&& main) {
    covey::detail::program_of<std::decay_t<F>> program(std::forward<F>(main));
    return covey::detail::sweep(covey::detail::sweep_kind::cancellation, options, program);
}
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, explore_options>)
explore_result sweep_cancellation(F&& main) {
    return sweep_cancellation(explore_options{}, std::forward<F>(main));
}

// The same with memory: the first allocation of main and what it starts fails, then the second one
// instead, and so on. A main that fails with std::bad_alloc, or with a group that has one in it, is
// no failure: so a main that catches it, and then looks whether all is as it should be, tests what
// a lack of memory leaves behind. Every frame, task and actor is an allocation meanwhile.
//
// The program has to include <covey/replace_new.hpp> in one source file; else, and with
// ThreadSanitizer, this throws std::logic_error.
template <class F>
explore_result sweep_allocations(explore_options options, F&& main) {
    covey::detail::program_of<std::decay_t<F>> program(std::forward<F>(main));
    return covey::detail::sweep(covey::detail::sweep_kind::allocations, options, program);
}
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, explore_options>)
explore_result sweep_allocations(F&& main) {
    return sweep_allocations(explore_options{}, std::forward<F>(main));
}

// The same with errors: the first call that covey makes of the program's code throws injected_error
// instead, then the second one, and so on. These are the callables of tasks and blocks, what
// to_thread() and from_callback() call, handlers of select, factories, handlers and hooks of
// actors, and what a supervisor asks for a verdict, as far as they aren't noexcept. A main that
// fails with an injected_error is no failure.
template <class F>
explore_result sweep_callbacks(explore_options options, F&& main) {
    covey::detail::program_of<std::decay_t<F>> program(std::forward<F>(main));
    return covey::detail::sweep(covey::detail::sweep_kind::callbacks, options, program);
}
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, explore_options>)
explore_result sweep_callbacks(F&& main) {
    return sweep_callbacks(explore_options{}, std::forward<F>(main));
}

// Runs main under that one schedule, which explore() or a sweep has named, in this process or
// another: main's value, or what the schedule fails with, or, where it is one of a sweep, what main
// throws because of its fault. A schedule of exhaustive that is too long for a number is found
// again by running those before it. After `most_steps` it is given up, as in explore(): one that
// was found with another limit needs the same here.
template <class F>
auto replay(std::uint64_t seed, F&& main, std::size_t most_steps = explore_options{}.most_steps) {
    covey::detail::program_of<std::decay_t<F>> program(std::forward<F>(main));
    covey::detail::replay(seed, program, most_steps);
    return program.take();
}

}  // namespace covey::testing
