// SPDX-License-Identifier: BSL-1.0
// pierce(): the cancellation that shields don't stop.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/detail/scope_block.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;

TEST_CASE("a pierced scope's shields don't hold, however many (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([]() -> covey::task<> {
                        co_await covey::shielded(
                            covey::shielded(covey::shielded(covey::sleep_forever())));
                    });
                    co_await covey::sleep_for(1s);
                    scope.cancel("first");
                    scope.pierce("second");
                    CHECK(scope.cause().reason == "first");
                });
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a cancellation alone leaves shields as they are, a pierce later voids them (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        covey::duration end{};
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                std::optional<covey::scope_handle> handle(scope.handle());
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::finally(covey::shielded(covey::sleep_forever()),
                                                [&] { end = support::elapsed(); });
                    });
                    nursery.start_soon([handle]() -> covey::task<> {
                        co_await covey::shielded([&]() -> covey::task<> {
                            co_await covey::sleep_for(3s);
                            handle->pierce();
                        });
                    });
                    co_await covey::sleep_for(1s);
                    scope.cancel();
                });
            });
        CHECK_FALSE(result.finished());
        CHECK(end == 3s);
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("a pierce stays inside its scope (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        bool outside_finished = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::shielded(covey::sleep_for(2s));
                outside_finished = true;
            });
            const auto inner =
                co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                    scope.pierce();
                    co_await covey::shielded(covey::sleep_forever());
                });
            CHECK_FALSE(inner.finished());
            CHECK(support::elapsed() == 0s);
        });
        CHECK(outside_finished);
    });
}

TEST_CASE("a soft cancel may have a time for cancelling and one for piercing (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        covey::duration cancelled{};
        covey::duration pierced{};
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::finally(covey::sleep_forever(),
                                                [&] { cancelled = support::elapsed(); });
                    });
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::finally(covey::shielded(covey::sleep_forever()),
                                                [&] { pierced = support::elapsed(); });
                    });
                    scope.soft_cancel("closing time", 2s, 5s);
                });
            });
        CHECK_FALSE(result.finished());
        CHECK(cancelled == 2s);
        CHECK(pierced == 5s);
        CHECK(support::elapsed() == 5s);
    });
}

TEST_CASE("of several times for piercing the earlier one counts (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.soft_cancel("first", 9s, 9s);
                scope.soft_cancel("second", 1s, 4s);
                scope.soft_cancel("third", 2s, 6s);
                co_await covey::shielded(covey::sleep_forever());
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 4s);
    });
}

TEST_CASE("a shield that is entered after the pierce doesn't hold either (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        bool inside = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.pierce();
                co_await covey::shielded([&]() -> covey::task<> {
                    inside = true;
                    co_await covey::sleep_for(1s);
                    FAIL("passed");
                });
            });
        CHECK(inside);
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("a scope of its own inside a pierced one is cut, too, and outer ones absorb (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> inner;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    inner.emplace(own.handle());
                    own.set_shield(true);
                    scope.pierce("all of it");
                    co_await covey::sleep_forever();
                });
                FAIL("passed");
            });
        CHECK_FALSE(result.finished());
        CHECK_FALSE(inner->cancel_called());
        CHECK_FALSE(inner->cancelled_caught());
    });
}

TEST_CASE("a yielding shield holds against cancelling, not against a closing deadline (SV10)") {
    support::run_virtual([]() -> covey::task<> {
        bool full_held = false;
        bool yielding_held = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                const covey::scope_handle handle = scope.handle();
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::shielded(covey::sleep_for(4s));
                        full_held = true;
                    });
                    nursery.start_soon([&]() -> covey::task<> {
                        covey::detail::scope_block own({.shield = true, .yielding = true});
                        co_await covey::sleep_for(2s);
                        yielding_held = true;
                        co_await covey::sleep_for(2s);
                        FAIL("passed");
                    });
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::shielded([&]() -> covey::task<> {
                            co_await covey::sleep_for(3s);
                            cancel_through(handle, covey::detail::shield_strength::yielding, "now");
                        });
                    });
                    co_await covey::sleep_for(1s);
                    scope.cancel();
                });
            });
        CHECK_FALSE(result.finished());
        CHECK(full_held);
        CHECK(yielding_held);
        CHECK(support::elapsed() == 4s);
    });
}
