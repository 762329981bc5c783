// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>

#include <cstddef>
#include <memory>

namespace covey::detail {

// Ready tasks that belong to no worker yet: from threads that are none, from full rings, and whole
// crowds that a cancellation wakes.
//
// What       A lock-free queue of fixed size for single tasks, so that a host's thread never waits
//            for a worker; behind it a chain under a lock, for what doesn't fit and for crowds.
// Order      What one thread puts in comes out in that order: while there is a chain, everything
//            new goes to its end, and the singles are taken first.
// Invariant  looks_empty() is true only if nothing was put in that its caller could know of: a
//            task is counted before it can be found.
class injection_queue {
 public:
    injection_queue();
    injection_queue(const injection_queue&) = delete;
    injection_queue& operator=(const injection_queue&) = delete;
    ~injection_queue();

    // Any thread.
    void push(task_record& task) noexcept;
    void push_all(ready_chain& tasks) noexcept;
    // Up to `most` tasks, in order, to the end of `to`.
    void take(ready_chain& to, std::size_t most) noexcept;
    [[nodiscard]] bool looks_empty() const noexcept { return count() == 0; }
    [[nodiscard]] std::size_t count() const noexcept {
        return count_.load(lowlevel::order::seq_cst);
    }

 private:
    class ring;  // hides a heavy header

    std::size_t take_singles(ready_chain& to, std::size_t most) noexcept;

    const std::unique_ptr<ring> singles_;
    lowlevel::atomic<std::size_t> count_{0};

    lowlevel::spin_lock lock_;
    ready_chain chain_;                         // guarded by lock_
    lowlevel::atomic<std::size_t> chained_{0};  // its length; written under lock_
};

}  // namespace covey::detail
