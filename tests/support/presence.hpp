// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/faults.hpp"

#include <atomic>

namespace support {

// Somebody alive, inside of somebody else: a task or a block, in what goes around it.
class presence {
 public:
    presence(faults& found, presence* around) : found_(found), around_(around) {
        if (around_ != nullptr) ++around_->inside_;
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() {
        found_.expect(inside_ == 0, "what is inside ends first");
        if (around_ != nullptr) --around_->inside_;
    }

 private:
    faults& found_;
    presence* around_;
    std::atomic<int> inside_ = 0;
};

}  // namespace support
