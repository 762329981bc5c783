// SPDX-License-Identifier: BSL-1.0
// Where the program under the checker calls out: for each plain access, which the compiler reports
// as it does to ThreadSanitizer (whose functions these are, in place of its own); for memory; for
// the time; for variables that are made on first use; and for what covey leaves to the machine.

#include "execution.hpp"

#include <covey/lowlevel/assert.hpp>
#include <covey/lowlevel/asymmetric_fence.hpp>
#include <covey/lowlevel/census.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <random>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" const char __executable_start;  // by the linker

namespace {

using model::execution;

class inside {
 public:
    inside() noexcept { execution::is_inside = true; }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { execution::is_inside = false; }
};

std::uint32_t place_of(const void* code) noexcept {
    return static_cast<std::uint32_t>(static_cast<const char*>(code) - &__executable_start);
}

void plain(const void* address, std::size_t bytes, bool writes, const void* code) {
    if (!execution::is_checked() || bytes == 0) return;
    const inside checker;
    execution& now = execution::current();
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    if (!now.knows(at)) return;
    if (now.is_preparing()) {
        if (writes) now.plain().keep_for_roll_back(address, bytes);
        return;
    }
    const bool was_atomic = now.plain().access(now.here(), at, bytes, writes, place_of(code));
    if (!writes || !was_atomic) return;
    for (std::size_t i = 0; i < bytes; ++i) now.atomics().forget(at + i);
}

}  // namespace

// --------------------------------------------------------------------------------- plain accesses

#define COVEY_HOOK(bytes)                                                                       \
    void __tsan_read##bytes(void* at) { plain(at, bytes, false, __builtin_return_address(0)); } \
    void __tsan_write##bytes(void* at) { plain(at, bytes, true, __builtin_return_address(0)); } \
    void __tsan_unaligned_read##bytes(void* at) {                                               \
        plain(at, bytes, false, __builtin_return_address(0));                                   \
    }                                                                                           \
    void __tsan_unaligned_write##bytes(void* at) {                                              \
        plain(at, bytes, true, __builtin_return_address(0));                                    \
    }                                                                                           \
    void __tsan_read_write##bytes(void* at) {                                                   \
        plain(at, bytes, true, __builtin_return_address(0));                                    \
    }                                                                                           \
    void __tsan_unaligned_read_write##bytes(void* at) {                                         \
        plain(at, bytes, true, __builtin_return_address(0));                                    \
    }                                                                                           \
    void __tsan_volatile_read##bytes(void* at) {                                                \
        plain(at, bytes, false, __builtin_return_address(0));                                   \
    }                                                                                           \
    void __tsan_volatile_write##bytes(void* at) {                                               \
        plain(at, bytes, true, __builtin_return_address(0));                                    \
    }

extern "C" {

COVEY_HOOK(1)
COVEY_HOOK(2)
COVEY_HOOK(4)
COVEY_HOOK(8)
COVEY_HOOK(16)

void __tsan_read_range(void* at, unsigned long bytes) {
    plain(at, bytes, false, __builtin_return_address(0));
}
void __tsan_write_range(void* at, unsigned long bytes) {
    plain(at, bytes, true, __builtin_return_address(0));
}
void __tsan_vptr_read(void** at) { plain(at, 8, false, __builtin_return_address(0)); }
void __tsan_vptr_update(void** at, void* to) {
    if (*at != to) plain(at, 8, true, __builtin_return_address(0));
}
void* __tsan_memcpy(void* to, const void* from, unsigned long bytes) {
    plain(from, bytes, false, __builtin_return_address(0));
    plain(to, bytes, true, __builtin_return_address(0));
    return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, unsigned long bytes) {
    plain(from, bytes, false, __builtin_return_address(0));
    plain(to, bytes, true, __builtin_return_address(0));
    return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, unsigned long bytes) {
    plain(to, bytes, true, __builtin_return_address(0));
    return std::memset(to, value, bytes);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

// -------------------------------------------------------- atomics of the library: shared_ptr's
// counts

#define COVEY_PLACE(type) \
    model::seam::place { const_cast<type*>(at), sizeof(type), std::source_location::current() }

#define COVEY_ATOMICS(bits, type)                                                                 \
    type __tsan_atomic##bits##_load(const volatile type* at, int order) {                         \
        return static_cast<type>(model::seam::load(COVEY_PLACE(type), order));                    \
    }                                                                                             \
    void __tsan_atomic##bits##_store(volatile type* at, type value, int order) {                  \
        model::seam::store(COVEY_PLACE(type), value, order);                                      \
    }                                                                                             \
    type __tsan_atomic##bits##_exchange(volatile type* at, type value, int order) {               \
        return static_cast<type>(                                                                 \
            model::seam::modify(COVEY_PLACE(type), model::seam::change::exchange, value, order)); \
    }                                                                                             \
    type __tsan_atomic##bits##_fetch_add(volatile type* at, type value, int order) {              \
        return static_cast<type>(                                                                 \
            model::seam::modify(COVEY_PLACE(type), model::seam::change::add, value, order));      \
    }                                                                                             \
    type __tsan_atomic##bits##_fetch_sub(volatile type* at, type value, int order) {              \
        return static_cast<type>(                                                                 \
            model::seam::modify(COVEY_PLACE(type), model::seam::change::subtract, value, order)); \
    }                                                                                             \
    type __tsan_atomic##bits##_fetch_or(volatile type* at, type value, int order) {               \
        return static_cast<type>(                                                                 \
            model::seam::modify(COVEY_PLACE(type), model::seam::change::with_or, value, order));  \
    }                                                                                             \
    type __tsan_atomic##bits##_fetch_and(volatile type* at, type value, int order) {              \
        return static_cast<type>(                                                                 \
            model::seam::modify(COVEY_PLACE(type), model::seam::change::with_and, value, order)); \
    }                                                                                             \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type* at, type* expected,          \
                                                      type desired, int success, int failure) {   \
        std::uint64_t found = *expected;                                                          \
        const bool done =                                                                         \
            model::seam::compare_exchange(COVEY_PLACE(type), found, desired, success, failure);   \
        *expected = static_cast<type>(found);                                                     \
        return done ? 1 : 0;                                                                      \
    }                                                                                             \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type* at, type* expected,            \
                                                    type desired, int success, int failure) {     \
        return __tsan_atomic##bits##_compare_exchange_strong(at, expected, desired, success,      \
                                                             failure);                            \
    }                                                                                             \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type* at, type expected,             \
                                                    type desired, int success, int failure) {     \
        static_cast<void>(__tsan_atomic##bits##_compare_exchange_strong(at, &expected, desired,   \
                                                                        success, failure));       \
        return expected;                                                                          \
    }

