// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/park.hpp>

#include <cstdint>

namespace covey::detail {

class ready_chain;

// A point in time at which something happens: a node of the run's timer wheel, kept by whoever
// waits. Armed and disarmed under the wheel's lock. No allocation.
class timer {
 public:
    timer() noexcept = default;
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;

    // Its time has come and it is out of the wheel. Tasks whose wait ends go to `woken`. The whole
    // tree lock is held, which keeps a scope alive; the timers' lock, which keeps a sleeper alive,
    // only if fires_inside().
    virtual void fire(ready_chain& woken) noexcept = 0;
    [[nodiscard]] virtual bool fires_inside() const noexcept = 0;

    [[nodiscard]] bool is_armed() const noexcept { return armed_; }
    // Once it was: nanoseconds on the run's clock.
    [[nodiscard]] std::int64_t when() const noexcept { return when_; }

 protected:
    ~timer() { COVEY_ASSERT(!armed_, "a timer ends while it is armed"); }

 private:
    friend class timer_heap;
    friend class timer_wheel;

    std::int64_t when_ = 0;       // nanoseconds on the run's clock
    std::uint64_t sequence_ = 0;  // equal times fire in the order of arming
    timer* child_ = nullptr;      // in the heap: the first of those below
    timer* next_ = nullptr;       // sibling, or the next in the slot
    timer* previous_ = nullptr;   // the one before; in the heap, of a first child the parent
    bool armed_ = false;
    bool is_in_slot_ = false;  // else, if it is armed, in the heap
    std::uint16_t slot_ = 0;
};

}  // namespace covey::detail
