// SPDX-License-Identifier: BSL-1.0
// set_shield(): who is protected from what, and since when.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>

using namespace std::chrono_literals;

TEST_CASE(
    "a shield keeps outer cancellation out, and lowering it lets it in at once (C4, C40, RN27)") {
    support::trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        CHECK_FALSE(inner.shield());
                        inner.set_shield(true);
                        CHECK(inner.shield());
                        outer.cancel();
                        co_await covey::checkpoint();
                        co_await covey::checkpoint_if_cancelled();
                        co_await covey::sleep_for(1s);
                        order.step(1);
                        inner.set_shield(false);
                        order.step(2);  // nothing happens without a checkpoint
                        co_await covey::checkpoint_if_cancelled();
                        FAIL("the shield still held");
                    });
                static_cast<void>(inside);
                FAIL("the outer scope's cancellation ended inside");
            });
        CHECK_FALSE(outside.finished());
        CHECK(support::elapsed() == 1s);
        order.done(3);
    });
}

TEST_CASE("raising a shield inside a cancelled scope protects from the next checkpoint on (C40)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outside =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        outer.cancel();
                        inner.set_shield(true);
                        co_await covey::sleep_for(2s);
                    });
                CHECK(inside.finished());
                co_await covey::checkpoint();
                FAIL("outside the shield it is cancelled");
            });
        CHECK_FALSE(outside.finished());
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("a shield is toggled by another task, and wakes who waits when it is lowered (C3, C40)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            std::optional<covey::scope_handle> outer_handle;
            covey::cancel_scope* inner_scope = nullptr;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto outside = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& outer) -> covey::task<> {
                            outer_handle.emplace(outer.handle());
                            const auto inside = co_await covey::with_cancel_scope(
                                [&](covey::cancel_scope& inner) -> covey::task<> {
                                    inner_scope = &inner;
                                    co_await covey::sleep_forever();
                                });
                            static_cast<void>(inside);
                        });
                    CHECK_FALSE(outside.finished());
                    CHECK(support::elapsed() == 4s);
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    inner_scope->set_shield(true);
                    co_await covey::sleep_for(1s);
                    outer_handle->cancel();
                    co_await covey::sleep_for(1s);
                    inner_scope->set_shield(true);  // again: nothing new
                    co_await covey::sleep_for(1s);
                    inner_scope->set_shield(false);
                });
            });
            CHECK(support::elapsed() == 4s);
        });
    }
}

TEST_CASE("a shield protects from neither its own scope nor those inside (C41, RN27)") {
    support::run_virtual([]() -> covey::task<> {
        const auto own =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_shield(true);
                scope.cancel();
                co_await covey::checkpoint();
                FAIL("its own cancellation has to pass");
            });
        CHECK_FALSE(own.finished());

        const auto around =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_shield(true);
                const auto inside = co_await covey::with_cancel_scope(
                    [](covey::cancel_scope& inner) -> covey::task<> {
                        inner.cancel();
                        co_await covey::checkpoint();
                        FAIL("inside it is cancelled");
                    });
                CHECK_FALSE(inside.finished());
            });
        CHECK(around.finished());
    });
}

TEST_CASE(
    "a shielded scope that is cancelled itself absorbs, with the outer one cancelled too (C4)") {
    support::run_virtual([]() -> covey::task<> {
        bool after_inner = false;
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        outer.cancel();
                        inner.set_shield(true);
                        inner.cancel();
                        co_await covey::checkpoint();
                        FAIL("passed");
                    });
                CHECK_FALSE(inside.finished());
                after_inner = true;
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(outside.finished());
        CHECK(after_inner);
    });
}

TEST_CASE("cancel outer, shield inner, cancel inner (RN32)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outside =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        outer.cancel();
                        inner.set_shield(true);
                        co_await covey::checkpoint();
                        inner.cancel();
                        inner.set_shield(false);
                        co_await covey::checkpoint();
                        FAIL("passed");
                    });
                static_cast<void>(inside);
                FAIL("without its shield, the outer scope absorbs");
            });
        CHECK_FALSE(outside.finished());
    });
}

