// SPDX-License-Identifier: BSL-1.0
#pragma once

// What templates know of an actor's cell: that it is counted, and how messages are posted to it.
// The rest is compiled: see actors/src/actor_cell.hpp.

#include <covey/child_options.hpp>
#include <covey/detail/envelope.hpp>
#include <covey/lowlevel/park.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace covey::detail {

// What is known of an actor class.
struct actor_type {
    const void* tag;
    const char* (*name)() noexcept;  // as the compiler spells it
    // The messages that its handlers are known to take, for timers.
    std::span<const message_type* const> messages;
};

class actor_cell;

// The half of a cell that is seen everywhere: its count.
class actor_cell_base : public counted_object {};

// One reference to a cell. Operations that this turn has made from it may not be counted yet: see
// operation_target.
class cell_ref {
 public:
    cell_ref() noexcept = default;
    explicit cell_ref(counted_ref<actor_cell_base> cell) noexcept : cell_(std::move(cell)) {}
    cell_ref(const cell_ref& other) noexcept = default;
    cell_ref(cell_ref&& other) noexcept : cell_(std::move(other.cell_)) {
        if (cell_) count_operations();
    }
    cell_ref& operator=(cell_ref other) noexcept {
        std::swap(cell_, other.cell_);
        return *this;
    }
    ~cell_ref() {
        if (cell_) count_operations();
    }

    // Throws std::logic_error, saying what was tried, when there is none.
    void check(const char* attempt) const {
        if (!cell_) [[unlikely]]
            throw_none(attempt);
    }
    [[nodiscard]] actor_cell& get(const char* attempt) const {
        check(attempt);
        return **this;
    }
    [[nodiscard]] actor_cell& operator*() const noexcept;
    [[nodiscard]] actor_cell* operator->() const noexcept { return &**this; }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(cell_); }
    [[nodiscard]] bool same_as(const cell_ref& other) const noexcept {
        return cell_.get() == other.cell_.get();
    }

 private:
    [[noreturn]] static void throw_none(const char* attempt);
    // Before the reference is somebody else's, or nobody's.
    static void count_operations() noexcept;

    counted_ref<actor_cell_base> cell_;
};

// An actor's address that nobody runs yet. Throws std::invalid_argument for an absurd mailbox.
[[nodiscard]] cell_ref make_cell(const actor_type& type, const child_options& options);
[[nodiscard]] const actor_type& type_of(const actor_cell& cell) noexcept;
[[nodiscard]] const std::string& name_of(const actor_cell& cell);
[[nodiscard]] std::uint32_t current_incarnation(const actor_cell& cell) noexcept;

// Posts the message if that takes no waiting. False: the mailbox is full, and the message is where
// it was. Throws actor_stopped_error, channel_full_error, std::bad_alloc: likewise.
[[nodiscard]] bool try_post(envelope& message);

// Posts on the system lane: never waits, is never dropped. False: the actor has ended.
bool force_post(envelope& message);

// The actor that an operation is for.
//
// Most operations are awaited where they are made, and are over before anything else happens: so
// the turn owes the count until the operation starts (lowlevel::turn::owe). From then on whoever
// made it keeps the actor, as long as the task doesn't wait. One that does, or that has to name the
// actor later, counts itself.
class operation_target {
 public:
    explicit operation_target(const cell_ref& target) noexcept;
    operation_target(operation_target&& other) noexcept
        : cell_(other.cell_), state_(std::exchange(other.state_, state::kept_by_maker)) {}
    operation_target& operator=(operation_target&&) = delete;
    ~operation_target() {
        if (state_ != state::kept_by_maker) let_go();
    }

    void begin(lowlevel::turn& now) noexcept;
    // The same for one that the turn owes, and nothing else.
    [[nodiscard]] bool is_owed_by(const lowlevel::turn& now) const noexcept;
    void begin_owed(lowlevel::turn& now) noexcept {
        now.owed = nullptr;
        state_ = state::kept_by_maker;
    }
    void keep() noexcept;  // once it has begun

    [[nodiscard]] actor_cell& operator*() const noexcept { return *cell_; }
    [[nodiscard]] actor_cell* operator->() const noexcept { return cell_; }

 private:
    enum class state : std::uint8_t { owed, counted, kept_by_maker };
    void let_go() noexcept;

    actor_cell* cell_;
    state state_;
};

// Posts, waiting while the mailbox is full. What it throws, and a cancellation, leave the message
// in its envelope.
class post_operation : public lowlevel::wait_operation {
 public:
    using covey_result = void;

    explicit post_operation(const cell_ref& target) noexcept;

    [[nodiscard]] bool await_ready(envelope& message);
    void await_resume() const {
        if (node().result != lowlevel::wait_result::done) [[unlikely]]
            throw_not_posted();
    }

 protected:
    post_operation(post_operation&& other) noexcept = default;

    void tell(lowlevel::wait_report& report) const final;

    operation_target target_;

 private:
    friend class lowlevel::wait_operation;
    void begin(lowlevel::turn& now) noexcept { target_.begin(now); }
    [[nodiscard]] bool is_owed_alone(const lowlevel::turn& now) const noexcept {
        return target_.is_owed_by(now);
    }
    void begin_owed(lowlevel::turn& now) noexcept { target_.begin_owed(now); }
    [[nodiscard]] lowlevel::spin_lock& guard() const noexcept;
    [[nodiscard]] bool try_usual() noexcept;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final;
    void lock() noexcept final;
    void unlock() noexcept final;  // and wakes whom the message has served
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
    void end_unposted(lowlevel::wait_result how) noexcept;
    [[noreturn]] void throw_not_posted() const;

    void* room_for_dropped_ = nullptr;
    bool has_dropped_ = false;
};

}  // namespace covey::detail
