// SPDX-License-Identifier: BSL-1.0
#include <covey/clock.hpp>

#include "runtime_core.hpp"

#include <chrono>
#include <random>
#include <stdexcept>

namespace covey {

namespace {

// The machine's steady clock, moved by a random amount of some hours to days for each process: a
// program that takes its first reading for zero shows it soon. (R12)
class machine_clock final : public clock_source {
 public:
    machine_clock() : offset_(draw_offset()) {}
    [[nodiscard]] time_point now() const noexcept override {
        return time_point(std::chrono::steady_clock::now().time_since_epoch() + offset_);
    }
    [[nodiscard]] bool is_real() const noexcept override { return true; }

 private:
    static duration draw_offset() {
        std::random_device random;
        return std::chrono::seconds(10'000) + std::chrono::milliseconds(random() % 190'000'000U);
    }

    const duration offset_;
};

}  // namespace

clock_source::~clock_source() = default;

void clock_source::time_changed() noexcept {
    // Held, so that the run can't end while it is told.
    const lowlevel::locked held(lock_);
    if (run_ != nullptr) run_->clock_moved();
}

time_point run_clock::now() { return detail::current_task("now").core->clock().now(); }

clock_source& lowlevel::clock_of_run() {
    return detail::current_task("clock_of_run").core->clock();
}

namespace detail {

void throw_bad_duration(bool is_nan) {
    throw std::invalid_argument(
        is_nan ? "covey: a duration or time is not a number (NaN): check how it was computed"
               : "covey: a duration is negative; zero is the shortest");
}

clock_source& steady_clock_source() noexcept {
    static machine_clock clock;
    return clock;
}

}  // namespace detail

}  // namespace covey
