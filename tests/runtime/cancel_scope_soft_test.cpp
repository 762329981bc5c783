// SPDX-License-Identifier: BSL-1.0
// soft_cancel(): asking politely, with or without a limit.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;

TEST_CASE("a soft cancel is seen, and stops nothing") {
    support::trace order;
    support::run_virtual([&]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                CHECK_FALSE(scope.soft_cancelled());
                scope.soft_cancel("closing time");
                CHECK(scope.soft_cancelled());
                CHECK(kept->soft_cancelled());
                CHECK_FALSE(scope.cancel_called());
                CHECK(scope.cause().source == covey::cancel_source::none);
                order.step(1);
                co_await covey::sleep_for(1s);
                co_await scope.until_soft_cancelled();
                order.step(2);
            });
        CHECK(result.finished());
        order.done(3);
        CHECK(kept->soft_cancelled());
        CHECK_FALSE(kept->cancel_called());
    });
}

TEST_CASE("until_soft_cancelled wakes everybody who waits, also in scopes and children below") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            int woken = 0;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await scope.until_soft_cancelled();
                            ++woken;
                        });
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await nursery.scope().until_soft_cancelled();
                            ++woken;
                        });
                        nursery.start_soon([&]() -> covey::task<> {
                            const auto inner = co_await covey::with_cancel_scope(
                                [&](covey::cancel_scope& own) -> covey::task<> {
                                    co_await own.until_soft_cancelled();
                                    CHECK(own.soft_cancelled());
                                    ++woken;
                                });
                            CHECK(inner.finished());
                        });
                        co_await covey::sleep_for(2s);
                        CHECK(woken == 0);
                        scope.soft_cancel();
                    });
                });
            CHECK(result.finished());
            CHECK(woken == 3);
            CHECK(support::elapsed() == 2s);
        });
    }
}

TEST_CASE("a soft cancel reaches up to shields, and through one when it is lowered") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        const auto inside = co_await covey::with_cancel_scope(
                            [&](covey::cancel_scope& inner) -> covey::task<> {
                                inner.set_shield(true);
                                nursery.start_soon([&inner]() -> covey::task<> {
                                    co_await covey::sleep_for(2s);
                                    CHECK_FALSE(inner.soft_cancelled());
                                    inner.set_shield(false);
                                    CHECK(inner.soft_cancelled());
                                });
                                co_await inner.until_soft_cancelled();
                                CHECK(support::elapsed() == 2s);
                            });
                        CHECK(inside.finished());
                    });
                    co_await covey::sleep_for(1s);
                    outer.soft_cancel();
                });
            });
        CHECK(result.finished());
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("a soft cancel of an inner scope says nothing to the outer one") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        inner.soft_cancel();
                        CHECK(inner.soft_cancelled());
                        CHECK_FALSE(outer.soft_cancelled());
                        co_return;
                    });
                CHECK(inside.finished());
            });
        CHECK(result.finished());
    });
}

TEST_CASE("a soft cancel with a limit cancels when that is over, with its reason (C50)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                scope.soft_cancel("closing time", 3s);
                co_await scope.until_soft_cancelled();
                CHECK(support::elapsed() == 0s);
                CHECK_FALSE(scope.cancel_called());
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 3s);
        CHECK(kept->cause().source == covey::cancel_source::explicit_call);
        CHECK(kept->cause().reason == "closing time");
        CHECK(kept->cause().task_name == "main");
    });
}

TEST_CASE("a second soft cancel keeps the first reason and the shorter limit (C50)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                scope.soft_cancel("first", 5s);
                scope.soft_cancel("second", 2s);
                scope.soft_cancel("third", 9s);
                scope.soft_cancel("fourth");
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 2s);
        CHECK(kept->cause().reason == "first");
    });
}

TEST_CASE("the limit of a soft cancel doesn't outlive its block") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::with_cancel_scope(
            [](covey::cancel_scope& scope) { scope.soft_cancel("soon", 1s); });
        CHECK(result.finished());
        CHECK(covey::testing::leaks().timers == 0);
        co_await covey::sleep_for(2s);
    });
}

TEST_CASE("a soft cancel with a limit of zero, for ever, negative") {
    support::run_virtual([]() -> covey::task<> {
        const auto at_once =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.soft_cancel("now", 0s);
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(at_once.finished());
        const auto never =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.soft_cancel("some day", std::chrono::hours::max());
                CHECK(covey::testing::leaks().timers == 0);
                co_await covey::sleep_for(1000h);
                CHECK_THROWS_AS(scope.soft_cancel("bad", -1s), std::invalid_argument);
            });
        CHECK(never.finished());
    });
}

TEST_CASE("a cancel is a soft cancel too: who asks sees it, who waits behind a shield wakes") {
    support::run_virtual([]() -> covey::task<> {
        bool woken = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::shielded([&]() -> covey::task<> {
                            co_await scope.until_soft_cancelled();
                            woken = true;
                        });
                    });
                    co_await covey::sleep_for(1s);
                    scope.cancel();
                    CHECK(scope.soft_cancelled());
                });
            });
        CHECK(result.finished());  // nobody met a checkpoint outside the shield
        CHECK(woken);
    });
}

TEST_CASE("a cancel claims the waits for a soft one as any other (C1, C3)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            bool own = false, outer_one = false;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await scope.until_soft_cancelled();
                            outer_one = true;
                        });
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await nursery.scope().until_soft_cancelled();
                            own = true;
                        });
                        co_await covey::testing::wait_all_tasks_blocked();
                        scope.cancel();
                        scope.soft_cancel("afterwards");
                    });
                });
            CHECK_FALSE(result.finished());
            CHECK_FALSE(own);
            CHECK_FALSE(outer_one);
        });
    }
}

TEST_CASE("a wait for a soft cancel that came first is over, whatever follows in the step (K17)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            bool woken = false, went_on = false;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await scope.until_soft_cancelled();
                            woken = true;
                            co_await covey::checkpoint_if_cancelled();
                            went_on = true;
                        });
                        co_await covey::testing::wait_all_tasks_blocked();
                        scope.soft_cancel("first");
                        scope.cancel("second");
                    });
                });
            CHECK_FALSE(result.finished());
            CHECK(woken);
            CHECK_FALSE(went_on);
        });
    }
}