TEST_CASE("a shield raised while a stop is on its way does not catch it (C42)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> outer_kept, inner_kept;
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                outer_kept.emplace(outer.handle());
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        inner_kept.emplace(inner.handle());
                        struct shield_on_the_way_out {
                            covey::cancel_scope& scope;
                            ~shield_on_the_way_out() { scope.set_shield(true); }
                        } const late{inner};
                        outer.cancel();
                        co_await covey::sleep_forever();
                    });
                static_cast<void>(inside);
                FAIL("the inner scope caught what was not its own");
            });
        CHECK_FALSE(outside.finished());
        CHECK(outer_kept->cancelled_caught());
        CHECK_FALSE(inner_kept->cancelled_caught());
        CHECK(inner_kept->shield());
    });
}

TEST_CASE("a shield raised after a wait was claimed does not give the wait back (C42, K17)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            covey::event offered;
            covey::cancel_scope *outer_scope = nullptr, *inner_scope = nullptr;
            bool taken = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto outside = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& outer) -> covey::task<> {
                            outer_scope = &outer;
                            const auto inside = co_await covey::with_cancel_scope(
                                [&](covey::cancel_scope& inner) -> covey::task<> {
                                    inner_scope = &inner;
                                    co_await offered.wait();
                                    taken = true;
                                });
                            static_cast<void>(inside);
                            taken = true;
                        });
                    CHECK_FALSE(outside.finished());
                });
                co_await covey::testing::wait_all_tasks_blocked();
                outer_scope->cancel();
                inner_scope->set_shield(true);
                offered.set();
            });
            CHECK_FALSE(taken);
        });
    }
}

// The wait is over, but nothing is cancelled here any more: what is awaited on the way out waits.
TEST_CASE("clean-up after a wait that was claimed waits, if a shield came between (C40, C42)") {
    for (const bool is_shielded_again : {false, true}) {
        support::run_virtual([=]() -> covey::task<> {
            covey::cancel_scope* outer_scope = nullptr;
            covey::cancel_scope* inner_scope = nullptr;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& outer) -> covey::task<> {
                            outer_scope = &outer;
                            co_await covey::with_cancel_scope(
                                [&](covey::cancel_scope& inner) -> covey::task<> {
                                    inner_scope = &inner;
                                    co_await covey::finally(covey::sleep_forever(),
                                                            covey::sleep_for(2s));
                                });
                        });
                });
                co_await covey::testing::wait_all_tasks_blocked();
                outer_scope->cancel();
                if (is_shielded_again) inner_scope->set_shield(true);
            });
            CHECK(support::elapsed() == 2s);
        });
    }
}

TEST_CASE("the shield of a nursery's scope covers its children and its body (C43)") {
    support::run_virtual([]() -> covey::task<> {
        int finished = 0;
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.scope().set_shield(true);
                    for (int i = 0; i < 2; ++i) {
                        nursery.start_soon([&]() -> covey::task<> {
                            co_await covey::sleep_for(2s);
                            ++finished;
                        });
                    }
                    outer.cancel();
                    co_await covey::sleep_for(1s);
                    ++finished;
                });
                CHECK(finished == 3);
                co_await covey::checkpoint();
                FAIL("outside the nursery it is cancelled");
            });
        CHECK_FALSE(outside.finished());
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("lowering the shield of a nursery wakes its sleeping children (C3, C43)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outside =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.scope().set_shield(true);
                    for (int i = 0; i < 3; ++i)
                        nursery.start_soon(
                            []() -> covey::task<> { co_await covey::sleep_forever(); });
                    outer.cancel();
                    co_await covey::sleep_for(3s);
                    nursery.scope().set_shield(false);
                });
            });
        CHECK_FALSE(outside.finished());
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("only the nearest shield counts: one further in doesn't help who is outside it (C4)") {
    support::run_virtual([]() -> covey::task<> {
        bool protected_one = false, other = false;
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::shielded([&]() -> covey::task<> {
                            co_await covey::sleep_for(2s);
                            protected_one = true;
                        });
                    });
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::sleep_for(2s);
                        other = true;
                    });
                    co_await covey::sleep_for(1s);
                    outer.cancel();
                });
            });
        CHECK_FALSE(outside.finished());
        CHECK(protected_one);
        CHECK_FALSE(other);
        CHECK(support::elapsed() == 2s);
    });
}
