// SPDX-License-Identifier: BSL-1.0
// Deadlines of scopes: moved, past, absurd; and the one that is effective.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <cmath>
#include <limits>
#include <optional>

using namespace std::chrono_literals;

namespace {

constexpr covey::time_point never_ends = covey::time_point::max();
constexpr covey::time_point long_past = covey::time_point::min();

using in_seconds = std::chrono::time_point<covey::run_clock, std::chrono::duration<double>>;

covey::time_point after(covey::duration length) { return covey::time_point(length); }

}  // namespace

TEST_CASE(
    "a deadline is none at first, and the time at which the scope cancels itself (C20, RN30)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                CHECK(scope.deadline() == never_ends);
                scope.set_deadline(after(2s));
                CHECK(scope.deadline() == after(2s));
                co_await covey::sleep_for(1s);
                CHECK_FALSE(scope.cancel_called());
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 2s);
        CHECK(kept->cancel_called());
        CHECK(kept->cancelled_caught());
        CHECK(kept->deadline() == after(2s));
        CHECK(kept->cause().source == covey::cancel_source::deadline);
    });
}

TEST_CASE("a deadline that comes after the block ended has no effect (RN30)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                scope.set_deadline(after(2s));
                co_await covey::sleep_for(1s);
            });
        CHECK(result.finished());
        co_await covey::sleep_for(5s);
        CHECK_FALSE(kept->cancel_called());
        CHECK(kept->cause().source == covey::cancel_source::none);
    });
}

TEST_CASE("a deadline moved into the past cancels at once, at every checkpoint (C21, RN30)") {
    support::run_virtual([]() -> covey::task<> {
        int stops = 0;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::sleep_for(5s);
                scope.set_deadline(after(4s));
                CHECK(scope.cancel_called());
                CHECK(scope.cause().source == covey::cancel_source::deadline);
                struct count_stop {
                    int& stops;
                    ~count_stop() { ++stops; }
                } const end{stops};
                co_await covey::checkpoint_if_cancelled();
                FAIL("passed");
            });
        CHECK_FALSE(result.finished());
        CHECK(stops == 1);
        CHECK(support::elapsed() == 5s);
    });
}

TEST_CASE("a deadline is moved from inside, later and sooner (C22, NB36)") {
    support::run_virtual([]() -> covey::task<> {
        const auto later =
            co_await covey::move_on_after(1s, [](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_deadline(scope.deadline() + 2s);
                co_await covey::sleep_for(10s);
            });
        CHECK_FALSE(later.finished());
        CHECK(support::elapsed() == 3s);

        const auto sooner =
            co_await covey::move_on_after(10s, [](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_deadline(covey::now() + 1s);
                co_await covey::sleep_for(10s);
            });
        CHECK_FALSE(sooner.finished());
        CHECK(support::elapsed() == 4s);

        const auto off =
            co_await covey::move_on_after(1s, [](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_deadline(never_ends);
                co_await covey::sleep_for(10s);
            });
        CHECK(off.finished());
        CHECK(support::elapsed() == 14s);
    });
}

TEST_CASE("a deadline is moved from outside while the body waits (C22)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            covey::cancel_scope* theirs = nullptr;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto result = co_await covey::move_on_after(
                        5s, [&](covey::cancel_scope& scope) -> covey::task<> {
                            theirs = &scope;
                            co_await covey::sleep_forever();
                        });
                    CHECK_FALSE(result.finished());
                    CHECK(support::elapsed() == 3s);
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    theirs->set_deadline(after(8s));
                    co_await covey::sleep_for(1s);
                    theirs->set_deadline(after(3s));
                });
            });
            CHECK(support::elapsed() == 3s);
        });
    }
}

TEST_CASE("once it has passed, a deadline can't be moved back, seen or not (C9, C22)") {
    covey::testing::virtual_clock clock;
    support::run_checked({.workers = 1, .clock = &clock, .seed = 1}, [&]() -> covey::task<> {
        const auto seen =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                clock.jump(2s);  // in this step: nobody has noticed
                CHECK(scope.cancel_called());
                scope.set_deadline(never_ends);
                CHECK(scope.cancel_called());
                CHECK(scope.cause().source == covey::cancel_source::deadline);
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(seen.finished());
        const auto unseen =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                clock.jump(2s);
                scope.set_deadline(never_ends);
                CHECK(scope.cancel_called());
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(unseen.finished());
        const auto fired =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::shielded(covey::sleep_for(2s));
                scope.set_deadline(covey::now() + 10s);
                CHECK(scope.cancel_called());
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(fired.finished());
    });
}

TEST_CASE("a past deadline shows as the cause and in the handle before anybody noticed (C9, C50)") {
    covey::testing::virtual_clock clock;
    support::run_checked({.workers = 1, .clock = &clock, .seed = 1}, [&]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                clock.jump(2s);
                CHECK(scope.cause().source == covey::cancel_source::deadline);
                scope.cancel("too late to be first");
                CHECK(scope.cause().source == covey::cancel_source::deadline);
                CHECK(scope.cause().reason.empty());
                co_return;
            });
        CHECK(result.finished());
        CHECK(kept->cancel_called());
        CHECK(kept->cause().source == covey::cancel_source::deadline);
        CHECK_FALSE(kept->cancelled_caught());

        std::optional<covey::scope_handle> never_asked;
        const auto left =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                never_asked.emplace(scope.handle());
                clock.jump(2s);
                co_return;
            });
        CHECK(left.finished());
        CHECK(never_asked->cancel_called());
    });
}

