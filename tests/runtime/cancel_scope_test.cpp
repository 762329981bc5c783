// SPDX-License-Identifier: BSL-1.0
#include <covey/cancel_scope.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

// Whether the way of waiting stops in a cancelled scope.
template <class Wait>
covey::task<> check_stops(const char* what, Wait wait) {
    bool went_on = false;
    const auto result =
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            scope.cancel();
            co_await wait();
            went_on = true;
        });
    INFO(what);
    CHECK_FALSE(result.finished());
    CHECK_FALSE(went_on);
}

}  // namespace

TEST_CASE("every kind of checkpoint stops in a cancelled scope (K1, K9, C11, RN22)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event set, unset;
        set.set();
        co_await check_stops("checkpoint", [] { return covey::checkpoint(); });
        co_await check_stops("check", [] { return covey::checkpoint_if_cancelled(); });
        co_await check_stops("sleep 0", [] { return covey::sleep_for(0s); });
        co_await check_stops("sleep 1", [] { return covey::sleep_for(1s); });
        co_await check_stops("past", [] { return covey::sleep_until(covey::time_point::min()); });
        co_await check_stops("for ever", [] { return covey::sleep_forever(); });
        co_await check_stops("set event", [&] { return set.wait(); });
        co_await check_stops("unset event", [&] { return unset.wait(); });
        co_await check_stops("soft", [] { return covey::current_scope().until_soft_cancelled(); });
        co_await check_stops("idle", [] { return covey::testing::wait_all_tasks_blocked(); });
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("cancelling twice is cancelling once (C1, C8, RN23)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                CHECK_FALSE(scope.cancel_called());
                scope.cancel("first");
                CHECK(scope.cancel_called());
                scope.cancel("second");
                CHECK(scope.cancel_called());
                CHECK_FALSE(scope.cancelled_caught());
                co_await covey::checkpoint();
                FAIL("the checkpoint let it pass");
            });
        CHECK_FALSE(result.finished());
        CHECK(kept->cancel_called());
        CHECK(kept->cancelled_caught());
        CHECK(kept->cause().reason == "first");
        co_await covey::checkpoint();  // outside, nothing is cancelled
    });
}

TEST_CASE("cancellation is level triggered: clean-up that waits is stopped again (C2, RN24)") {
    support::trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                // Each block below ends stopped; what follows it stops at its own checkpoint.
                const auto inner =
                    co_await covey::with_cancel_scope([&](covey::cancel_scope&) -> covey::task<> {
                        order.step(1);
                        co_await covey::sleep_forever();
                        FAIL("passed");
                    });
                static_cast<void>(inner);
                FAIL("the inner scope was not cancelled, so it can't have ended the stop");
            });
        CHECK_FALSE(result.finished());
        order.done(2);
    });
}

TEST_CASE("a cancelled body that finishes without a checkpoint has finished (C8, C10, RN33)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<int> {
                kept.emplace(scope.handle());
                scope.cancel();
                co_return 5;
            });
        CHECK(result.finished());
        CHECK(*result == 5);
        CHECK(kept->cancel_called());
        CHECK_FALSE(kept->cancelled_caught());
        co_await covey::checkpoint();  // the pending cancellation ended with the block
        co_await covey::sleep_for(1s);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a plain function is a body too") {
    support::run_virtual([]() -> covey::task<> {
        const auto number = co_await covey::with_cancel_scope([](covey::cancel_scope& scope) {
            scope.cancel();
            return 3;
        });
        CHECK(*number == 3);
        bool ran = false;
        const auto nothing =
            co_await covey::with_cancel_scope([&](covey::cancel_scope&) { ran = true; });
        CHECK(ran);
        CHECK(nothing.finished());
    });
}

TEST_CASE("errors pass through a cancelled scope unchanged (C16)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        CHECK_THROWS_AS(
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                scope.cancel();
                throw std::out_of_range("mine");
                co_return;
            }),
            std::out_of_range);
        CHECK(kept->cancel_called());
        CHECK_FALSE(kept->cancelled_caught());
    });
}

TEST_CASE("of two cancelled scopes the outer one absorbs (C5, C6, RN31)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> outer, middle, inner;
        bool after_inner = false, after_middle = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& first) -> covey::task<> {
                outer.emplace(first.handle());
                const auto second_result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& second) -> covey::task<> {
                        middle.emplace(second.handle());
                        const auto third_result = co_await covey::with_cancel_scope(
                            [&](covey::cancel_scope& third) -> covey::task<> {
                                inner.emplace(third.handle());
                                third.cancel("inner");
                                second.cancel("middle");
                                co_await covey::sleep_forever();
                            });
                        static_cast<void>(third_result);
                        after_inner = true;
                    });
                CHECK_FALSE(second_result.finished());
                after_middle = true;
                co_await covey::checkpoint();
            });
        CHECK(result.finished());
        CHECK_FALSE(after_inner);
        CHECK(after_middle);
        CHECK_FALSE(outer->cancel_called());
        CHECK_FALSE(outer->cancelled_caught());
        CHECK(middle->cancel_called());
        CHECK(middle->cancelled_caught());
        CHECK(inner->cancel_called());
        CHECK_FALSE(inner->cancelled_caught());
    });
}

