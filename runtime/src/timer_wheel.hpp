// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "timer_heap.hpp"

#include <covey/lowlevel/atomic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace covey::detail {

// The timers of a run.
//
// What       Those of the current millisecond, and what is already due, stand in a heap, in their
//            exact order. The others wait in slots. On the finest level a slot is a millisecond,
//            and there is one for each of the next 1,023; beyond these 64 slots of 1,024
//            milliseconds each, then 64 that are 64 times as long, and so on. When the time comes
//            to a slot its timers move on, to finer ones and at last into the heap. So arming and
//            disarming cost O(1), a timer is moved once for each level between, and the heap stays
//            as small as what is due at once. Nodes live in frames and scopes: no allocation, so
//            arming can't fail.
// Invariants A timer is on the finest level whose slots reach its time from `position_`, which
//            never passes the present; the slot that the position itself is in is empty on every
//            level. next() is never later than the earliest timer. It is that one's time, or, when
//            an earlier one has gone, the begin of the first slot: who looks for due timers then
//            makes it exact, and so does find_next().
// Threads    lock() guards the slots, the heap and every node; next() and is_exact() may be read by
//            anybody.
class timer_wheel {
 public:
    static constexpr std::int64_t nothing = std::numeric_limits<std::int64_t>::max();

    explicit timer_wheel(std::int64_t now) noexcept : position_(step_of(now)) {}

    [[nodiscard]] lowlevel::spin_lock& lock() noexcept { return lock_; }
    [[nodiscard]] std::int64_t next() const noexcept {
        return next_.load(lowlevel::order::acquire);
    }
    [[nodiscard]] bool is_exact() const noexcept {
        return is_exact_.load(lowlevel::order::acquire);
    }

    // Locked. True: it may now be the earliest one, and who sleeps until next() should know.
    [[nodiscard]] bool arm(timer& node, std::int64_t when) noexcept;
    void disarm(timer& node) noexcept;
    // The earliest one if it is due, taken out; or null.
    [[nodiscard]] timer* take_due(std::int64_t now) noexcept;
    // Makes next() exact before the time has come. Looks through a slot.
    void find_next() noexcept;

 private:
    // A step is 2^20 ns. Slots and their bits are numbered through all levels, the finest first.
    static constexpr unsigned step_bits = 20;
    static constexpr unsigned finest_bits = 10;
    static constexpr unsigned level_bits = 6;
    static constexpr std::size_t finest_slots = std::size_t(1) << finest_bits;
    static constexpr std::size_t level_slots = std::size_t(1) << level_bits;
    static constexpr std::size_t levels =
        1 + (64 - step_bits - finest_bits + level_bits - 1) / level_bits;
    static constexpr std::size_t slots = finest_slots + (levels - 1) * level_slots;
    static constexpr std::uint64_t no_step = ~std::uint64_t(0);

    // How many bits of a step a slot of that level leaves out; how many slots it has, and before
    // it.
    static constexpr unsigned shift_of(std::size_t level) noexcept {
        return level == 0 ? 0 : finest_bits + level_bits * static_cast<unsigned>(level - 1);
    }
    static constexpr std::size_t slots_of(std::size_t level) noexcept {
        return level == 0 ? finest_slots : level_slots;
    }
    static constexpr std::size_t slots_before(std::size_t level) noexcept {
        return level == 0 ? 0 : finest_slots + level_slots * (level - 1);
    }

    // Times before the clock's zero count too: the order stays, and nothing is negative.
    static constexpr std::uint64_t zero = std::uint64_t(1) << 63;
    static std::uint64_t step_of(std::int64_t when) noexcept {
        return (static_cast<std::uint64_t>(when) ^ zero) >> step_bits;
    }
    static std::int64_t begin_of(std::uint64_t step) noexcept {
        return static_cast<std::int64_t>((step << step_bits) ^ zero);
    }
    void put(timer& node) noexcept;
    void take_out_of_slot(timer& node) noexcept;
    [[nodiscard]] std::size_t slot_for(std::uint64_t step) const noexcept;
    [[nodiscard]] static std::size_t slot_on(std::size_t level, std::uint64_t step) noexcept {
        return slots_before(level) + (step >> shift_of(level)) % slots_of(level);
    }
    [[nodiscard]] std::uint64_t first_step_on(std::size_t level) const noexcept;
    [[nodiscard]] std::uint64_t first_step() const noexcept;
    void empty(std::size_t slot) noexcept;
    void advance(std::uint64_t to_step) noexcept;
    void note_next() noexcept;
    void set_next(std::int64_t when, bool exact) noexcept;

    lowlevel::spin_lock lock_;
    timer_heap heap_;
    std::uint64_t position_;  // in steps: what isn't later stands in the heap
    std::size_t in_slots_ = 0;
    std::array<std::uint64_t, slots / 64> occupied_{};  // a bit for each slot
    std::array<timer*, slots> first_{};
    std::uint64_t armed_so_far_ = 0;
    lowlevel::atomic<std::int64_t> next_{nothing};
    lowlevel::atomic<bool> is_exact_{true};
};

}  // namespace covey::detail
