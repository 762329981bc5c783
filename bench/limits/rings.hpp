// SPDX-License-Identifier: BSL-1.0
#pragma once

// A queue of one producer and one consumer, and what runs a queue between threads.

#include "limits.hpp"

#include <array>
#include <thread>

namespace limits {

// Each side keeps a copy of the other's position, and looks again only when it seems full or empty.
class spsc_ring {
 public:
    static constexpr u64 capacity = 1024;

    bool push(u64 value) {
        const u64 tail = tail_.load(std::memory_order_relaxed);
        if (!has_room(tail)) return false;
        slots_[tail % capacity] = value;
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }
    // Tells the consumer of every 16th value only.
    bool push_lazily(u64 value) {
        if (!has_room(unpublished_)) return false;
        slots_[unpublished_++ % capacity] = value;
        if (unpublished_ % 16 == 0) tail_.store(unpublished_, std::memory_order_release);
        return true;
    }
    bool pop(u64& value) {
        const u64 head = head_.load(std::memory_order_relaxed);
        if (head == known_tail_) {
            known_tail_ = tail_.load(std::memory_order_acquire);
            if (head == known_tail_) return false;
        }
        value = slots_[head % capacity];
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

 private:
    bool has_room(u64 tail) {
        if (tail - known_head_ < capacity) return true;
        known_head_ = head_.load(std::memory_order_acquire);
        return tail - known_head_ < capacity;
    }

    alignas(64) std::atomic<u64> head_{0};
    u64 known_tail_ = 0;
    alignas(64) std::atomic<u64> tail_{0};
    u64 known_head_ = 0;
    u64 unpublished_ = 0;
    alignas(64) std::array<u64, capacity> slots_{};
};

// Repeats an attempt until it succeeds.
class backoff {
 public:
    explicit backoff(int pauses) : pauses_(pauses) {}
    template <class Attempt>
    void until(Attempt attempt) {
        for (int failures = 0; !attempt();) {
            for (int i = 0; i < pauses_; ++i) spin_pause();
            if (++failures < 20'000) continue;
            sched_yield();  // the other side may have no processor
            failures = 0;
        }
    }

 private:
    const int pauses_;
};

struct crew {
    int producers = 1;
    int consumers = 1;
    int pauses = 1;  // after an attempt that failed
};

// `count` values through a queue. One producer and one consumer have a core each.
template <class Push, class Pop>
void pass(std::string_view name, u64 count, Push push, Pop pop, crew members = {}) {
    const int all = members.producers + members.consumers;
    std::atomic<int> ready{0};
    std::atomic<u64> sum{0};
    const auto begin = [&](int cpu) {
        if (all == 2) pin(cpu);
        ++ready;
        while (ready < all) spin_pause();
    };
    const auto produce = [&] {
        begin(0);
        backoff wait(members.pauses);
        for (u64 i = 1; i <= count / static_cast<u64>(members.producers); ++i)
            wait.until([&] { return push(i); });
    };
    const auto consume = [&] {
        begin(1);
        backoff wait(members.pauses);
        u64 mine = 0;
        for (u64 i = 0; i < count / static_cast<u64>(members.consumers); ++i) {
            u64 value = 0;
            wait.until([&] { return pop(value); });
            mine += value;
        }
        sum += mine;
    };
    const u64 start = now();
    std::vector<std::thread> threads;
    for (int i = 0; i < members.producers; ++i) threads.emplace_back(produce);
    for (int i = 0; i < members.consumers; ++i) threads.emplace_back(consume);
    for (std::thread& each : threads) each.join();
    per_operation(start, count, name);
    const u64 share = count / static_cast<u64>(members.producers);
    const u64 expected = static_cast<u64>(members.producers) * bench::sum_below(share + 1);
    bench::expect("what was popped is what was pushed", sum.load(), expected);
}

}  // namespace limits
