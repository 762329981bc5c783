// SPDX-License-Identifier: BSL-1.0
#pragma once

// For tests of blocking calls: a gate where threads wait, and runs that leave threads behind.

#include "support/run_virtual.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <utility>

namespace support {

// Threads wait in pass() until it is opened, for all or for some.
class gate {
 public:
    void pass() {
        std::unique_lock held(lock_);
        changed_.wait(held, [this] { return open_ || places_ != 0; });
        if (!open_) --places_;
    }
    void open() {
        const std::lock_guard held(lock_);
        open_ = true;
        changed_.notify_all();
    }
    void open_for(std::size_t count) {
        const std::lock_guard held(lock_);
        places_ += count;
        changed_.notify_all();
    }

 private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::size_t places_ = 0;
    bool open_ = false;
};

// As run_virtual, for a main that abandons threads: nothing but them may be left.
template <class F>
void run_virtual_abandoning(F&& main) {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock, .seed = default_seed}, std::forward<F>(main));
    covey::testing::leak_report left = covey::testing::leaks();
    left.threads = 0;
    CHECK(left == covey::testing::leak_report{});
}

// Until they have ended, too.
inline void wait_for_abandoned_threads() {
    while (covey::testing::leaks().threads != 0) std::this_thread::yield();
}

}  // namespace support
