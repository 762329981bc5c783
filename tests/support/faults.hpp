// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace support {

// What went wrong, told from any thread: Catch2's own checks belong to one.
class faults {
 public:
    void expect(bool holds, const char* sentence) {
        if (holds) return;
        const std::lock_guard held(lock_);
        ++counts_[sentence];
    }
    // "" or each sentence with its number.
    [[nodiscard]] std::string text() const {
        const std::lock_guard held(lock_);
        std::string result;
        for (const auto& [sentence, count] : counts_)
            result += "not so (" + std::to_string(count) + "): " + sentence + "; ";
        return result;
    }

 private:
    mutable std::mutex lock_;
    std::map<std::string, std::size_t> counts_;
};

}  // namespace support
