// SPDX-License-Identifier: BSL-1.0
#pragma once

// The seam between covey and the machine's memory: every atomic and every small lock of the core
// comes from here, every thread, mutex and condition from <covey/lowlevel/thread.hpp>. A model
// checker replaces these two files and nothing else.
//
// Rejected: std::atomic. <atomic> costs every file that includes a channel some thousand lines; the
// builtins below are what it is made of on both compilers, and ThreadSanitizer sees them as well.

#include <cstdint>

namespace covey::lowlevel {

// The C++ memory orders under short names.
enum class order : int {
    relaxed = __ATOMIC_RELAXED,
    acquire = __ATOMIC_ACQUIRE,
    release = __ATOMIC_RELEASE,
    acq_rel = __ATOMIC_ACQ_REL,
    seq_cst = __ATOMIC_SEQ_CST,
};

// One atomic variable of a trivially copyable type of at most 8 bytes. The order is always
// spelled out at the call: no operation is sequentially consistent by accident.
template <class T>
class atomic {
    static_assert(sizeof(T) <= 8, "covey::lowlevel::atomic holds one machine word at most");

 public:
    constexpr atomic() noexcept = default;
    constexpr explicit atomic(T value) noexcept : value_(value) {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    [[nodiscard]] T load(order how) const noexcept {
        T result;
        __atomic_load(&value_, &result, static_cast<int>(how));
        return result;
    }
    void store(T value, order how) noexcept {
        __atomic_store(&value_, &value, static_cast<int>(how));
    }
    T exchange(T value, order how) noexcept {
        T previous;
        __atomic_exchange(&value_, &value, &previous, static_cast<int>(how));
        return previous;
    }
    // Strong: fails only when the value differs, and then stores what it found in `expected`.
    [[nodiscard]] bool compare_exchange(T& expected, T desired, order success,
                                        order failure) noexcept {
        return __atomic_compare_exchange(&value_, &expected, &desired, false,
                                         static_cast<int>(success), static_cast<int>(failure));
    }
    T fetch_add(T change, order how) noexcept {
        return __atomic_fetch_add(&value_, change, static_cast<int>(how));
    }
    T fetch_sub(T change, order how) noexcept {
        return __atomic_fetch_sub(&value_, change, static_cast<int>(how));
    }
    T fetch_or(T bits, order how) noexcept {
        return __atomic_fetch_or(&value_, bits, static_cast<int>(how));
    }
    T fetch_and(T bits, order how) noexcept {
        return __atomic_fetch_and(&value_, bits, static_cast<int>(how));
    }

 private:
    T value_{};
};

// Tells the core that this is a loop which waits for another one.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// A lock of one byte for short work: nobody holding it waits, and no user code runs under it but
// the move of a value. Not recursive. Waits with a growing number of pauses that don't read the
// line, then gives up its time slice.
class spin_lock {
 public:
    spin_lock() noexcept = default;
    spin_lock(const spin_lock&) = delete;
    spin_lock& operator=(const spin_lock&) = delete;

    void lock() noexcept {
        if (locked_.exchange(1, order::acquire) != 0) lock_contended();
    }
    [[nodiscard]] bool try_lock() noexcept { return locked_.exchange(1, order::acquire) == 0; }
    // The last access: whoever locks next may destroy the lock.
    void unlock() noexcept { locked_.store(0, order::release); }

 private:
    void lock_contended() noexcept;

    atomic<unsigned char> locked_{0};
};

// Holds a lock to the end of the block.
template <class Lock>
class [[nodiscard]] locked {
 public:
    explicit locked(Lock& lock) : lock_(lock) { lock_.lock(); }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() { lock_.unlock(); }

 private:
    Lock& lock_;
};

}  // namespace covey::lowlevel
