// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the machine itself allows: limits WORKLOAD THREADS.

#include "measure.hpp"

#include <atomic>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace limits {

using bench::metric;
using bench::now;
using bench::per_operation;
using bench::u64;

inline void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// The compiler must believe that somebody looks at it.
template <class T>
[[gnu::always_inline]] inline void keep(T& value) {
    asm volatile("" : "+r,m"(value) : : "memory");
}

inline void spin_pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" : : : "memory");
#endif
}

// A tenth of it first, unmeasured.
template <class Operation>
void measure(std::string_view name, u64 count, Operation operation) {
    for (u64 i = 0; i < count / 10; ++i) operation();
    const u64 start = now();
    for (u64 i = 0; i < count; ++i) operation();
    per_operation(start, count, name);
}

inline void futex_wait(std::atomic<int>& word, int expected) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
inline void futex_wake(std::atomic<int>& word) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void atomics();         // atomics.cpp
void cache_lines();     // atomics.cpp
void wake_ups();        // wake_ups.cpp
void wake_from_idle();  // wake_ups.cpp: w14
void coroutines();      // coroutines.cpp
void calls();           // coroutines.cpp
void allocation();      // memory.cpp
void rings();           // rings.cpp
void exceptions();      // exceptions.cpp
void echo_server();     // echo_server.cpp: w15
void count_words();     // words.cpp

void shared_work(int threads);  // shared_work.cpp: w4

}  // namespace limits
