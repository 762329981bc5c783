// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/testing.hpp>

#include <cstddef>

namespace support {

// While it lives, the allocation number `number` of this thread, counted from 0, fails; those
// before it don't, those after it do if it is for good. Frames and tasks are allocations like
// others meanwhile. Not under ThreadSanitizer: see <covey/replace_new.hpp>.
class failing_new final : private covey::lowlevel::allocation_observer {
 public:
    enum class length { once, for_good };

    explicit failing_new(long number, length how_long = length::once) noexcept
        : left_(number), for_good_(how_long == length::for_good) {}
    ~failing_new() {
        covey::lowlevel::set_allocation_observer(before_);
        covey::testing::set_frame_pool(pool_before_);
    }

    // Whether an allocation has failed.
    [[nodiscard]] bool happened() const noexcept { return left_ < 0; }

 private:
    bool allows(std::size_t) noexcept override {
        if (left_ < 0) return !for_good_;
        return left_-- > 0;
    }

    long left_;  // allocations until the failing one; -1: it was
    const bool for_good_;
    const bool pool_before_ = covey::testing::set_frame_pool(false);
    covey::lowlevel::allocation_observer* const before_ =
        covey::lowlevel::set_allocation_observer(this);
};

}  // namespace support
