// SPDX-License-Identifier: BSL-1.0
#pragma once

// For tests of the pool of frames, which sanitizers begin without.

#include <covey/testing.hpp>

namespace support {

// Frames and tasks come from the pool, or don't, while it lives.
class pool_switched {
 public:
    explicit pool_switched(bool on) : before_(covey::testing::set_frame_pool(on)) {}
    pool_switched(const pool_switched&) = delete;
    pool_switched& operator=(const pool_switched&) = delete;
    ~pool_switched() { covey::testing::set_frame_pool(before_); }

 private:
    const bool before_;
};

}  // namespace support
