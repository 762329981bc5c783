// SPDX-License-Identifier: BSL-1.0
#include "ring.hpp"

#include <algorithm>
#include <limits>
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

void ring::grow(std::size_t limit) {
    constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
    if (slots_ == most) throw std::bad_alloc();
    limit = std::min(limit, most);
    const std::size_t at_first = std::clamp<std::size_t>(first_bytes / type_->size, 1, limit);
    const std::size_t doubled = std::min(std::size_t{slots_} * 2, limit);
    const std::size_t slots = slots_ == 0 ? at_first : doubled;
    unsigned char* storage = allocate(*type_, slots);
    for (std::size_t i = 0; i < count_; ++i) {
        type_->move(storage + i * type_->size, place(i));
        type_->destroy(place(i));
    }
    release_storage();
    storage_ = storage;
    slots_ = static_cast<std::uint32_t>(slots);
    first_ = 0;
}

// The only slot stays, whatever its size: a sender that waits may get it in the same step.
void ring::give_back_large_storage() noexcept {
    if (slots_ > 1 && std::size_t{slots_} * type_->size > bytes_to_give_back) release_storage();
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

void ring::release_storage() noexcept {
    ::operator delete(storage_, std::align_val_t(type_->alignment));
    storage_ = nullptr;
    slots_ = first_ = 0;
}

}  // namespace covey::detail
