// SPDX-License-Identifier: BSL-1.0
#pragma once

// The untyped half of select, compiled once: what the typed skin in select_skin.hpp calls.
//
// What      select_arm is a case that goes through a channel: a place in its list of waiters.
//           select_core tries the arms, or waits on all of them, until one party ends the wait.
// Lifetime  Arms lie in the operation, and so in the task's frame. All are out of their lists
//           before the task goes on or is unwound.

#include <covey/channel.hpp>
#include <covey/lowlevel/wait_timer.hpp>

namespace covey::detail {

// Moved only before its select starts.
class select_arm : public lowlevel::wait_node {
 protected:
    select_arm(const channel_handle& used, const char* verb) : end_(used.through(verb)) {}
    select_arm(select_arm&& other) noexcept : wait_node(), end_(std::move(other.end_)) {}
    ~select_arm() = default;

 private:
    friend class select_core;
    class order;

    [[nodiscard]] bool is_promising() const noexcept;
    [[nodiscard]] channel_core& core() const noexcept { return (*end_).core(); }
    [[nodiscard]] bool sends() const noexcept { return (*end_).which() == endpoint::side::send; }

    endpoint_reference end_;
    std::size_t number_ = 0;             // of its case
    select_arm* next_ = nullptr;         // in the order of the cases
    select_arm* next_locked_ = nullptr;  // in the order of the channels' addresses
};

// One wait for several things, of which exactly one takes effect.
//
// Protocol  All channels are locked, in the order of their addresses. Those arms that may go on are
//           tried in random order. If none does, all are linked, the word is armed once, and the
//           locks are kept until the task has suspended. Whoever then completes an arm holds that
//           channel's lock and wins the word; whoever comes too late drops the arm's node. The task
//           itself takes out the nodes that are left, channel by channel, before it goes on.
class select_core : public lowlevel::wait_operation {
 public:
    [[nodiscard]] bool await_ready();
    void tell(lowlevel::wait_report& report) const final;

 protected:
    explicit select_core(std::size_t cases) noexcept;
    select_core(select_core&& other) noexcept
        : wait_operation(std::move(other)),
          traits_(other.traits_),
          has_begun_(std::exchange(other.has_begun_, true)) {}
    ~select_core() = default;

    // Where the value comes to that is received, or pushed out of a buffer: it is one at most. The
    // timer is null where no case needs one. False: it was awaited before, and add nothing.
    [[nodiscard]] bool begin(void* place, lowlevel::wait_timer* timer) noexcept;
    // The cases that are switched on, in order; their numbers count those that are off as well.
    void add_send(select_arm& arm, std::size_t number, void* value) noexcept;
    void add_receive(select_arm& arm, std::size_t number) noexcept;
    void add_time(duration from_now, std::size_t number) noexcept;
    void add_time(time_point when, std::size_t number);
    void add_otherwise(std::size_t number) noexcept { otherwise_ = number; }

    // After the wait: the number of the case that took effect. Throws what its channel says.
    [[nodiscard]] std::size_t finish();
    // ... and of a receiving case, whether there is a value in its place; else its channel ended.
    [[nodiscard]] bool has_value() const noexcept;
    [[noreturn]] void throw_ended() const;

 private:
    static constexpr std::size_t nothing = static_cast<std::size_t>(-1);

    // The earliest of its kind.
    template <class Time>
    struct limit {
        Time time = Time::max();
        std::size_t number = nothing;
    };

    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final { return *traits_; }
    void lock() noexcept final;
    void unlock() noexcept final;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;

    void add(select_arm& arm, std::size_t number) noexcept;
    [[nodiscard]] bool is_time_up() const noexcept { return length_.time == duration::zero(); }
    [[nodiscard]] std::size_t count_promising() const noexcept;
    [[nodiscard]] bool try_promising(std::size_t nth);
    [[nodiscard]] bool try_arm(select_arm& arm);
    bool choose(std::size_t number) noexcept;
    void arm_timer() noexcept;
    void find_winner() noexcept;
    void leave_losers() noexcept;

    const lowlevel::wait_traits* traits_;
    select_arm* first_ = nullptr;  // in the order of the cases
    select_arm* last_ = nullptr;
    std::size_t arms_ = 0;
    select_arm* locked_ = nullptr;  // the same arms, in the order of locking
    void* place_ = nullptr;
    lowlevel::wait_timer* timer_ = nullptr;
    limit<duration> length_;
    limit<time_point> until_;
    std::size_t otherwise_ = nothing;

    std::size_t chosen_ = nothing;
    select_arm* winner_ = nullptr;  // null: the case chosen has no channel
    bool has_dropped_ = false;      // the place holds a value that nobody gets
    bool has_waited_ = false;
    bool has_begun_ = false;
};

}  // namespace covey::detail
