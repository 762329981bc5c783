// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/detail/promise.hpp>
#include <covey/detail/timer.hpp>

namespace covey {

// The awaitables behind the functions below.
class [[nodiscard]] checkpoint_operation {
 public:
    using covey_result = void;
    enum class kind : std::uint8_t { full, cancel_only };

    explicit checkpoint_operation(kind which) noexcept : kind_(which) {}
    [[nodiscard]] bool await_ready() const;
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
        suspend(frame.promise());
    }
    void await_resume() const noexcept {}

 private:
    void suspend(detail::promise_base& frame) const noexcept;

    kind kind_;
};

class [[nodiscard]] sleep_operation final : public lowlevel::wait_operation, private detail::timer {
 public:
    using covey_result = void;

    explicit sleep_operation(duration length) noexcept;
    explicit sleep_operation(time_point until) noexcept;
    sleep_operation(sleep_operation&& other) noexcept;

    // Sleeping no time at all is a checkpoint(): it lets others run first.
    [[nodiscard]] bool await_ready();
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        if (passed_)
            checkpoint_operation(checkpoint_operation::kind::full).await_suspend(frame);
        else
            wait_operation::await_suspend(frame);
    }
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;
    void fire(detail::ready_chain& woken) noexcept override;
    [[nodiscard]] bool fires_inside() const noexcept override { return true; }

    detail::runtime_core* core_ = nullptr;
    duration length_ = never;
    time_point until_ = time_point::max();
    bool passed_ = false;
};

// Lets other tasks run, then stops if the task is cancelled. (K8)
[[nodiscard]] inline checkpoint_operation checkpoint() {
    return checkpoint_operation(checkpoint_operation::kind::full);
}

// Stops if the task is cancelled; else goes on at once. (K9)
[[nodiscard]] inline checkpoint_operation checkpoint_if_cancelled() {
    return checkpoint_operation(checkpoint_operation::kind::cancel_only);
}

// Waits for that long from now, until that time, or until cancelled. Checkpoints, also for zero and
// for the past. Never shorter than asked. Negative or NaN lengths throw std::invalid_argument.
// Cost: a timer in the task's frame, no allocation.
template <class Rep, class Period>
[[nodiscard]] sleep_operation sleep_for(std::chrono::duration<Rep, Period> length) {
    return sleep_operation(detail::to_duration(length));
}
template <class D>
[[nodiscard]] sleep_operation sleep_until(std::chrono::time_point<run_clock, D> when) {
    return sleep_operation(detail::to_time_point(when));
}
[[nodiscard]] inline sleep_operation sleep_forever() { return sleep_operation(never); }

}  // namespace covey