TEST_CASE("who absorbs is decided when the scope is left, not when the stop began (C6)") {
    support::run_virtual([]() -> covey::task<> {
        bool after_inner = false;
        std::optional<covey::scope_handle> inner_kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                const auto inner_result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        inner_kept.emplace(inner.handle());
                        struct cancel_on_the_way_out {
                            covey::cancel_scope& scope;
                            ~cancel_on_the_way_out() { scope.cancel("late"); }
                        } const late{outer};
                        inner.cancel("early");
                        co_await covey::sleep_forever();
                    });
                static_cast<void>(inner_result);
                after_inner = true;
            });
        CHECK_FALSE(result.finished());
        CHECK_FALSE(after_inner);
        CHECK_FALSE(inner_kept->cancelled_caught());
        CHECK(inner_kept->cause().reason == "early");
    });
}

TEST_CASE("the inner scope absorbs its own and the code after it runs (C4, C8)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outer_result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope&) -> covey::task<int> {
                const auto inner_result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<int> {
                        inner.cancel();
                        co_await covey::checkpoint();
                        co_return 1;
                    });
                CHECK_FALSE(inner_result.finished());
                co_await covey::sleep_for(1s);
                co_return 2;
            });
        CHECK(*outer_result == 2);
    });
}

TEST_CASE(
    "a scope is cancelled by another task and wakes whoever waits inside at once (C3, RN35)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            covey::event inside;
            std::optional<covey::scope_handle> scope;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto result = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& mine) -> covey::task<> {
                            scope.emplace(mine.handle());
                            inside.set();
                            co_await covey::sleep_for(10s);
                        });
                    CHECK_FALSE(result.finished());
                    CHECK(support::elapsed() == 3s);
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await inside.wait();
                    co_await covey::sleep_for(3s);
                    scope->cancel();
                });
            });
            CHECK(support::elapsed() == 3s);
        });
    }
}

TEST_CASE("cancelling reaches grandchildren in two nurseries (C3, N12, RN28)") {
    int stopped = 0;
    struct count_end {
        int& ends;
        explicit count_end(int& counter) : ends(counter) {}
        ~count_end() { ++ends; }
    };
    const auto leaf = [&stopped]() -> covey::task<> {
        const count_end end(stopped);
        co_await covey::sleep_forever();
        FAIL("a leaf went on");
    };
    const auto branch = [&]() -> covey::task<> {
        const count_end end(stopped);
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 3; ++i) nursery.start_soon(leaf);
        });
        co_await covey::checkpoint();
        FAIL("a branch went on");
    };
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(branch);
                nursery.start_soon(branch);
            });
        });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
    });
    CHECK(stopped == 8);
}

TEST_CASE("current_scope is the innermost one, and the run's own where nobody opened one") {
    support::run_virtual([]() -> covey::task<> {
        covey::cancel_scope& root = covey::current_scope();
        const auto outside =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                CHECK(&covey::current_scope() == &outer);
                CHECK(&outer != &root);
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        CHECK(&covey::current_scope() == &inner);
                        co_return;
                    });
                CHECK(inside.finished());
                CHECK(&covey::current_scope() == &outer);
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    CHECK(&covey::current_scope() == &nursery.scope());
                    nursery.start_soon([&] { CHECK(&covey::current_scope() == &nursery.scope()); });
                });
            });
        CHECK(outside.finished());
        CHECK(&covey::current_scope() == &root);
    });
    CHECK_THROWS_AS(covey::current_scope(), std::logic_error);
}

TEST_CASE("main's own scope can be cancelled: run says why (C51)") {
    std::optional<covey::scope_handle> root;
    const auto stopped = [&] {
        support::run_virtual([&]() -> covey::task<> {
            root.emplace(covey::current_scope().handle());
            covey::current_scope().cancel("enough");
            co_await covey::checkpoint();
            FAIL("main went on");
        });
    };
    const auto error = support::thrown_by<covey::cancelled_error>(stopped);
    CHECK(error.cause().source == covey::cancel_source::explicit_call);
    CHECK(error.cause().reason == "enough");
    CHECK(error.cause().task_name == "main");
    CHECK(std::string(error.what()).find("enough") != std::string::npos);
    CHECK(root->cancel_called());
    CHECK(root->cause().reason == "enough");
    root->cancel("after the run");
    CHECK(root->cause().reason == "enough");
}

TEST_CASE("a value that main gives without another checkpoint survives its cancellation (C10)") {
    const int value = support::run_virtual([]() -> covey::task<int> {
        covey::current_scope().cancel();
        co_return 4;
    });
    CHECK(value == 4);
}

TEST_CASE("a task that catches everything does not catch a cancellation (C54, CR01)") {
    bool caught = false, went_on = false;
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            try {
                co_await covey::sleep_forever();
                went_on = true;
            } catch (...) {
                caught = true;
            }
            went_on = true;
        });
        CHECK_FALSE(result.finished());
    });
    CHECK_FALSE(caught);
    CHECK_FALSE(went_on);
}

TEST_CASE("a child cancelled through a scope of its own doesn't fail its nursery (N30)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) {
            nursery.start_soon([]() -> covey::task<> {
                const auto result = co_await covey::with_cancel_scope(
                    [](covey::cancel_scope& scope) -> covey::task<> {
                        scope.cancel();
                        co_await covey::checkpoint();
                    });
                CHECK_FALSE(result.finished());
            });
            nursery.start_soon([&nursery]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                CHECK_FALSE(nursery.scope().cancel_called());
            });
        });
        CHECK(support::elapsed() == 1s);
    });
}
