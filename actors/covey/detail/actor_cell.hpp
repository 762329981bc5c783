// SPDX-License-Identifier: BSL-1.0
#pragma once

// What templates know of an actor's cell: that it is counted, and how messages are posted to it.
// The rest is compiled: see actors/src/actor_cell.hpp.

#include <covey/channel.hpp>
#include <covey/child_options.hpp>
#include <covey/detail/envelope.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
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

class cell_ref {
 public:
    cell_ref() noexcept = default;
    explicit cell_ref(counted_ref<actor_cell_base> cell) noexcept : cell_(std::move(cell)) {}

    // Throws std::logic_error, saying what was tried, when there is none.
    [[nodiscard]] actor_cell& get(const char* attempt) const;
    [[nodiscard]] actor_cell& operator*() const noexcept;
    [[nodiscard]] actor_cell* operator->() const noexcept { return &**this; }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(cell_); }
    [[nodiscard]] bool same_as(const cell_ref& other) const noexcept {
        return cell_.get() == other.cell_.get();
    }

 private:
    counted_ref<actor_cell_base> cell_;
};

// An actor's address that nobody runs yet. Throws std::invalid_argument for an absurd mailbox.
[[nodiscard]] cell_ref make_cell(const actor_type& type, const child_options& options);
[[nodiscard]] const actor_type& type_of(const actor_cell& cell) noexcept;
[[nodiscard]] std::uint32_t current_incarnation(const actor_cell& cell) noexcept;

// Posts the message if that takes no waiting. False: the mailbox is full, and the message is where
// it was. Throws actor_stopped_error, channel_full_error, std::bad_alloc: likewise.
[[nodiscard]] bool try_post(envelope& message);

// Posts on the system lane: never waits, is never dropped. False: the actor has ended.
bool force_post(envelope& message);

// Posts, waiting while the mailbox is full. What it throws, and a cancellation, leave the message
// in its envelope.
class post_operation : public send_operation_base {
 public:
    using covey_result = void;

    explicit post_operation(actor_cell& target) noexcept;

    [[nodiscard]] bool await_ready(envelope& message);
    void await_resume() const;

 protected:
    post_operation(post_operation&& other) noexcept = default;

    actor_cell* target_;
};

}  // namespace covey::detail
