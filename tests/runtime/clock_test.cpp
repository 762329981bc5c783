// SPDX-License-Identifier: BSL-1.0
#include <covey/clock.hpp>

#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using covey::detail::to_duration;
using covey::detail::to_time_point;

namespace {

// A clock of one's own: real time, three times as fast.
class fast_clock final : public covey::clock_source {
 public:
    [[nodiscard]] covey::time_point now() const noexcept override {
        return covey::time_point(3 * (std::chrono::steady_clock::now() - start_));
    }
    [[nodiscard]] bool is_real() const noexcept override { return false; }
    bool skip_to(covey::time_point next) noexcept override {
        ++skips;
        while (now() < next) std::this_thread::yield();
        return true;
    }
    int skips = 0;

 private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

TEST_CASE("durations become nanoseconds, rounded up, saturating (TO08)") {
    CHECK(to_duration(0s) == 0ns);
    CHECK(to_duration(2h) == 7'200'000'000'000ns);
    CHECK(to_duration(std::chrono::duration<double>(0.5)) == 500ms);
    CHECK(to_duration(std::chrono::duration<float>(0.25F)) == 250ms);
    CHECK(to_duration(std::chrono::duration<double>(1e-12)) == 1ns);
    CHECK(to_duration(std::chrono::duration<double>(-0.0)) == 0ns);
    CHECK(to_duration(std::chrono::duration<double>(std::numeric_limits<double>::denorm_min())) ==
          1ns);
    CHECK(to_duration(std::chrono::duration<int, std::pico>(1)) == 1ns);
    CHECK(to_duration(std::chrono::duration<int, std::pico>(1000)) == 1ns);
    CHECK(to_duration(std::chrono::duration<int, std::pico>(1001)) == 2ns);
    CHECK(to_duration(std::chrono::duration<std::int8_t, std::ratio<86400>>(1)) == 24h);
    CHECK(to_duration(std::chrono::duration<unsigned>(7U)) == 7s);
    // The longest that fits, and the first that doesn't.
    CHECK(to_duration(covey::never) == covey::never);
    CHECK(to_duration(std::chrono::seconds(9'223'372'036)) == 9'223'372'036s);
    CHECK(to_duration(std::chrono::seconds(9'223'372'037)) == covey::never);
    CHECK(to_duration(std::chrono::hours::max()) == covey::never);
    CHECK(to_duration(std::chrono::duration<std::uint64_t, std::nano>(UINT64_MAX)) == covey::never);
    CHECK(to_duration(std::chrono::duration<double>::max()) == covey::never);
    CHECK(to_duration(std::chrono::duration<long double, std::giga>::max()) == covey::never);
    CHECK(to_duration(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) ==
          covey::never);
    CHECK(to_duration(std::chrono::duration<double, std::nano>(9223372036854774784.0)) ==
          9223372036854774784ns);
    CHECK(to_duration(std::chrono::duration<double, std::nano>(9223372036854775808.0)) ==
          covey::never);
}

TEST_CASE("negative durations and those that are no number are refused (TO08)") {
    constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(to_duration(-1ns), std::invalid_argument);
    CHECK_THROWS_AS(to_duration(covey::duration::min()), std::invalid_argument);
    CHECK_THROWS_AS(to_duration(std::chrono::hours::min()), std::invalid_argument);
    CHECK_THROWS_AS(to_duration(std::chrono::duration<double>(-1e-300)), std::invalid_argument);
    CHECK_THROWS_AS(to_duration(std::chrono::duration<double>::min()), std::invalid_argument);
    CHECK_THROWS_AS(to_duration(std::chrono::duration<double>(not_a_number)),
                    std::invalid_argument);
    CHECK_THROWS_AS(
        to_duration(std::chrono::duration<float>(std::numeric_limits<float>::signaling_NaN())),
        std::invalid_argument);
    CHECK_THROWS_AS(to_duration(std::chrono::duration<long double>(
                        std::numeric_limits<long double>::quiet_NaN())),
                    std::invalid_argument);
}

TEST_CASE("points in time saturate both ways, and may be negative (C20, TO08)") {
    using in_seconds = std::chrono::time_point<covey::run_clock, std::chrono::duration<double>>;
    using in_hours = std::chrono::time_point<covey::run_clock, std::chrono::hours>;
    const auto at = [](double time) { return in_seconds(std::chrono::duration<double>(time)); };
    constexpr double infinite = std::numeric_limits<double>::infinity();
    CHECK(to_time_point(at(1.5)) == covey::time_point(1500ms));
    CHECK(to_time_point(at(-1.5)) == covey::time_point(-1500ms));
    CHECK(to_time_point(at(infinite)) == covey::time_point::max());
    CHECK(to_time_point(at(-infinite)) == covey::time_point::min());
    CHECK(to_time_point(at(1e300)) == covey::time_point::max());
    CHECK(to_time_point(at(-1e300)) == covey::time_point::min());
    CHECK(to_time_point(in_hours::max()) == covey::time_point::max());
    CHECK(to_time_point(in_hours::min()) == covey::time_point::min());
    CHECK(to_time_point(covey::time_point::max()) == covey::time_point::max());
    CHECK(to_time_point(covey::time_point::min()) == covey::time_point::min());
    CHECK_THROWS_AS(to_time_point(at(std::numeric_limits<double>::quiet_NaN())),
                    std::invalid_argument);
}

TEST_CASE("adding a duration to a point in time stops at the end of time") {
    using covey::detail::later;
    CHECK(later(covey::time_point(1s), 2s) == covey::time_point(3s));
    CHECK(later(covey::time_point(1s), covey::never) == covey::time_point::max());
    CHECK(later(covey::time_point::max(), 1ns) == covey::time_point::max());
    CHECK(later(covey::time_point::max(), 0ns) == covey::time_point::max());
    CHECK(later(covey::time_point(-1s), covey::never) == covey::time_point(covey::never - 1s));
    CHECK(later(covey::time_point::min(), covey::never) == covey::time_point(-1ns));
}

TEST_CASE("the run's clock goes on, and does not start at zero (R12, RN13)") {
    covey::run({.workers = 1}, []() -> covey::task<> {
        const covey::time_point first = covey::now();
        CHECK(first.time_since_epoch() >= 10'000s);
        const covey::time_point second = covey::run_clock::now();
        CHECK(second >= first);
        while (covey::now() == first) co_await covey::checkpoint();
        CHECK(covey::now() > first);
    });
}

TEST_CASE("a real sleep is not shorter than asked, nor absurdly long (TO01, C33, RN45)") {
    covey::run({.workers = 1}, []() -> covey::task<> {
        const auto timed = [](auto sleep) -> covey::task<> {
            const auto start = std::chrono::steady_clock::now();
            co_await sleep();
            const auto took = std::chrono::steady_clock::now() - start;
            CHECK(took >= 5ms);
            CHECK(took < 5s);
        };
        co_await timed([] { return covey::sleep_for(5ms); });
        co_await timed([] { return covey::sleep_until(covey::now() + 5ms); });
        co_await timed([] { return covey::move_on_after(5ms, covey::sleep_forever()); });
    });
    CHECK(support::left_behind() == "");
}

TEST_CASE("real sleepers on several workers wake not before their time, clock_mt (C33)") {
    support::faults faults;
    support::run_checked({.workers = 3}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 1; i <= 20; ++i) {
                nursery.start_soon([&faults, i]() -> covey::task<> {
                    const auto length = std::chrono::microseconds(500 * (i % 7));
                    const auto start = std::chrono::steady_clock::now();
                    co_await covey::sleep_for(length);
                    faults.expect(std::chrono::steady_clock::now() - start >= length,
                                  "it slept long enough");
                });
            }
        });
    });
    CHECK(faults.text() == "");
}

TEST_CASE("one clock serves one run at a time, and the next one after it (RN14)") {
    covey::testing::virtual_clock clock;
    const auto nap = []() -> covey::task<> { co_await covey::sleep_for(1s); };
    covey::run({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        std::thread([&] {
            CHECK_THROWS_AS(covey::run({.workers = 1, .clock = &clock}, nap), std::logic_error);
        }).join();
        co_return;
    });
    covey::run({.workers = 1, .clock = &clock}, nap);
    covey::run({.workers = 1, .clock = &clock}, nap);
    CHECK(clock.now() == covey::time_point(2s));
    CHECK(support::left_behind() == "");
}

TEST_CASE("a clock of one's own drives a run (RN15)") {
    fast_clock clock;
    const auto start = std::chrono::steady_clock::now();
    support::run_checked({.workers = 1, .clock = &clock}, []() -> covey::task<> {
        const covey::time_point before = covey::now();
        co_await covey::sleep_for(15ms);
        CHECK(covey::now() - before >= 15ms);
        const auto cut = co_await covey::move_on_after(3ms, covey::sleep_forever());
        CHECK_FALSE(cut);
    });
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(took >= 6ms);
    CHECK(clock.skips >= 2);
}
