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
    if (node.when_ != next() && is_exact()) return;
    // No timer is earlier than that was, though the slot of the first one begins earlier. What
    // everybody sleeps until must not be lowered: whoever is armed before it would tell nobody.
    const std::int64_t least = next();
    note_next();
    if (next() < least) set_next(least, false);
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

// On each level the earliest is in the first slot.
void timer_wheel::find_next() noexcept {
    if (is_exact()) return;
    std::int64_t earliest = nothing;
    for (std::size_t level = 0; level != levels; ++level) {
        const std::uint64_t step = first_step_on(level);
        if (step == no_step || begin_of(step) >= earliest) continue;
        for (const timer* each = first_[slot_on(level, step)]; each != nullptr; each = each->next_)
            earliest = std::min(earliest, each->when_);
    }
    set_next(earliest, true);
}

void timer_wheel::put(timer& node) noexcept {
    const std::uint64_t step = step_of(node.when_);
    if (step <= position_) return heap_.insert(node);
    const std::size_t slot = slot_for(step);
    node.is_in_slot_ = true;
    node.slot_ = static_cast<std::uint16_t>(slot);
    timer*& first = first_[slot];
    node.next_ = first;
    if (first != nullptr) first->previous_ = &node;
    first = &node;
    occupied_[slot / 64] |= std::uint64_t(1) << slot % 64;
    ++in_slots_;
}

void timer_wheel::take_out_of_slot(timer& node) noexcept {
    timer*& first = first_[node.slot_];
    (node.previous_ == nullptr ? first : node.previous_->next_) = node.next_;
    if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
    if (first == nullptr) occupied_[node.slot_ / 64] &= ~(std::uint64_t(1) << node.slot_ % 64);
    node.next_ = node.previous_ = nullptr;
    node.is_in_slot_ = false;
    --in_slots_;
}

// What is as far away as a level reaches may just be out of its reach, where slots begin.
std::size_t timer_wheel::slot_for(std::uint64_t step) const noexcept {
    const std::uint64_t distance = step - position_;
    if (distance < finest_slots) return slot_on(0, step);
    const auto bits = static_cast<std::size_t>(std::bit_width(distance));
    const std::size_t level = 1 + (bits - finest_bits - 1) / level_bits;
    const unsigned shift = shift_of(level);
    const bool is_in_reach = (step >> shift) - (position_ >> shift) < level_slots;
    return slot_on(is_in_reach ? level : level + 1, step);
}

// Where the first slot of a level that isn't empty begins; no_step: all are. They are numbered
// round and round: the search begins behind the position's own, and ends in the word where it
// began.
std::uint64_t timer_wheel::first_step_on(std::size_t level) const noexcept {
    const std::uint64_t from = (position_ >> shift_of(level)) + 1;
    const std::size_t words = slots_of(level) / 64;
    const std::uint64_t behind = ~std::uint64_t(0) << from % 64;
    for (std::size_t i = 0; i <= words; ++i) {
        const std::uint64_t word = from / 64 + i;
        std::uint64_t found = occupied_[slots_before(level) / 64 + word % words];
        if (i == 0) found &= behind;
        if (i == words) found &= ~behind;
        if (found == 0) continue;
        const auto bit = static_cast<std::uint64_t>(std::countr_zero(found));
        return (word * 64 + bit) << shift_of(level);
    }
    return no_step;
}

std::uint64_t timer_wheel::first_step() const noexcept {
    std::uint64_t first = no_step;
    if (in_slots_ == 0) return first;
    for (std::size_t level = 0; level != levels; ++level)
        first = std::min(first, first_step_on(level));
    return first;
}

// Each slot that the position comes to on the way is emptied, into finer ones and the heap.
void timer_wheel::advance(std::uint64_t to_step) noexcept {
    for (std::uint64_t step = 0; (step = first_step()) <= to_step && step != no_step;) {
        position_ = step;
        for (std::size_t level = 0; level != levels; ++level) empty(slot_on(level, step));
    }
    position_ = std::max(position_, to_step);
}

void timer_wheel::empty(std::size_t slot) noexcept {
    timer* each = std::exchange(first_[slot], nullptr);
    occupied_[slot / 64] &= ~(std::uint64_t(1) << slot % 64);
    while (each != nullptr) {
        timer& moved = *std::exchange(each, each->next_);
        moved.next_ = moved.previous_ = nullptr;
        moved.is_in_slot_ = false;
        --in_slots_;
        put(moved);
    }
}

// The earliest has gone. Of those in slots the begin of the first slot will do until somebody
// sleeps.
void timer_wheel::note_next() noexcept {
    if (const timer* first = heap_.first()) return set_next(first->when_, true);
    const std::uint64_t step = first_step();
    if (step == no_step)
        set_next(nothing, true);
    else
        set_next(begin_of(step), false);
}

void timer_wheel::set_next(std::int64_t when, bool exact) noexcept {
    next_.store(when, order::release);
    is_exact_.store(exact, order::release);
}

}  // namespace covey::detail
