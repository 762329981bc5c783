// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/channel.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

namespace covey {

// The address of an actor in numbers: unique in the process, never used again.
struct actor_id {
    std::uint64_t value = 0;
    friend bool operator==(actor_id, actor_id) = default;
    friend auto operator<=>(actor_id, actor_id) = default;
};

// Why nobody has handled a message that a mailbox had taken.
enum class dead_letter_reason : std::uint8_t {
    stopped,    // it was still queued when its actor stopped for good
    overflow,   // the mailbox was full, and its policy dropped it
    failed,     // its handler threw
    cancelled,  // its handler was cut off
    restarted,  // it was for an incarnation that is over, or a restart discarded it
};
inline constexpr std::size_t dead_letter_reasons = 5;
[[nodiscard]] const char* to_string(dead_letter_reason reason) noexcept;

// A message that nobody has handled, without the message.
struct dead_letter {
    actor_id actor;
    std::string actor_name;
    std::string message_type;
    dead_letter_reason reason = dead_letter_reason::stopped;
    std::uint32_t incarnation = 0;  // the last one that the actor had by then
    std::exception_ptr error;       // what the handler threw, if that was the reason
};

// The dead letters of the process. A request is none: its asker is told. Threads: any.
class dead_letter_office {
 public:
    // How many there have been, all in all and for one reason. Cost: an atomic load each.
    [[nodiscard]] std::uint64_t total() const noexcept;
    [[nodiscard]] std::uint64_t count(dead_letter_reason reason) const noexcept;

    // From now on every dead letter, as far as there is room: what doesn't fit is dropped, and
    // counted in the channel's statistics. Ends never by itself. Throws std::invalid_argument for a
    // bad capacity. Cost for each dead letter: some strings, for each channel that somebody reads.
    [[nodiscard]] receive_channel<dead_letter> sample(std::size_t capacity = 64);

 private:
    friend dead_letter_office& dead_letters() noexcept;
    dead_letter_office() noexcept = default;
    ~dead_letter_office() = default;
};

// The one of the process.
[[nodiscard]] dead_letter_office& dead_letters() noexcept;

}  // namespace covey
