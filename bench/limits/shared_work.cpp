// SPDX-License-Identifier: BSL-1.0
//
// w4 without tasks: threads that pop from one locked queue, hash, and push to another. Nobody ever
// waits or is woken: who finds the first queue empty fills it, who finds the second one full
// empties it. What is left is the hashing, and the cache lines of two queues that all threads
// share.

#include "limits.hpp"

#include <array>
#include <mutex>
#include <thread>
#include <vector>

namespace limits {

namespace {

constexpr u64 count = 3'000'000;

class alignas(128) locked_queue {
 public:
    static constexpr u64 capacity = 64;

    void lock() {
        while (is_locked_.exchange(true, std::memory_order_acquire))
            while (is_locked_.load(std::memory_order_relaxed)) spin_pause();
    }
    void unlock() { is_locked_.store(false, std::memory_order_release); }

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] bool full() const { return size_ == capacity; }
    void push(u64 value) { slots_[(first_ + size_++) % capacity] = value; }
    [[nodiscard]] u64 pop() {
        --size_;
        return slots_[first_++ % capacity];
    }

 private:
    std::atomic<bool> is_locked_{false};
    u64 first_ = 0;
    u64 size_ = 0;
    alignas(128) std::array<u64, capacity> slots_{};
};

struct pipeline {
    locked_queue source;
    u64 next = 0;  // guarded by the source's lock
    locked_queue sink;
    u64 mixed = 0;  // by the sink's, like what follows
    u64 received = 0;

    // False: there is nothing left.
    bool take(u64& value) {
        const std::lock_guard held(source);
        if (source.empty())
            while (!source.full() && next != count) source.push(next++);
        if (source.empty()) return false;
        value = source.pop();
        return true;
    }
    void give(u64 value) {
        const std::lock_guard held(sink);
        if (sink.full()) drain();
        sink.push(value);
    }
    void drain() {
        for (; !sink.empty(); ++received) mixed ^= sink.pop();
    }
};

}  // namespace

void shared_work(int workers) {
    static pipeline line;
    const auto work = [] {
        for (u64 value = 0; line.take(value);) line.give(bench::work(value));
    };
    const u64 start = now();
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i) threads.emplace_back(work);
    for (std::thread& each : threads) each.join();
    line.drain();
    per_operation(start, count, "ns");
    bench::expect("count", line.received, count);
    bench::expect("hash", line.mixed, bench::mixed_work(count));
}

}  // namespace limits
