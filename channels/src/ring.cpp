// SPDX-License-Identifier: BSL-1.0
#include "ring.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace covey::detail {

namespace {

constexpr std::size_t first_bytes = 4096;  // the storage that a ring starts with, at most

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
    const std::size_t wanted = slots_ == 0 ? at_first : doubled;
    if (wanted != 1 || !fits_inside()) move_outside(allocate(*type_, wanted));
    slots_ = static_cast<std::uint32_t>(wanted);
}

void ring::move_outside(unsigned char* storage) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        type_->move(storage + i * type_->size, place(i));
        type_->destroy(place(i));
    }
    release_storage();
    outside_ = storage;
}

// The only slot stays, whatever its size: a sender that waits may get it in the same step.
void ring::give_back_large_storage() noexcept {
    if (slots_ > 1 && std::size_t{slots_} * type_->size > bytes_to_keep) release_storage();
}

// In a full ring its slot is the one after the last.
void ring::rotate() noexcept {
    if (count_ != slots_) {
        type_->move(place(count_), front());
        type_->destroy(front());
    }
    first_ = first_ + 1 == slots_ ? 0 : first_ + 1;
}

void ring::take_all(ring& other) noexcept {
    if (other.is_inside()) {
        COVEY_ASSERT(is_inside(), "a ring takes over from one of another capacity");
        for (; other.count_ != 0; ++count_) other.pop(place(count_));
        return;
    }
    release_storage();
    outside_ = std::exchange(other.outside_, nullptr);
    slots_ = std::exchange(other.slots_, 0);
    first_ = std::exchange(other.first_, 0);
    count_ = std::exchange(other.count_, 0);
}

void ring::release_storage() noexcept {
    if (!is_inside()) ::operator delete(outside_, std::align_val_t(type_->alignment));
    outside_ = nullptr;
    slots_ = first_ = 0;
}

}  // namespace covey::detail
