// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "spilled_batches.hpp"

#include <covey/detail/task_record.hpp>

#include <cstddef>
#include <memory>

namespace covey::detail {

// Ready tasks that belong to no worker yet: from threads that are none, whole crowds that a
// cancellation wakes, and what full rings give away.
//
// What       A lock-free queue of fixed size for single tasks, so that a host's thread never waits
//            for a worker; behind it a chain under a lock, for what doesn't fit and for crowds. The
//            batches of full rings lie beside them.
// Order      What one thread puts in comes out in that order: while there is a chain, everything
//            new goes to its end, and the singles are taken first. Batches have an order of theirs.
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
    void push_spilled(ready_chain& batch) noexcept;
    // Up to `most` tasks to the end of `to`.
    void take(ready_chain& to, std::size_t most) noexcept;
    // The oldest of one kind, or else of the other; null: there is none.
    [[nodiscard]] task_record* take_oldest(bool of_spilled_first) noexcept;
    [[nodiscard]] bool looks_empty() const noexcept { return count() == 0; }
    [[nodiscard]] std::size_t count() const noexcept {
        return count_.load(lowlevel::order::seq_cst);
    }

 private:
    class ring;  // hides a heavy header

    std::size_t take_in_order(ready_chain& to, std::size_t most) noexcept;
    std::size_t take_spilled(ready_chain& to, std::size_t most,
                             spilled_batches::age wanted) noexcept;
    std::size_t take_singles(ready_chain& to, std::size_t most) noexcept;

    const std::unique_ptr<ring> singles_;
    lowlevel::atomic<std::size_t> count_{0};

    lowlevel::spin_lock lock_;
    ready_chain chain_;  // guarded by lock_, both
    spilled_batches spilled_;
    lowlevel::atomic<std::size_t> chained_{0};   // the chain's length; written under lock_, both
    lowlevel::atomic<bool> has_spilled_{false};  // any batches
};

}  // namespace covey::detail
