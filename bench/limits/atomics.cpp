// SPDX-License-Identifier: BSL-1.0
#include "limits.hpp"

#include <mutex>
#include <thread>

namespace limits {

namespace {

alignas(64) std::atomic<u64> shared{0};
alignas(64) u64 plain = 0;
thread_local u64 of_this_thread = 0;

void contended() {
    std::atomic<bool> stop{false};
    std::thread other([&] {
        pin(1);
        while (!stop.load(std::memory_order_relaxed)) shared.fetch_add(1);
    });
    bench::pause_ms(1);
    measure("fetch_add_contended", 10'000'000, [] { shared.fetch_add(1); });
    stop = true;
    other.join();
}

void locks() {
    std::mutex mutex;
    const auto lock_and_unlock = [&] { const std::lock_guard<std::mutex> held(mutex); };
    measure("mutex_single_threaded", 20'000'000, lock_and_unlock);
    std::thread([] {}).join();  // from now on the C library doesn't take the process for one thread
    measure("mutex", 20'000'000, lock_and_unlock);
}

void clocks() {
    measure("clock_gettime", 10'000'000, [] {
        u64 time = now();
        keep(time);
    });
    u64 hash = 1;
    measure("work", 3'000'000, [&] { hash = bench::work(hash + 1); });
    keep(hash);
    measure("pause", 5'000'000, spin_pause);
    measure("system_call", 3'000'000, [] { syscall(SYS_getppid); });
    measure("sched_yield", 1'000'000, [] { sched_yield(); });
}

}  // namespace

void atomics() {
    pin(0);
    measure("plain_increment", 100'000'000, [] {
        ++plain;
        keep(plain);
    });
    measure("thread_local_increment", 100'000'000, [] {
        ++of_this_thread;
        keep(of_this_thread);
    });
    measure("fetch_add", 50'000'000, [] { shared.fetch_add(1); });
    measure("compare_exchange", 50'000'000, [] {
        u64 expected = shared.load(std::memory_order_relaxed);
        shared.compare_exchange_strong(expected, expected + 1);
    });
    measure("exchange", 50'000'000, [] { shared.exchange(1); });
    measure("store_seq_cst", 50'000'000, [] { shared.store(1); });
    measure("store_release", 50'000'000, [] { shared.store(1, std::memory_order_release); });
    locks();
    contended();
    clocks();
}

// There and back between two cores, on two lines and on one.
void cache_lines() {
    constexpr u64 rounds = 3'000'000;
    alignas(64) static std::atomic<u64> there{0};
    alignas(64) static std::atomic<u64> back{0};
    const auto wait_for = [](const std::atomic<u64>& word, u64 value) {
        while (word.load(std::memory_order_acquire) != value) continue;
    };
    pin(0);
    {
        std::thread other([&] {
            pin(1);
            for (u64 i = 1; i <= rounds; ++i) {
                wait_for(there, i);
                back.store(i, std::memory_order_release);
            }
        });
        const u64 start = now();
        for (u64 i = 1; i <= rounds; ++i) {
            there.store(i, std::memory_order_release);
            wait_for(back, i);
        }
        per_operation(start, rounds, "round_trip_two_lines");
        other.join();
    }
    {
        there = 0;
        std::thread other([&] {
            pin(1);
            for (u64 i = 0; i < rounds; ++i) {
                wait_for(there, 2 * i + 1);
                there.store(2 * i + 2, std::memory_order_release);
            }
        });
        const u64 start = now();
        for (u64 i = 0; i < rounds; ++i) {
            there.store(2 * i + 1, std::memory_order_release);
            wait_for(there, 2 * i + 2);
        }
        per_operation(start, rounds, "round_trip_one_line");
        other.join();
    }
}

}  // namespace limits
