// SPDX-License-Identifier: BSL-1.0
#pragma once

// Instead of the file of this name, for the model checker: the same types, of which each operation
// is a step of the checker.

#include "seam.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

namespace covey::lowlevel {

enum class order : int {
    relaxed = __ATOMIC_RELAXED,
    acquire = __ATOMIC_ACQUIRE,
    release = __ATOMIC_RELEASE,
    acq_rel = __ATOMIC_ACQ_REL,
    seq_cst = __ATOMIC_SEQ_CST,
};

template <class T>
class atomic {
    static_assert(sizeof(T) <= 8, "covey::lowlevel::atomic holds one machine word at most");
    using here = std::source_location;

 public:
    constexpr atomic() noexcept = default;
    constexpr explicit atomic(T value) noexcept : value_(value) {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    [[nodiscard]] T load(order how, here where = here::current()) const noexcept {
        return from_word(model::seam::load(at(where), static_cast<int>(how)));
    }
    void store(T value, order how, here where = here::current()) noexcept {
        model::seam::store(at(where), to_word(value), static_cast<int>(how));
    }
    T exchange(T value, order how, here where = here::current()) noexcept {
        return modify(model::seam::change::exchange, value, how, where);
    }
    [[nodiscard]] bool compare_exchange(T& expected, T desired, order success, order failure,
                                        here where = here::current()) noexcept {
        std::uint64_t found = to_word(expected);
        const bool done =
            model::seam::compare_exchange(at(where), found, to_word(desired),
                                          static_cast<int>(success), static_cast<int>(failure));
        expected = from_word(found);
        return done;
    }
    T fetch_add(T change, order how, here where = here::current()) noexcept {
        return modify(model::seam::change::add, change, how, where);
    }
    T fetch_sub(T change, order how, here where = here::current()) noexcept {
        return modify(model::seam::change::subtract, change, how, where);
    }
    T fetch_or(T bits, order how, here where = here::current()) noexcept {
        return modify(model::seam::change::with_or, bits, how, where);
    }
    T fetch_and(T bits, order how, here where = here::current()) noexcept {
        return modify(model::seam::change::with_and, bits, how, where);
    }

 private:
    static std::uint64_t to_word(const T& value) noexcept {
        std::uint64_t word = 0;
        __builtin_memcpy(&word, &value, sizeof value);
        return word;
    }
    static T from_word(std::uint64_t word) noexcept {
        T value;
        __builtin_memcpy(static_cast<void*>(&value), &word, sizeof value);  // trivially copyable
        return value;
    }
    T modify(model::seam::change how, T operand, order order, const here& where) noexcept {
        return from_word(
            model::seam::modify(at(where), how, to_word(operand), static_cast<int>(order)));
    }
    [[nodiscard]] model::seam::place at(const here& where) const noexcept {
        return {&value_, sizeof(T), where};
    }

    T value_{};
};

inline void pause() noexcept { model::seam::pause(); }

// As the one that it stands for, but who waits for it is not run until it is free.
class spin_lock {
    using here = std::source_location;

 public:
    constexpr spin_lock() noexcept = default;
    spin_lock(const spin_lock&) = delete;
    spin_lock& operator=(const spin_lock&) = delete;

    void lock(here where = here::current()) noexcept { model::seam::lock(at(where)); }
    [[nodiscard]] bool try_lock(here where = here::current()) noexcept {
        return model::seam::try_lock(at(where));
    }
    void unlock(here where = here::current()) noexcept { model::seam::unlock(at(where)); }

 private:
    void lock_contended() noexcept;  // unused here, defined in park.cpp

    [[nodiscard]] model::seam::place at(const here& where) const noexcept {
        return {&locked_, sizeof locked_, where};
    }
    atomic<unsigned char> locked_{0};
};

template <class Lock>
class [[nodiscard]] locked {
    using here = std::source_location;

 public:
    explicit locked(Lock& lock, here where = here::current()) : lock_(lock), where_(where) {
        if constexpr (requires { lock_.lock(where_); })
            lock_.lock(where_);
        else
            lock_.lock();
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() {
        if constexpr (requires { lock_.unlock(where_); })
            lock_.unlock(where_);
        else
            lock_.unlock();
    }

 private:
    Lock& lock_;
    here where_;
};

}  // namespace covey::lowlevel
