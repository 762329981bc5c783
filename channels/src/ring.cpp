// SPDX-License-Identifier: BSL-1.0
#include "ring.hpp"

#include <covey/lowlevel/assert.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace covey::detail {

namespace {

constexpr std::size_t first_bytes = 4096;  // the storage that a ring starts with, at most
constexpr std::size_t bytes_to_give_back = 1
                                           << 20;  // storage above this goes when the ring is empty

unsigned char* allocate(const element_type& type, std::size_t slots) {
    return static_cast<unsigned char*>(
        ::operator new(slots * type.size, std::align_val_t(type.alignment)));
}

}  // namespace

ring::~ring() {
    while (count_ != 0) drop_front();
    release_storage();
}

void ring::make_room(std::size_t limit) {
    if (count_ < slots_) return;
    const std::size_t at_first = std::clamp<std::size_t>(first_bytes / type_->size, 1, limit);
    const std::size_t slots = slots_ == 0 ? at_first : slots_ > limit / 2 ? limit : slots_ * 2;
    unsigned char* storage = allocate(*type_, slots);
    for (std::size_t i = 0; i < count_; ++i) {
        type_->move(storage + i * type_->size, place(i));
        type_->destroy(place(i));
    }
    release_storage();
    storage_ = storage;
    slots_ = slots;
    first_ = 0;
}

void ring::push(void* value) noexcept {
    COVEY_ASSERT(count_ < slots_, "a value is pushed where no room was made");
    type_->move(place(count_), value);
    ++count_;
}

void ring::pop(void* to) noexcept {
    type_->move(to, front());
    drop_front();
}

void ring::drop_front() noexcept {
    type_->destroy(front());
    first_ = first_ + 1 == slots_ ? 0 : first_ + 1;
    --count_;
    // The only slot stays, whatever its size: a sender that waits may get it in the same step.
    if (count_ == 0 && slots_ > 1 && slots_ * type_->size > bytes_to_give_back) release_storage();
}

// In a full ring its slot is the one after the last.
void ring::rotate() noexcept {
    if (count_ != slots_) {
        type_->move(place(count_), front());
        type_->destroy(front());
    }
    first_ = first_ + 1 == slots_ ? 0 : first_ + 1;
}

void ring::swap(ring& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(slots_, other.slots_);
    std::swap(first_, other.first_);
    std::swap(count_, other.count_);
}

void* ring::place(std::size_t index) const noexcept {
    std::size_t at = first_ + index;
    if (at >= slots_) at -= slots_;
    return storage_ + at * type_->size;
}

void ring::release_storage() noexcept {
    ::operator delete(storage_, std::align_val_t(type_->alignment));
    storage_ = nullptr;
    slots_ = first_ = 0;
}

}  // namespace covey::detail
