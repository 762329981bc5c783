// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/channel_core.hpp>
#include <covey/lowlevel/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace covey::detail {

// The buffered values of a channel, oldest first, of a type that only the element_type knows.
// Grows as it is used, so a large capacity costs what is buffered, to at most 2^32 - 1 of them:
// numbers of 32 bits make a channel 20 bytes smaller. A ring for one small value has its only slot
// in itself: a channel of capacity 1 takes no memory for it. Threads: its owner's lock.
class ring {
 public:
    ring(const element_type& type, std::size_t capacity) noexcept : type_(&type) {
        if (capacity == 1 && fits_inside()) slots_ = 1;
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring();  // destroys what is still in it

    [[nodiscard]] const element_type& type() const noexcept { return *type_; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    // The largest count that was noted.
    [[nodiscard]] std::size_t peak() const noexcept { return peak_; }
    void note_peak() noexcept { peak_ = std::max(peak_, count_); }

    // Room for one more value is there.
    [[nodiscard]] bool has_storage() const noexcept { return count_ != slots_; }
    // Room for one more value, at most `limit` altogether. Throws std::bad_alloc, nothing changed.
    void make_room(std::size_t limit) {
        if (count_ == slots_) [[unlikely]]
            grow(limit);
    }
    // Room has been made.
    void push(void* value) noexcept {
        COVEY_ASSERT(count_ < slots_, "a value is pushed where no room was made");
        type_->move(place(count_), value);
        ++count_;
    }
    // Moves the oldest one to `to`.
    void pop(void* to) noexcept {
        type_->move(to, front());
        drop_front();
    }
    // The oldest one, and its end after somebody has moved from it.
    [[nodiscard]] void* front() noexcept { return place(0); }
    void drop_front() noexcept {
        type_->destroy(front());
        first_ = first_ + 1 == slots_ ? 0 : first_ + 1;
        if (--count_ == 0) [[unlikely]]
            give_back_large_storage();
    }
    // The same for words, without a call. One that leaves a large storage behind isn't popped so.
    [[nodiscard]] bool can_pop_word() const noexcept {
        return count_ > 1 || (count_ == 1 && slots_ <= bytes_to_keep / 8);
    }
    void push_word(const void* value) noexcept {
        std::memcpy(word_place(count_), value, 8);
        ++count_;
    }
    void pop_word(void* to) noexcept {
        std::memcpy(to, word_place(0), 8);
        first_ = first_ + 1 == slots_ ? 0 : first_ + 1;
        --count_;
    }
    // Moves the oldest one to the end, as the newest.
    void rotate() noexcept;

    // Takes all values of another one of that type and capacity. This one is empty.
    void take_all(ring& other) noexcept;

 private:
    static constexpr std::size_t bytes_to_keep = 1 << 20;  // when the ring is empty

    [[nodiscard]] bool fits_inside() const noexcept {
        return type_->size <= sizeof inside_ && type_->alignment <= alignof(void*);
    }
    [[nodiscard]] bool is_inside() const noexcept { return slots_ == 1 && fits_inside(); }
    [[nodiscard]] unsigned char* storage() noexcept { return is_inside() ? inside_ : outside_; }
    [[nodiscard]] unsigned char* storage_of_words() noexcept {
        static_assert(sizeof inside_ >= 8, "a word fits inside");
        return slots_ == 1 ? inside_ : outside_;
    }
    [[nodiscard]] void* place(std::size_t index) noexcept {
        std::size_t at = std::size_t{first_} + index;
        if (at >= slots_) at -= slots_;
        return storage() + at * type_->size;
    }
    [[nodiscard]] void* word_place(std::size_t index) noexcept {
        const std::size_t at = std::size_t{first_} + index;
        return storage_of_words() + (at >= slots_ ? at - slots_ : at) * 8;
    }

    void grow(std::size_t limit);
    void move_outside(unsigned char* storage) noexcept;
    void give_back_large_storage() noexcept;
    void release_storage() noexcept;

    const element_type* type_;
    union {
        unsigned char* outside_ = nullptr;
        alignas(void*) unsigned char inside_[sizeof(void*)];  // the only slot, if a value fits
    };
    std::uint32_t slots_ = 0;
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t peak_ = 0;
};

}  // namespace covey::detail
