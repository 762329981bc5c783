// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/alarm.hpp>

#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <stdexcept>

using namespace std::chrono_literals;
using bell_alarm = covey::lowlevel::alarm;

namespace {

constexpr covey::time_point for_ever = covey::time_point::max();

}  // namespace

TEST_CASE("an alarm rings once, for whoever waits, or for the next one") {
    support::run_virtual([]() -> covey::task<> {
        bell_alarm bell;
        bell.ring();
        bell.ring();
        co_await bell.wait(for_ever, nullptr);
        CHECK(support::elapsed() == 0s);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(2s);
                bell.ring();
            });
            co_await bell.wait(for_ever, nullptr);
            CHECK(support::elapsed() == 2s);
        });
        co_await bell.wait(covey::time_point(3s), nullptr);
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("an alarm goes off at its time, and at once when that is past") {
    support::run_virtual([]() -> covey::task<> {
        bell_alarm bell;
        co_await bell.wait(covey::time_point(1s), nullptr);
        CHECK(support::elapsed() == 1s);
        co_await bell.wait(covey::time_point(500ms), nullptr);
        CHECK(support::elapsed() == 1s);
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("an alarm goes off when its scope is asked to stop, or cancelled") {
    for (const bool softly : {true, false}) {
        support::run_virtual([=]() -> covey::task<> {
            bell_alarm bell;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await covey::sleep_for(1s);
                            if (softly)
                                scope.soft_cancel();
                            else
                                scope.cancel();
                        });
                        co_await bell.wait(covey::time_point(9s), &scope);
                        CHECK(support::elapsed() == 1s);
                        co_await bell.wait(covey::time_point(9s), &scope);
                        CHECK(support::elapsed() == 1s);
                        co_await bell.wait(covey::time_point(3s), nullptr);
                        CHECK(support::elapsed() == 3s);
                    });
                });
            static_cast<void>(result);
        });
    }
}

TEST_CASE("no cancellation ends the wait for an alarm") {
    support::run_virtual([]() -> covey::task<> {
        bool passed = false;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            bell_alarm bell;
            co_await bell.wait(covey::time_point(4s), nullptr);
            passed = true;
            CHECK(support::elapsed() == 4s);
            co_await covey::checkpoint();
            FAIL("passed");
        });
        CHECK(passed);
        CHECK_FALSE(result.finished());
    });
}

TEST_CASE("whatever comes first ends the wait, and the rest leaves no trace") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            bell_alarm bell;
            int woken = 0;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await covey::sleep_for(1s);
                            bell.ring();
                        });
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await covey::sleep_for(1s);
                            scope.soft_cancel();
                        });
                        co_await bell.wait(covey::time_point(1s), &scope);
                        ++woken;
                        CHECK(support::elapsed() == 1s);
                    });
                });
            CHECK(result.finished());
            CHECK(woken == 1);
            CHECK(covey::testing::leaks().timers == 0);
        });
    }
}

TEST_CASE("an alarm outside a task is refused") { CHECK_THROWS_AS(bell_alarm(), std::logic_error); }

TEST_CASE("no ring is lost between workers and threads _mt") {
    for (std::uint64_t seed = 1; seed <= support::rounds(200); ++seed) {
        std::atomic<int> told = 0;
        int heard = 0;
        support::foreign_thread outside;
        support::run_mt(2, seed, [&]() -> covey::task<> {
            bell_alarm bell;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    support::dice random(seed);
                    for (int i = 0; i < 20; ++i) {
                        support::dawdle(random);
                        ++told;
                        bell.ring();
                        co_await covey::checkpoint();
                    }
                });
                outside.post([&, seed] {
                    support::dice random(seed + 1);
                    for (int i = 0; i < 20; ++i) {
                        support::dawdle(random);
                        ++told;
                        bell.ring();
                    }
                });
                while (heard < 40) {
                    co_await bell.wait(for_ever, nullptr);
                    heard = told.load();
                }
            });
            // The thread may still be inside its last ring.
            support::foreign_thread* const thread = &outside;
            std::atomic<bool> over = false;
            thread->post([&] { over = true; });
            while (!over) co_await covey::checkpoint();
        });
        CHECK(heard == 40);
    }
}
