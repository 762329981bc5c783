// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/park.hpp>

namespace covey {

// A flag that is set once and that tasks wait for. Threads: set() and is_set() from any thread;
// tasks of any worker wait. Destroyed when nobody waits any more. (S1)
class event {
 public:
    class wait_until_set;

    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();

    // Wakes everybody who waits and whoever will. Idempotent; not a checkpoint.
    void set() noexcept;
    // Waits until set. A checkpoint, also when it is set already; cancellable without a trace.
    [[nodiscard]] wait_until_set wait() noexcept;
    [[nodiscard]] bool is_set() const noexcept;
    // How many tasks wait now.
    struct event_statistics {
        std::size_t tasks_waiting;
    };
    [[nodiscard]] event_statistics statistics() const noexcept;

 private:
    lowlevel::spin_lock mutable lock_;
    bool set_ = false;             // guarded by lock_
    lowlevel::wait_list waiting_;  // guarded by lock_
};

class [[nodiscard]] event::wait_until_set final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    void await_resume() const noexcept {}

 private:
    friend class event;
    explicit wait_until_set(event& waited_for) noexcept;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    event* event_;
};

}  // namespace covey
