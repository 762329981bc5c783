// SPDX-License-Identifier: BSL-1.0
#include "limits.hpp"

#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <thread>

namespace limits {

namespace {

// Wakes a thread `count` times; between two of them `before` passes. What the wake-up takes until
// the thread runs, and what the call costs who makes it.
template <class Before>
void wake(const std::string& prefix, int count, int sleeper_cpu, Before before) {
    std::atomic<int> word{0};
    std::atomic<u64> sent{0};
    std::vector<u64> until_running;
    std::vector<u64> call;
    std::thread sleeper([&] {
        if (sleeper_cpu >= 0) pin(sleeper_cpu);
        for (int i = 0; i < count; ++i) {
            while (word.load(std::memory_order_acquire) == i) futex_wait(word, i);
            until_running.push_back(now() - sent.load(std::memory_order_relaxed));
        }
    });
    for (int i = 0; i < count; ++i) {
        before();
        const u64 start = now();
        sent.store(start, std::memory_order_relaxed);
        word.store(i + 1, std::memory_order_release);
        futex_wake(word);
        call.push_back(now() - start);
    }
    sleeper.join();
    bench::expect("as many wake-ups as calls", until_running.size(), call.size());
    bench::percentiles(prefix, until_running);
    if (prefix != "wake_") bench::percentiles(prefix + "call_", call);
}

void spin_for(u64 nanoseconds) {
    const u64 end = now() + nanoseconds;
    while (now() < end) spin_pause();
}

void round_trips(const char* name, int other_cpu) {
    constexpr int rounds = 50'000;
    std::atomic<int> there{0};
    std::atomic<int> back{0};
    std::thread other([&] {
        pin(other_cpu);
        for (int i = 0; i < rounds; ++i) {
            while (there == i) futex_wait(there, i);
            back = i + 1;
            futex_wake(back);
        }
    });
    const u64 start = now();
    for (int i = 0; i < rounds; ++i) {
        there = i + 1;
        futex_wake(there);
        while (back == i) futex_wait(back, i);
    }
    per_operation(start, rounds, name);
    other.join();
}

void through_epoll() {
    constexpr int count = 2'000;
    const int event = eventfd(0, EFD_NONBLOCK);
    const int poll = epoll_create1(0);
    epoll_event interest{EPOLLIN, {}};
    epoll_ctl(poll, EPOLL_CTL_ADD, event, &interest);
    std::atomic<u64> sent{0};
    std::vector<u64> until_running;
    std::thread sleeper([&] {
        pin(1);
        for (u64 seen = 0; seen < count;) {
            epoll_event happened;
            epoll_wait(poll, &happened, 1, -1);
            const u64 woken = now();
            u64 value = 0;
            if (read(event, &value, sizeof value) == sizeof value) seen += value;
            until_running.push_back(woken - sent.load());
        }
    });
    for (int i = 0; i < count; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        sent = now();
        const u64 one = 1;
        bench::expect("eventfd takes a number", write(event, &one, sizeof one), ssize_t{8});
    }
    sleeper.join();
    bench::percentiles("epoll_other_core_", until_running);
}

}  // namespace

void wake_ups() {
    using std::chrono::microseconds;
    pin(0);
    wake("futex_other_core_after_20us_", 3'000, 1, [] { spin_for(20'000); });
    wake("futex_other_core_after_300us_", 3'000, 1, [] { spin_for(300'000); });
    wake("futex_same_core_", 3'000, 0, [] { std::this_thread::sleep_for(microseconds(20)); });
    round_trips("futex_round_trip_other_core", 1);
    round_trips("futex_round_trip_same_core", 0);
    through_epoll();
    static std::atomic<int> nobody_waits{0};
    measure("futex_wake_nobody", 2'000'000, [] { futex_wake(nobody_waits); });
    const u64 start = now();
    for (int i = 0; i < 2'000; ++i) std::thread([] {}).join();
    per_operation(start, 2'000, "thread_create_and_join");
}

// w14, with nothing between the two threads but a futex: nobody is pinned, as in the workload.
void wake_from_idle() {
    const double cpu = bench::cpu_milliseconds();
    bench::pause_ms(3'000);
    metric("idle_cpu_ms", bench::cpu_milliseconds() - cpu);
    wake("wake_", 1'000, -1, [] { bench::pause_ms(1); });
}

}  // namespace limits
