// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <new>

namespace covey::lowlevel {

// Base of objects that come and go as fast as messages do. Their memory is recycled as that of
// coroutine frames is: by size, on the worker that frees it. Any thread may make and end them.
class pooled {
 public:
    static void* operator new(std::size_t size);
    static void operator delete(void* block, std::size_t size) noexcept;

    // What is aligned more strictly than a pool's blocks comes from the heap.
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* block, std::size_t size,
                                std::align_val_t alignment) noexcept {
        ::operator delete(block, size, alignment);
    }
    static void* operator new(std::size_t, void* place) noexcept { return place; }

 protected:
    pooled() noexcept = default;
    ~pooled() = default;
};

}  // namespace covey::lowlevel
