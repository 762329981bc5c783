// SPDX-License-Identifier: BSL-1.0
#include "timer_wheel.hpp"

#include <covey/lowlevel/census.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace covey::detail {

using lowlevel::count;
using lowlevel::counted;
using lowlevel::order;

bool timer_wheel::arm(timer& node, std::int64_t when) noexcept {
    COVEY_ASSERT(!node.armed_, "a timer is armed twice");
    node.when_ = when;
    node.sequence_ = ++armed_so_far_;
    node.armed_ = true;
    count(counted::timers, +1);
    put(node);
    if (when >= next()) return false;
    set_next(when, true);
    return true;
}

void timer_wheel::disarm(timer& node) noexcept {
    if (!node.armed_) return;
    if (node.is_in_slot_)
        take_out_of_slot(node);
    else
        heap_.remove(node);
    node.armed_ = false;
    count(counted::timers, -1);
    if (node.when_ == next() || !is_exact()) note_next();
}

timer* timer_wheel::take_due(std::int64_t now) noexcept {
    if (next() > now) return nullptr;
    advance(step_of(now));
    timer* const due = heap_.first();
    const bool is_due = due != nullptr && due->when_ <= now;
    if (is_due) {
        heap_.remove(*due);
        due->armed_ = false;
        count(counted::timers, -1);
    }
    note_next();
    return is_due ? due : nullptr;
}

void timer_wheel::find_next() noexcept {
    slot_place place{};
    if (is_exact() || !first_slot(place)) return;
    std::int64_t earliest = nothing;
    for (const timer* each = first_[place.level][place.slot]; each != nullptr; each = each->next_)
        earliest = std::min(earliest, each->when_);
    set_next(earliest, true);
}

void timer_wheel::put(timer& node) noexcept {
    const std::uint64_t step = step_of(node.when_);
    if (step <= position_) return heap_.insert(node);
    const auto highest_bit = static_cast<unsigned>(std::bit_width(step ^ position_) - 1);
    const std::size_t level = highest_bit / level_bits;
    const std::size_t slot = (step >> (level * level_bits)) % slots;
    node.is_in_slot_ = true;
    node.level_ = static_cast<std::uint8_t>(level);
    node.slot_ = static_cast<std::uint8_t>(slot);
    timer*& first = first_[level][slot];
    node.next_ = first;
    if (first != nullptr) first->previous_ = &node;
    first = &node;
    occupied_[level] |= std::uint64_t(1) << slot;
    ++in_slots_;
}

void timer_wheel::take_out_of_slot(timer& node) noexcept {
    timer*& first = first_[node.level_][node.slot_];
    (node.previous_ == nullptr ? first : node.previous_->next_) = node.next_;
    if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
    if (first == nullptr) occupied_[node.level_] &= ~(std::uint64_t(1) << node.slot_);
    node.next_ = node.previous_ = nullptr;
    node.is_in_slot_ = false;
    --in_slots_;
}

// The one whose time comes first: on the finest level that has any, since all that is on a level
// lies within the slot of the next one that the position is in.
bool timer_wheel::first_slot(slot_place& found) const noexcept {
    if (in_slots_ == 0) return false;
    std::size_t level = 0;
    while (occupied_[level] == 0) ++level;
    found = {level, static_cast<std::size_t>(std::countr_zero(occupied_[level]))};
    return true;
}

std::uint64_t timer_wheel::first_step_of(slot_place place) const noexcept {
    const std::size_t bits = place.level * level_bits;
    const std::uint64_t around = (position_ >> bits) & ~std::uint64_t(slots - 1);
    return (around | place.slot) << bits;
}

// Each slot that the position comes to on the way is emptied, into finer ones and the heap.
void timer_wheel::advance(std::uint64_t to_step) noexcept {
    slot_place place{};
    while (first_slot(place) && first_step_of(place) <= to_step) {
        position_ = first_step_of(place);
        timer* each = std::exchange(first_[place.level][place.slot], nullptr);
        occupied_[place.level] &= ~(std::uint64_t(1) << place.slot);
        while (each != nullptr) {
            timer& moved = *std::exchange(each, each->next_);
            moved.next_ = moved.previous_ = nullptr;
            moved.is_in_slot_ = false;
            --in_slots_;
            put(moved);
        }
    }
    position_ = std::max(position_, to_step);
}

// The earliest has gone. Of those in slots the begin of the first slot will do until somebody
// sleeps.
void timer_wheel::note_next() noexcept {
    slot_place place{};
    if (const timer* first = heap_.first())
        set_next(first->when_, true);
    else if (first_slot(place))
        set_next(begin_of(first_step_of(place)), false);
    else
        set_next(nothing, true);
}

void timer_wheel::set_next(std::int64_t when, bool exact) noexcept {
    next_.store(when, order::release);
    is_exact_.store(exact, order::release);
}

}  // namespace covey::detail
