// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>

#include <array>
#include <cstddef>

namespace covey::detail {

// What full rings gave away, in batches as they came. The newest goes on first: its tasks are in
// the cache, and are the deepest of a tree, which so never becomes wide. But one batch in eight is
// the oldest, so that none waits for ever. No allocation: where there are many, the oldest become
// one. Threads: its owner's lock.
class spilled_batches {
 public:
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    void add(ready_chain& batch) noexcept {
        if (count_ == batches_.size()) join_oldest();
        at(count_++).append(batch);
    }
    // Up to `most` tasks of one batch to the end of `to`, in order; gives how many.
    enum class age { newest_mostly, oldest };
    std::size_t take(ready_chain& to, std::size_t most, age wanted) noexcept {
        if (empty()) return 0;
        const bool takes_oldest = wanted == age::oldest || ++taken_ % takes_per_oldest == 0;
        ready_chain& from = at(takes_oldest ? 0 : count_ - 1);
        std::size_t taken = 0;
        for (; taken < most && !from.empty(); ++taken) to.add(*from.take());
        if (!from.empty()) return taken;
        if (takes_oldest) oldest_ = (oldest_ + 1) % batches_.size();
        --count_;
        return taken;
    }

 private:
    static constexpr unsigned takes_per_oldest = 8;

    // By age, the oldest first.
    [[nodiscard]] ready_chain& at(std::size_t index) noexcept {
        return batches_[(oldest_ + index) % batches_.size()];
    }
    void join_oldest() noexcept {
        at(0).append(at(1));
        at(1).append(at(0));
        oldest_ = (oldest_ + 1) % batches_.size();
        --count_;
    }

    std::array<ready_chain, 32> batches_;
    std::size_t oldest_ = 0;
    std::size_t count_ = 0;
    unsigned taken_ = 0;
};

}  // namespace covey::detail
