// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/atomic.hpp>

#include <memory>

namespace covey::detail {

// The lock of a run's tree of scopes and tasks: taken in part, or as a whole.
//
// What       A part for each worker, and one for all threads that are none. A task that changes or
//            reads what hangs on itself (enters a scope, leaves one) takes the part of the thread
//            that it runs on, which nobody else wants as a rule. What concerns the tasks of others
//            (a cancellation, a shield, a deadline, a timer, a look at the tree) takes all parts.
// Invariant  A task is changed in part only by the thread that runs it. So two who hold parts
//            never meet at one scope, and what changes under the whole lock only may be read under
//            any part.
// Order      The parts by their index; nobody who holds one takes the whole. What comes before
//            and after stands in runtime_core.hpp.
// Cost       A part: one uncontended exchange. The whole: one for each worker and one more, and
//            the cache lines of those who have used theirs meanwhile.
// Lifetime   The last act of unlock() is a store to a part: who then takes the whole lock may
//            destroy it.
// Rejected   One mutex: two of them and four read-modify-writes for a child that lives for 20 ns,
//            and two workers stand in line for it. A lock in each scope, taken hand over hand: a
//            cancellation and a leaving task meet from both ends. A reader-writer lock with one
//            counter: readers share its line, which is what costs.
class tree_lock {
 public:
    explicit tree_lock(unsigned workers) : parts_(new part[workers + 1]), others_(workers) {}

    // Of one worker.
    [[nodiscard]] lowlevel::spin_lock& of_worker(unsigned index) noexcept {
        return parts_[index].lock;
    }
    // Of all threads that are no workers of this run.
    [[nodiscard]] lowlevel::spin_lock& of_others() noexcept { return parts_[others_].lock; }

    // The whole.
    void lock() noexcept {
        for (unsigned i = 0; i <= others_; ++i) parts_[i].lock.lock();
    }
    [[nodiscard]] bool try_lock() noexcept {
        for (unsigned i = 0; i <= others_; ++i) {
            if (parts_[i].lock.try_lock()) continue;
            while (i-- > 0) parts_[i].lock.unlock();
            return false;
        }
        return true;
    }
    void unlock() noexcept {
        part* const first = parts_.get();
        for (part* each = first + others_ + 1; each != first;) (--each)->lock.unlock();
    }

 private:
    struct alignas(64) part {
        lowlevel::spin_lock lock;
    };

    const std::unique_ptr<part[]> parts_;
    const unsigned others_;  // the index of the last part
};

}  // namespace covey::detail
