// SPDX-License-Identifier: BSL-1.0
#pragma once

// For testing::sweep_allocations(): replaces operator new and operator delete of a test program by
// malloc() and free(), so that an allocation can be made to fail. Include it in one source file of
// the program; in a second one it is an error of the linker. ThreadSanitizer brings an operator new
// that can't be replaced: with it there is nothing here.

#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/lowlevel/sanitizers.hpp>

#if !COVEY_UNDER_TSAN

#include <cstdlib>
#include <new>

namespace covey::detail {

inline void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    lowlevel::allocation_observer* const observer = lowlevel::current_allocation_observer();
    if (observer != nullptr && !observer->allows(bytes)) return nullptr;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* block = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (observer != nullptr && block != nullptr) observer->taken(block);
    return block;
}

inline void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    void* block = allocate(bytes, alignment);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

inline void give_back(void* block) noexcept {
    lowlevel::allocation_observer* const observer = lowlevel::current_allocation_observer();
    if (observer != nullptr && block != nullptr) observer->given_back(block);
    std::free(block);
}

inline constexpr std::size_t usual_alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace covey::detail

// Not inlined: g++ otherwise pairs the free() inside with the operator new outside, and warns.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    return covey::detail::allocate_or_throw(bytes, covey::detail::usual_alignment);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes) {
    return covey::detail::allocate_or_throw(bytes, covey::detail::usual_alignment);
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return covey::detail::allocate(bytes, covey::detail::usual_alignment);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return covey::detail::allocate(bytes, covey::detail::usual_alignment);
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return covey::detail::allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return covey::detail::allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
    return covey::detail::allocate(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, std::align_val_t alignment,
                                       const std::nothrow_t&) noexcept {
    return covey::detail::allocate(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* block) noexcept { covey::detail::give_back(block); }
[[gnu::noinline]] void operator delete[](void* block) noexcept { covey::detail::give_back(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
    covey::detail::give_back(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept {
    covey::detail::give_back(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept {
    covey::detail::give_back(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t) noexcept {
    covey::detail::give_back(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    covey::detail::give_back(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    covey::detail::give_back(block);
}

#endif
