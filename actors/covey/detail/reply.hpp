// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the answer to a request is put.
//
// What      Shared by the asker's operation and the request's envelope. Each lets go of it in the
//           step that tells the other one: the envelope by settle() or fail(), the asker by
//           abandon() or, when it has the answer, by end(). A request_status may keep it longer.
// Threads   value and error are the answering side's until settle(), the asker's afterwards. The
//           rest as said below.
// Rejected  A count of its own: with those of the lock it would be a third read-modify-write for
//           each side.

#include <covey/clock.hpp>
#include <covey/lowlevel/park.hpp>
#include <covey/lowlevel/pooled.hpp>
#include <covey/outcome.hpp>

#include <exception>
#include <optional>

namespace covey::detail {

class actor_cell;

class reply_core : public lowlevel::pooled {
 public:
    reply_core(const reply_core&) = delete;
    reply_core& operator=(const reply_core&) = delete;

    // Constant once the request is posted. The deadline is on the clock of the asker's run.
    time_point deadline = time_point::max();
    const void* run = nullptr;
    actor_cell* asker = nullptr;  // whose handler asks, if one does: see ask.cpp

    std::exception_ptr error;

    // For the answering side, which must not touch it afterwards. The answer is there: lets the
    // asker go on, if it still waits.
    void settle() noexcept;
    void fail(std::exception_ptr why) noexcept;

    // For the asker, while nobody else knows it: one for the envelope.
    [[nodiscard]] reply_core& shared() noexcept {
        ++keepers_;
        return *this;
    }
    // For the asker, which must not touch it afterwards. It doesn't wait any more; or it has got
    // the answer.
    void abandon() noexcept;
    void end() noexcept;

    [[nodiscard]] bool is_abandoned() const noexcept {
        return abandoned_.load(lowlevel::order::acquire);
    }

    // For the answering side, while it has the request, and for who looks at its status: one more
    // keeps it, or one fewer.
    void add_reference() noexcept;
    void drop_reference() noexcept;

 protected:
    reply_core() noexcept = default;
    virtual ~reply_core() = default;

 private:
    friend class reply_wait;

    lowlevel::atomic<bool> abandoned_{false};  // written under lock_

    lowlevel::spin_lock lock_;
    lowlevel::wait_node* waiting_ = nullptr;  // guarded by lock_, like the next ones
    unsigned keepers_ = 1;
    bool is_settled_ = false;
    bool is_shared_ = false;  // with a request_status; the asker, when it is answered, reads it
};

template <class R>
class reply_state : public reply_core {
 public:
    std::optional<stored<R>> value;
};

// Waits for the answer.
class reply_wait : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit reply_wait(reply_core& awaited) noexcept;
    [[nodiscard]] bool await_ready();
    void await_resume() const noexcept {}

 protected:
    reply_wait(reply_wait&& other) noexcept = default;

    reply_core* reply_;

 private:
    friend class lowlevel::wait_operation;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final;
    void lock() noexcept final;
    void unlock() noexcept final;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
};

}  // namespace covey::detail
