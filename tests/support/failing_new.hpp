// SPDX-License-Identifier: BSL-1.0
#pragma once

// Replaces operator new of the program so that a test can make one allocation of its thread fail.
// Included by one source of a program only. Under ThreadSanitizer, which brings an operator new
// that can't be replaced, there is nothing here: its users stand behind !COVEY_UNDER_TSAN.

#include <covey/lowlevel/sanitizers.hpp>

#if !COVEY_UNDER_TSAN

#include <covey/testing.hpp>

#include <cstdlib>
#include <new>

namespace support {

// While it lives, the allocation number `number` of this thread, counted from 0, fails; those
// before it don't, those after it do if it is for good. Frames and tasks are allocations like
// others meanwhile.
class failing_new {
 public:
    enum class length { once, for_good };

    explicit failing_new(long number, length how_long = length::once) noexcept {
        state() = {number, how_long == length::for_good, true};
    }
    failing_new(const failing_new&) = delete;
    failing_new& operator=(const failing_new&) = delete;
    ~failing_new() {
        state() = {};
        covey::testing::set_frame_pool(pool_before_);
    }

    // Whether an allocation has failed.
    [[nodiscard]] static bool happened() noexcept { return state().left < 0; }

    // For operator new: whether this one fails.
    [[nodiscard]] static bool fails_now() noexcept {
        plan& now = state();
        if (!now.active) return false;
        if (now.left > 0) {
            --now.left;
            return false;
        }
        const bool first = now.left == 0;
        now.left = -1;
        return first || now.for_good;
    }

 private:
    struct plan {
        long left = 0;  // allocations until the failing one; -1: it was
        bool for_good = false;
        bool active = false;
    };
    static plan& state() noexcept {
        thread_local plan value;
        return value;
    }

    bool pool_before_ = covey::testing::set_frame_pool(false);
};

}  // namespace support

// Not inlined: g++ otherwise pairs the free() inside with the operator new outside, and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (support::failing_new::fails_now()) throw std::bad_alloc();
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return support::failing_new::fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
