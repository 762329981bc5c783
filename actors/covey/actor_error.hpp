// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace covey {

// What sending to actors throws, beside the errors of channels. Each names the actor.

// The actor has ended, or is stopping for good: it takes no more messages. Thrown by tell and
// try_tell, the message stays with its sender; by ask also for a request that was still queued. For
// an incarnation_ref: its incarnation is over.
class actor_stopped_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// The actor is down, to be started again, and refuses what is sent until then: see
// child_options::reject_while_down. The message stays with its sender. (SV25)
class actor_unavailable_error : public std::runtime_error {
 public:
    actor_unavailable_error(const std::string& what, duration retry_after)
        : std::runtime_error(what), retry_after_(retry_after) {}

    // How long until it is started. Zero: that isn't known, because others of its group are being
    // stopped or it has just failed, or the caller is outside of its run.
    [[nodiscard]] duration retry_after() const noexcept { return retry_after_; }

 private:
    duration retry_after_;
};

// A request won't be answered, though its actor took it: the handler threw or was cut off, the
// mailbox's overflow policy dropped it, or a restart discarded it.
class callee_failed_error : public std::runtime_error {
 public:
    callee_failed_error(const std::string& what, std::uint32_t incarnation, bool restarting,
                        std::exception_ptr cause = nullptr)
        : std::runtime_error(what),
          cause_(std::move(cause)),
          incarnation_(incarnation),
          restarting_(restarting) {}

    // Which incarnation had it, counted from 1.
    [[nodiscard]] std::uint32_t incarnation() const noexcept { return incarnation_; }
    // Whether the actor goes on, or will be started again: asking once more may help.
    [[nodiscard]] bool restarting() const noexcept { return restarting_; }
    // What the handler threw; null where there is no such error.
    [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
    std::exception_ptr cause_;
    std::uint32_t incarnation_;
    bool restarting_;
};

}  // namespace covey
