// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the `*_mt` tests use to let cancellations meet completions: random delays, ordinary threads
// beside the run, and a number of rounds that COVEY_RACE_FACTOR=n multiplies for a long night.

#include "support/dice.hpp"
#include "support/faults.hpp"
#include "support/run_virtual.hpp"

#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace support {

// How often a race is run.
inline std::size_t rounds(std::size_t committed) {
    const char* factor = std::getenv("COVEY_RACE_FACTOR");
    return factor == nullptr ? committed : committed * std::strtoull(factor, nullptr, 10);
}

// Keeps the thread busy for a moment: mostly none, sometimes some microseconds.
inline void dawdle(dice& random) noexcept {
    const std::uint64_t longest = random.roll(4) == 0 ? 4000 : 200;
    std::uint64_t steps = random.roll(longest);
    while (steps != 0) {
        asm volatile("" : "+r"(steps));  // for an optimiser that would count at once
        --steps;
    }
}

// An ordinary thread, outside any run, that does one job after the other.
class foreign_thread {
 public:
    foreign_thread() : thread_([this] { work(); }) {}
    foreign_thread(const foreign_thread&) = delete;
    foreign_thread& operator=(const foreign_thread&) = delete;
    ~foreign_thread() {
        {
            const std::lock_guard held(lock_);
            ended_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    void post(std::function<void()> job) {
        {
            const std::lock_guard held(lock_);
            jobs_.push_back(std::move(job));
        }
        changed_.notify_one();
    }

 private:
    void work() {
        for (;;) {
            std::vector<std::function<void()>> jobs;
            {
                std::unique_lock held(lock_);
                changed_.wait(held, [this] { return ended_ || !jobs_.empty(); });
                if (jobs_.empty()) return;
                jobs.swap(jobs_);
            }
            for (const auto& job : jobs) job();
        }
    }

    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<std::function<void()>> jobs_;
    bool ended_ = false;
    std::thread thread_;
};

// A run with that many workers on the real clock: `seed` is for the dice, the order is free.
template <class F>
auto run_mt(unsigned workers, std::uint64_t seed, F&& main) {
    INFO("dice seed " << seed << ", " << workers << " workers");
    return run_checked({.workers = workers}, std::forward<F>(main));
}

// The other parties of a round: each job runs as a task on any worker or on an ordinary thread.
class parties {
 public:
    explicit parties(std::size_t count) : left_(count) {}

    template <class F>
    void start(covey::nursery& nursery, dice& random, foreign_thread& thread, F job) {
        auto counted = [this, random = dice(random.roll(~std::uint64_t{0})),
                        job = std::move(job)]() mutable {
            dawdle(random);
            job();
            if (left_.fetch_sub(1) == 1) all_done_.set();
        };
        if (random.roll(2) == 0)
            nursery.start_soon(std::move(counted));
        else
            thread.post(std::move(counted));
    }
    auto wait() { return all_done_.wait(); }

 private:
    std::atomic<std::size_t> left_;
    covey::event all_done_;
};

}  // namespace support
