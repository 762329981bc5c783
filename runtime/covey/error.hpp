// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/cancel_cause.hpp>

#include <exception>
#include <stdexcept>
#include <string>

namespace covey {

// What covey throws. Each says what was being done and to what. Misuse that a program can reach is
// a std::logic_error or std::invalid_argument.

// A channel's own end was closed, before the operation or while it waited.
class closed_resource_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// The other side is gone: nobody will ever receive from this channel, or complete this callback.
class broken_resource_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// All senders are gone and everything has been received.
class end_of_channel : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// fail_after or fail_at cut its body off.
class too_slow_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// A value was asked for and its producer was cancelled. Not cancellation itself, which is no
// exception: this is what is left for somebody outside.
class cancelled_error : public std::runtime_error {
 public:
    cancelled_error(const std::string& what, cancel_cause cause)
        : std::runtime_error(what), cause_(std::move(cause)) {}
    [[nodiscard]] const cancel_cause& cause() const noexcept { return cause_; }

 private:
    cancel_cause cause_;
};

// SIGINT or SIGTERM stopped main: what run() throws then.
class interrupted : public std::runtime_error {
 public:
    interrupted(const std::string& what, int signal) : std::runtime_error(what), signal_(signal) {}
    // SIGINT or SIGTERM: 128 + signal() is the customary exit status.
    [[nodiscard]] int signal() const noexcept { return signal_; }

 private:
    int signal_;
};

// A child was started in a nursery that has ended.
class closed_nursery_error : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

// A blocking call on one of the run's own workers would wait for itself.
class would_deadlock_error : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

// testing::expect_checkpoints or expect_no_checkpoints found otherwise.
class checkpoint_error : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

}  // namespace covey
