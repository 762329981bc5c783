// SPDX-License-Identifier: BSL-1.0
#pragma once

// For races: who cancels whom, and what went wrong first.

#include <covey/cancel_scope.hpp>

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace support {

// Where a task leaves the scope that it waits in, for others to cancel it. Threads: any.
class scope_slot {
 public:
    void set(covey::scope_handle handle) {
        const std::lock_guard held(lock_);
        handle_.emplace(std::move(handle));
    }
    // False: there is no scope yet.
    bool cancel() {
        std::optional<covey::scope_handle> handle;
        {
            const std::lock_guard held(lock_);
            handle = handle_;
        }
        if (handle) handle->cancel("race");
        return handle.has_value();
    }

 private:
    std::mutex lock_;
    std::optional<covey::scope_handle> handle_;
};

// The first fault that anybody found. Catch2 is for one thread at a time: it is asked at the end.
class verdict {
 public:
    void require(bool right, const std::string& what) {
        if (right) return;
        const std::lock_guard held(lock_);
        if (first_.empty()) first_ = what;
    }
    [[nodiscard]] std::string first() const {
        const std::lock_guard held(lock_);
        return first_;
    }

 private:
    mutable std::mutex lock_;
    std::string first_;
};

}  // namespace support
