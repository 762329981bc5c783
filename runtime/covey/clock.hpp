// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/fwd.hpp>
#include <covey/lowlevel/atomic.hpp>

#include <type_traits>

// Durations and time points without the calendars: <chrono> pulls in 40,000 lines of formatting and
// streams that no file pays for who only sleeps a second. Elsewhere it is all there is.
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif

namespace covey {

// Time inside a run. Every duration that a function takes is converted to nanoseconds, saturating:
// what is too long to count is `never`.
using duration = std::chrono::nanoseconds;

// The clock of the run that the caller is in: steady, starting anywhere (do not assume zero).
// now() throws std::logic_error outside a run.
struct run_clock {
    using duration = covey::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<run_clock>;
    static constexpr bool is_steady = true;
    [[nodiscard]] static time_point now();
};
using time_point = run_clock::time_point;

inline constexpr duration never = duration::max();

// The present on the run's clock. Not a checkpoint. Throws std::logic_error outside a run.
[[nodiscard]] inline time_point now() { return run_clock::now(); }

// Where a run takes its time from: run_options::clock. Implement it to drive a run by a clock of
// your own; testing::virtual_clock is one. One clock serves one run at a time.
class clock_source {
 public:
    clock_source() noexcept = default;
    clock_source(const clock_source&) = delete;
    clock_source& operator=(const clock_source&) = delete;

    // Any thread. Never goes backwards.
    [[nodiscard]] virtual time_point now() const noexcept = 0;
    // Whether the clock moves by itself: the run then sleeps until the next deadline, else until
    // time_changed().
    [[nodiscard]] virtual bool is_real() const noexcept = 0;
    // Nothing can run before `next`. True: the clock has moved there.
    virtual bool skip_to(time_point next) noexcept {
        static_cast<void>(next);
        return false;
    }

 protected:
    virtual ~clock_source();
    // To be called after the clock was moved from outside; any thread.
    void time_changed() noexcept;

 private:
    friend class detail::runtime_core;

    lowlevel::spin_lock lock_;
    detail::runtime_core* run_ = nullptr;  // guarded by lock_: whose clock this is
};

namespace lowlevel {

// The clock of the run that the calling task is in, for whoever reads it from other threads: valid
// until the run ends. Throws std::logic_error outside a run.
[[nodiscard]] clock_source& clock_of_run();

}  // namespace lowlevel

namespace detail {

[[noreturn]] void throw_bad_duration(bool is_nan);

// Nanoseconds, rounded up so that nobody sleeps too short, saturating. Negative or NaN throws
// std::invalid_argument.
template <class Rep, class Period>
constexpr duration to_duration(std::chrono::duration<Rep, Period> length) {
    using wide = std::chrono::duration<long double, std::nano>;
    if constexpr (std::is_floating_point_v<Rep>) {
        if (length != length) throw_bad_duration(true);
    }
    if (length < length.zero()) throw_bad_duration(false);
    if constexpr (std::is_same_v<std::chrono::duration<Rep, Period>, duration>) {
        return length;
    } else {
        if (wide(length) >= wide(duration::max())) return duration::max();
        return std::chrono::ceil<duration>(length);
    }
}

// The same for a point in time; negative ones are legal.
template <class D>
constexpr time_point to_time_point(std::chrono::time_point<run_clock, D> point) {
    using wide = std::chrono::duration<long double, std::nano>;
    const D since = point.time_since_epoch();
    if constexpr (std::is_floating_point_v<typename D::rep>) {
        if (since != since) throw_bad_duration(true);
    }
    if (wide(since) >= wide(duration::max())) return time_point::max();
    if (wide(since) <= wide(duration::min())) return time_point::min();
    return time_point(std::chrono::ceil<duration>(since));
}

// `start + length` without overflow.
constexpr time_point later(time_point start, duration length) {
    const duration since = start.time_since_epoch();
    if (since > duration::zero() && length > duration::max() - since) return time_point::max();
    return start + length;
}

}  // namespace detail

}  // namespace covey
