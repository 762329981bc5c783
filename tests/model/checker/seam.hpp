// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the two headers in include/ are made of.

#include <cstddef>
#include <cstdint>
#include <source_location>

namespace model::seam {

// An atomic at an address, of so many bytes; where in the program it is used.
struct place {
    const void* address;
    std::size_t bytes;
    std::source_location where;
};

std::uint64_t load(const place& at, int order);
void store(const place& at, std::uint64_t value, int order);
enum class change : std::uint8_t { exchange, add, subtract, with_or, with_and };
std::uint64_t modify(const place& at, change how, std::uint64_t operand, int order);
bool compare_exchange(const place& at, std::uint64_t& expected, std::uint64_t desired, int success,
                      int failure);
void fence(int order);
void pause();

// A lock is an atomic that is not 0 while it is held. Who wants it waits without trying again.
void lock(const place& at);
bool try_lock(const place& at);
void unlock(const place& at);

// A condition is known by its address.
void wait(const void* condition, const place& lock);
bool wait_with_timeout(const void* condition, const place& lock);  // false: the time is up
void notify(const void* condition, bool all);

// A thread by its number.
unsigned start(void (*body)(void*), void* with);
void join(unsigned thread);

}  // namespace model::seam