TEST_CASE("absurd deadlines: far past, far future, infinite, not a number (C20, TO08)") {
    support::run_virtual([]() -> covey::task<> {
        const auto past =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_deadline(long_past);
                CHECK(scope.cancel_called());
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(past.finished());

        const auto future =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                constexpr double infinite = std::numeric_limits<double>::infinity();
                scope.set_deadline(in_seconds(std::chrono::duration<double>(infinite)));
                CHECK(scope.deadline() == never_ends);
                scope.set_deadline(in_seconds(std::chrono::duration<double>(1e300)));
                CHECK(scope.deadline() == never_ends);
                using in_hours = std::chrono::time_point<covey::run_clock, std::chrono::hours>;
                scope.set_deadline(in_hours::max());
                CHECK(scope.deadline() == never_ends);
                CHECK_THROWS_AS(scope.set_deadline(in_seconds(std::chrono::duration<double>(
                                    std::numeric_limits<double>::quiet_NaN()))),
                                std::invalid_argument);
                CHECK(scope.deadline() == never_ends);
                CHECK_FALSE(scope.cancel_called());
                co_await covey::sleep_for(1h);
                scope.set_deadline(in_seconds(std::chrono::duration<double>(-infinite)));
                CHECK(scope.deadline() == long_past);
                CHECK(scope.cancel_called());
            });
        CHECK(future.finished());
    });
}

TEST_CASE("the run's own scope has a deadline too: main is stopped by it (C20, C51)") {
    const auto error = support::thrown_by<covey::cancelled_error>([] {
        support::run_virtual([]() -> covey::task<> {
            covey::current_scope().set_deadline(after(3s));
            co_await covey::sleep_forever();
        });
    });
    CHECK(error.cause().source == covey::cancel_source::deadline);

    support::run_virtual([]() -> covey::task<> {
        covey::current_scope().set_deadline(after(1h));
        co_return;
    });
}

TEST_CASE("several deadlines that expire in the same step all take effect (C34)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            int cut = 0;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 20; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        const auto result =
                            co_await covey::move_on_after(1s, covey::sleep_forever());
                        CHECK_FALSE(result.finished());
                        CHECK(support::elapsed() == 1s);
                        ++cut;
                    });
                }
            });
            CHECK(cut == 20);
        });
    }
}

TEST_CASE("re-arming a deadline without end leaves nothing behind (C32)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::move_on_after(1s, [](covey::cancel_scope& scope) -> covey::task<> {
                for (int i = 0; i < 10'000; ++i) {
                    scope.set_deadline(after(std::chrono::hours(1 + i % 7)));
                    REQUIRE(covey::testing::leaks().timers == 1);
                }
                co_return;
            });
        CHECK(result.finished());
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("current_effective_deadline is the earliest of the visible ones (C31, RN79)") {
    support::run_virtual([]() -> covey::task<> {
        CHECK(covey::current_effective_deadline() == never_ends);
        const auto outside =
            co_await covey::move_on_at(after(5s), [](covey::cancel_scope& outer) -> covey::task<> {
                CHECK(covey::current_effective_deadline() == after(5s));
                const auto inside = co_await covey::move_on_at(
                    after(9s), [&](covey::cancel_scope& inner) -> covey::task<> {
                        CHECK(covey::current_effective_deadline() == after(5s));
                        inner.set_deadline(after(3s));
                        CHECK(covey::current_effective_deadline() == after(3s));
                        inner.set_deadline(after(9s));
                        inner.set_shield(true);
                        CHECK(covey::current_effective_deadline() == after(9s));
                        inner.set_deadline(never_ends);
                        CHECK(covey::current_effective_deadline() == never_ends);
                        inner.set_shield(false);
                        CHECK(covey::current_effective_deadline() == after(5s));
                        outer.set_deadline(after(8s));
                        CHECK(covey::current_effective_deadline() == after(8s));
                        inner.set_shield(true);
                        outer.cancel();
                        CHECK(covey::current_effective_deadline() == never_ends);
                        inner.set_shield(false);
                        CHECK(covey::current_effective_deadline() == long_past);
                        inner.set_shield(true);
                        inner.cancel();
                        CHECK(covey::current_effective_deadline() == long_past);
                        co_return;
                    });
                CHECK(inside.finished());
                CHECK(covey::current_effective_deadline() == long_past);
            });
        CHECK(outside.finished());
        CHECK(covey::current_effective_deadline() == never_ends);
    });
    CHECK_THROWS_AS(covey::current_effective_deadline(), std::logic_error);
}

TEST_CASE(
    "current_effective_deadline knows a nursery's scope, a soft limit and a shield's grace (C31)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    nursery.scope().set_deadline(after(7s));
                    nursery.start_soon(
                        [] { CHECK(covey::current_effective_deadline() == after(7s)); });
                });
                outer.soft_cancel("soon", 4s);
                CHECK(covey::current_effective_deadline() == after(4s));
                co_await covey::shielded(2s, [&]() -> covey::task<> {
                    CHECK(covey::current_effective_deadline() == never_ends);
                    co_await covey::sleep_for(1s);
                    outer.cancel();
                    CHECK(covey::current_effective_deadline() == after(3s));
                    co_await covey::sleep_for(1s);
                    CHECK(covey::current_effective_deadline() == after(3s));
                });
                CHECK(covey::current_effective_deadline() == long_past);
            });
        CHECK(result.finished());
        CHECK(support::elapsed() == 2s);
    });
}
