// SPDX-License-Identifier: BSL-1.0
// What the stages count while they run: for the progress line, which reads it now and then, and
// for the report.
//
// Threads: tasks on several workers add, anyone reads. Nothing else depends on these numbers, so
// relaxed order is enough; the runtime orders the last additions before the report.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace wordcrunch {

class meter {
 public:
    void add(std::uint64_t amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

 private:
    std::atomic<std::uint64_t> value_{0};
};

struct meters {
    meter files, bytes, words;                  // counted, not only read
    meter walking, reading, counting, merging;  // nanoseconds
};

// Adds the time from its making to its end to a meter.
class stage_timer {
 public:
    explicit stage_timer(meter& total) noexcept : total_(total) {}
    stage_timer(const stage_timer&) = delete;
    stage_timer& operator=(const stage_timer&) = delete;
    ~stage_timer() {
        const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start_;
        total_.add(static_cast<std::uint64_t>(spent.count()));
    }

 private:
    meter& total_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace wordcrunch
