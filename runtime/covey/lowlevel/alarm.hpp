// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/detail/timer.hpp>

namespace covey::lowlevel {

// Where one task waits for whatever comes first: a ring, a point in time, or a scope that is asked
// to stop. What it is woken for it finds out itself.
//
// Made in a task of the run that it belongs to, and used until that run ends. Threads: ring() from
// any; one task waits. Cost: the whole tree lock of the run.
class alarm {
 public:
    class ring_wait;

    alarm();
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;

    // Ends the wait, or the next one. Not a checkpoint. The task may be running elsewhere when it
    // returns.
    void ring() noexcept;

    // Waits for a ring, until `when`, or until `asked`, if not null, is soft-cancelled or
    // cancelled. No cancellation ends it: whoever waits here is the one to see that others end.
    [[nodiscard]] ring_wait wait(time_point when, cancel_scope* asked) noexcept;

 private:
    detail::runtime_core* core_;
    ring_wait* waiting_ = nullptr;  // guarded by the run's whole tree lock, like the next one
    bool rung_ = false;
};

class [[nodiscard]] alarm::ring_wait final : public wait_operation, private detail::timer {
 public:
    using covey_result = void;
    ring_wait(ring_wait&& other) noexcept;
    void await_resume() noexcept;

 private:
    friend class alarm;
    ring_wait(alarm& waited_for, time_point when, cancel_scope* asked) noexcept;

    [[nodiscard]] const wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;
    void fire(detail::ready_chain& woken) noexcept override;
    [[nodiscard]] bool fires_inside() const noexcept override { return false; }

    void complete_locked(detail::ready_chain& woken) noexcept;
    [[nodiscard]] wait_list& list() noexcept;

    alarm* alarm_;
    time_point when_;
    cancel_scope* asked_;
    wait_list alone_;  // where it stands when no scope is watched
};

}  // namespace covey::lowlevel
