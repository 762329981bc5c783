// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/channel_core.hpp>

#include <cstddef>

namespace covey::detail {

// The buffered values of a channel, oldest first, of a type that only the element_type knows.
// Grows as it is used, so a large capacity costs what is buffered. Threads: its owner's lock.
class ring {
 public:
    explicit ring(const element_type& type) noexcept : type_(&type) {}
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring();  // destroys what is still in it

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    // Room for one more value, at most `limit` altogether. Throws std::bad_alloc, nothing changed.
    void make_room(std::size_t limit);
    // Room has been made.
    void push(void* value) noexcept;
    // Moves the oldest one to `to`.
    void pop(void* to) noexcept;
    // The oldest one, and its end after somebody has moved from it.
    [[nodiscard]] void* front() noexcept { return place(0); }
    void drop_front() noexcept;
    // Moves the oldest one to the end, as the newest.
    void rotate() noexcept;

    // Both of the same type.
    void swap(ring& other) noexcept;

 private:
    [[nodiscard]] void* place(std::size_t index) const noexcept;
    void release_storage() noexcept;

    const element_type* type_;
    unsigned char* storage_ = nullptr;
    std::size_t slots_ = 0;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace covey::detail