COVEY_ATOMICS(8, std::uint8_t)
COVEY_ATOMICS(16, std::uint16_t)
COVEY_ATOMICS(32, std::uint32_t)
COVEY_ATOMICS(64, std::uint64_t)

void __tsan_atomic_thread_fence(int order) { model::seam::fence(order); }
void __tsan_atomic_signal_fence(int) {}

// -------------------------------------------------------------------- the library, where it
// matters

// A variable that is made on first use: what has been done is undone with the variable.
int __cxa_guard_acquire(std::uint8_t* guard) {
    if (*guard == 1) return 0;
    if (execution::is_checked()) {
        const inside checker;
        execution::current().plain().keep_for_roll_back(guard, 1);
    }
    return 1;
}
void __cxa_guard_release(std::uint8_t* guard) { *guard = 1; }
void __cxa_guard_abort(std::uint8_t*) {}

int __cxa_thread_atexit(void (*call)(void*), void* with, void*) {
    if (!execution::is_checked()) return 0;
    const inside checker;
    execution::current().at_end_of_thread(call, with);
    return 0;
}

// In an execution time goes on by being asked for.
int clock_gettime(clockid_t clock, timespec* now) {
    if (!execution::is_active) return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
    constexpr long nanoseconds = 1000;
    constexpr long per_second = 1'000'000'000;
    const auto passed = static_cast<long>(execution::current().time()) * nanoseconds;
    *now = {.tv_sec = 1 + passed / per_second, .tv_nsec = passed % per_second};
    return 0;
}

// Instead of the processor's counter, see CMakeLists.txt: 25 us at a time, so that what is queued
// ages.
unsigned long long covey_model_ticks() {
    constexpr unsigned long long step = 25 * 2500;
    return execution::is_active ? execution::current().time() * step : 0;
}

}  // extern "C"

// In an execution chance is the checker's: a run that is given no seed takes the same one each
// time.
std::random_device::result_type std::random_device::_M_getval() {
    result_type drawn = 1;
    if (!execution::is_active) static_cast<void>(syscall(SYS_getrandom, &drawn, sizeof drawn, 0));
    return drawn;
}

// ----------------------------------------------------------------------------------------- memory

namespace {

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (execution::is_checked()) {
        const inside checker;
        return execution::current().plain().allocate(bytes, alignment);
    }
    void* block =
        alignment <= alignof(std::max_align_t)
            ? std::malloc(bytes)
            : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
    try {
        return allocate(bytes, alignment);
    } catch (...) {
        return nullptr;
    }
}

void release(void* block, const void* code) noexcept {
    if (block == nullptr) return;
    if (model::execution* const now = execution::exists();
        now == nullptr || !now->plain().owns(block))
        return std::free(block);
    if (!execution::is_checked()) return;
    const inside checker;
    execution& now = execution::current();
    now.plain().free(now.here(), block, place_of(code));
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, 1); }
void* operator new[](std::size_t bytes) { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t to) {
    return allocate(bytes, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to) {
    return allocate(bytes, static_cast<std::size_t>(to));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes, 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes, static_cast<std::size_t>(to));
}
void operator delete(void* block) noexcept { release(block, __builtin_return_address(0)); }
void operator delete[](void* block) noexcept { release(block, __builtin_return_address(0)); }
void operator delete(void* block, std::size_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete[](void* block, std::size_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete(void* block, std::align_val_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete[](void* block, std::align_val_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    release(block, __builtin_return_address(0));
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
    release(block, __builtin_return_address(0));
}

// ------------------------------------------------------------------------- covey, on this machine

namespace covey::lowlevel {

void assertion_failed(const char* sentence, const char* file, int line) noexcept {
    if (!execution::is_active) std::abort();
    execution::is_inside = true;
    execution::current().fail(fmt::format("covey asserts: {} ({}:{})", sentence, file, line));
}

bool has_asymmetric_fences() noexcept { return true; }
void heavy_fence() noexcept {
    if (!execution::is_checked()) return;
    const inside checker;
    execution::current().step();
    execution::current().fence_all();
}

// What is counted is not checked: each thread for itself, and the sum is of interest to tests only.
constinit thread_local atomic<std::int64_t>* counts_here = nullptr;
void count_first(counted, int) noexcept {}
std::int64_t census(counted) noexcept { return 0; }

}  // namespace covey::lowlevel
