// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/detail/settle.hpp>
#include <covey/error.hpp>
#include <covey/explore.hpp>
#include <covey/lowlevel/park.hpp>
#include <covey/watchdog.hpp>

#include <cstddef>
#include <string>
#include <utility>

// Tools for testing programs that use covey: virtual time, stated order, checkpoints, leaks.

namespace covey::testing {

// Whether a virtual clock moves by itself.
enum class autojump : bool { off, on };

// A clock that starts at zero and moves only by jump(), or, with autojump, to the next deadline
// whenever nothing can run: hours of sleeping take milliseconds. It stands still while a to_thread
// call runs that can't be abandoned. Threads: any. (Q2-Q4)
class virtual_clock final : public clock_source {
 public:
    explicit virtual_clock(autojump mode = autojump::on) noexcept : mode_(mode) {}

    // Moves time on; tasks whose deadline has come become ready. Negative or NaN throws
    // std::invalid_argument.
    template <class Rep, class Period>
    void jump(std::chrono::duration<Rep, Period> length) {
        jump_by(covey::detail::to_duration(length));
    }
    void set_autojump(autojump mode) noexcept;

    [[nodiscard]] time_point now() const noexcept override;
    [[nodiscard]] bool is_real() const noexcept override { return false; }
    bool skip_to(time_point next) noexcept override;

 private:
    void jump_by(duration length) noexcept;

    lowlevel::atomic<std::int64_t> nanoseconds_{0};
    lowlevel::atomic<autojump> mode_;
};

// The awaitable of wait_all_tasks_blocked().
class [[nodiscard]] idle_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    idle_wait() noexcept;
    [[nodiscard]] bool await_ready();
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    covey::detail::runtime_core* core_ = nullptr;
};

// Waits until every other task is blocked. Sleeping counts as blocked; comes before an autojump.
// A checkpoint, cancellable. (Q1)
[[nodiscard]] inline idle_wait wait_all_tasks_blocked() { return {}; }

// Makes tasks take turns: `co_await seq(0)`, `co_await seq(1)`, ... pass in the order of their
// numbers, whoever comes first. Keep what it gives to hold the next one back until the end of the
// block: `const auto turn = co_await seq(0);`. A number used twice throws std::logic_error. When
// one is cancelled before its turn, all others and late-comers get std::logic_error. (Q6)
class sequencer {
 public:
    class turn_wait;

    // Ends its turn when it is destroyed.
    class turn {
     public:
        turn(turn&& other) noexcept : sequencer_(std::exchange(other.sequencer_, nullptr)) {}
        turn& operator=(turn&&) = delete;
        ~turn();

     private:
        friend class turn_wait;
        explicit turn(sequencer* owner) noexcept : sequencer_(owner) {}
        sequencer* sequencer_;
    };

    sequencer() noexcept = default;
    sequencer(const sequencer&) = delete;
    sequencer& operator=(const sequencer&) = delete;
    ~sequencer();

    [[nodiscard]] turn_wait operator()(std::size_t number);

 private:
    void end_turn() noexcept;

    lowlevel::spin_lock lock_;  // guards all below
    std::size_t next_ = 0;      // whose turn it is
    bool taken_ = false;        // and whether somebody has it
    bool broken_ = false;
    lowlevel::wait_list waiting_;
    lowlevel::wake_list to_wake_;  // those to be told that it is broken, after unlocking
};

class sequencer::turn_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = turn;
    [[nodiscard]] bool await_ready();
    turn await_resume();

 private:
    friend class sequencer;
    turn_wait(sequencer& owner, std::size_t number) noexcept;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    sequencer* sequencer_;
    std::size_t number_;
    bool reused_ = false;
    bool broken_ = false;  // found when it came, or told while it waited
};

// Forgets the checkpoints that the calling task has passed, and says at the end which were met.
class checkpoint_watch {
 public:
    checkpoint_watch();
    checkpoint_watch(const checkpoint_watch&) = delete;
    checkpoint_watch& operator=(const checkpoint_watch&) = delete;
    ~checkpoint_watch();

    // Throws checkpoint_error.
    void expect_some() const;
    void expect_none() const;

 private:
    covey::detail::task_record& task_;
    std::uint8_t seen_before_;
    bool was_watched_;
};

namespace detail {

template <class X, class R = covey::detail::body_result<X>>
task<void> run_expecting(X body, bool some) {
    co_await covey::detail::stands_for_its_caller();
    const checkpoint_watch watch;
    covey::detail::settled<R> result;
    co_await covey::detail::settle_body(result, body);
    if (result.stopped) co_await covey::detail::pass_stop_on();
    result.rethrow_error();
    if (some)
        watch.expect_some();
    else
        watch.expect_none();
}

}  // namespace detail

// Runs body and throws checkpoint_error unless it met both halves of a checkpoint: a place that
// checks for cancellation and one that lets others run. A body left by an error passes. (Q5)
template <class X>
auto expect_checkpoints(X&& body) {
    return detail::run_expecting<std::decay_t<X>>(std::forward<X>(body), true);
}
// ... unless it met neither.
template <class X>
auto expect_no_checkpoints(X&& body) {
    return detail::run_expecting<std::decay_t<X>>(std::forward<X>(body), false);
}

// What of covey is alive in this process: all zero when no run and no channel is.
struct leak_report {
    std::size_t tasks = 0, frames = 0, waiters = 0, handles = 0, timers = 0, threads = 0;

    [[nodiscard]] bool any() const noexcept {
        return (tasks | frames | waiters | handles | timers | threads) != 0;
    }
    friend bool operator==(const leak_report&, const leak_report&) = default;
};
[[nodiscard]] leak_report leaks() noexcept;
// "2 tasks, 1 timer", or "nothing".
[[nodiscard]] std::string to_string(const leak_report& report);

// On: every operation that didn't have to wait yields, as if the worker's budget were spent each
// time. For the whole process; gives the setting before.
bool set_yield_every_operation(bool on) noexcept;

// Off: each coroutine frame and each task comes from operator new and goes to operator delete,
// where programs that make allocations fail, and tools that watch memory, see it. On, as it is at
// first in programs without AddressSanitizer and ThreadSanitizer: they are recycled. For the whole
// process: at once for the calling thread, for others when they next have nothing to do. Never
// waits; gives the setting before.
bool set_frame_pool(bool on) noexcept;

}  // namespace covey::testing
