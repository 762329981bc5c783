// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where the answer to a request is put.
//
// What      Shared by the asker's operation and the request's envelope, with a reference each.
// Threads   value and error are the answering side's until settle(), the asker's afterwards. The
//           asker's node under lock_.

#include <covey/clock.hpp>
#include <covey/detail/counted.hpp>
#include <covey/lowlevel/park.hpp>
#include <covey/outcome.hpp>

#include <exception>
#include <optional>

namespace covey::detail {

class reply_core : public counted_object {
 public:
    // Constant once the request is posted. The deadline is on the clock of the asker's run.
    time_point deadline = time_point::max();
    const void* run = nullptr;

    std::exception_ptr error;

    // The answer is there: lets the asker go on, if it still waits.
    void settle() noexcept;
    void fail(std::exception_ptr why) noexcept;

    // The asker doesn't wait any more.
    void abandon() noexcept { abandoned_.store(true, lowlevel::order::release); }
    [[nodiscard]] bool is_abandoned() const noexcept {
        return abandoned_.load(lowlevel::order::acquire);
    }

 private:
    friend class reply_wait;

    lowlevel::atomic<bool> abandoned_{false};
    lowlevel::spin_lock lock_;
    lowlevel::wait_node* asker_ = nullptr;  // guarded by lock_, like the next one
    bool is_settled_ = false;
};

template <class R>
class reply_state final : public reply_core {
 public:
    std::optional<stored<R>> value;
};

// Waits for the answer.
class reply_wait : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit reply_wait(reply_core& awaited) noexcept;
    void await_resume() const noexcept {}

 protected:
    reply_wait(reply_wait&& other) noexcept = default;

    reply_core* reply_;

 private:
    void lock() noexcept final;
    void unlock() noexcept final;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
};

}  // namespace covey::detail
