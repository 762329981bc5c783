// SPDX-License-Identifier: BSL-1.0
// scope_handle: any thread, and longer than the block.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("a handle asks and cancels the living scope") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                const covey::scope_handle handle = scope.handle();
                CHECK_FALSE(handle.cancel_called());
                CHECK_FALSE(handle.soft_cancelled());
                CHECK_FALSE(handle.shield());
                CHECK(handle.deadline() == covey::time_point::max());
                scope.set_shield(true);
                scope.set_deadline(covey::time_point(9s));
                CHECK(handle.shield());
                CHECK(handle.deadline() == covey::time_point(9s));
                handle.soft_cancel("gently");
                CHECK(scope.soft_cancelled());
                CHECK(handle.soft_cancelled());
                CHECK_FALSE(scope.cancel_called());
                handle.cancel("firmly");
                CHECK(scope.cancel_called());
                CHECK(scope.cause().reason == "firmly");
                CHECK(handle.cause().reason == "firmly");
                co_await covey::checkpoint();
                FAIL("passed");
            });
        CHECK_FALSE(result.finished());
    });
}

TEST_CASE("after the block a handle answers what was true at its end, and cancels nothing (C12)") {
    std::optional<covey::scope_handle> stopped, finished;
    support::run_virtual([&]() -> covey::task<> {
        const auto first =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                stopped.emplace(scope.handle());
                scope.set_shield(true);
                scope.soft_cancel();
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(first.finished());
        const auto second =
            co_await covey::move_on_after(9s, [&](covey::cancel_scope& scope) -> covey::task<> {
                finished.emplace(scope.handle());
                co_return;
            });
        CHECK(second.finished());
        finished->cancel("too late");
        finished->soft_cancel("too late");
        CHECK_FALSE(finished->cancel_called());
        CHECK_FALSE(finished->soft_cancelled());
        co_await covey::sleep_for(1s);
        CHECK(support::elapsed() == 2s);
    });
    // After the run, too.
    CHECK(stopped->cancel_called());
    CHECK(stopped->cancelled_caught());
    CHECK(stopped->soft_cancelled());
    CHECK(stopped->shield());
    CHECK(stopped->deadline() == covey::time_point(1s));
    CHECK(stopped->cause().source == covey::cancel_source::deadline);
    stopped->cancel("much too late");
    CHECK(stopped->cause().source == covey::cancel_source::deadline);
    CHECK_FALSE(finished->cancel_called());
    CHECK_FALSE(finished->cancelled_caught());
    CHECK(finished->deadline() == covey::time_point(10s));
    CHECK(finished->cause().source == covey::cancel_source::none);
}

TEST_CASE("handles are copied, assigned and thrown away in any order") {
    support::run_virtual([]() -> covey::task<> {
        std::vector<covey::scope_handle> many;
        std::optional<covey::scope_handle> one;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        many.assign(100, inner.handle());
                        one.emplace(outer.handle());
                        covey::scope_handle moved = std::move(many[0]);
                        many[0] = moved;
                        many[1] = *one;
                        many[1] = many[2];
                        many.resize(50, *one);
                        many[49].cancel("through a copy");
                        CHECK(inner.cancel_called());
                        CHECK_FALSE(outer.cancel_called());
                        co_await covey::checkpoint();
                    });
                CHECK_FALSE(inside.finished());
            });
        CHECK(result.finished());
        for (const covey::scope_handle& each : many) CHECK(each.cause().reason == "through a copy");
        CHECK_FALSE(one->cancel_called());
    });
}

TEST_CASE("a foreign thread cancels who waits inside, through a handle (C1, C3)") {
    std::optional<std::thread> thread;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                thread.emplace([handle = scope.handle()] { handle.cancel("from a thread"); });
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(result.finished());
    });
    thread->join();
}

TEST_CASE("a foreign thread cancels softly and hard, the block ends, it asks on (C12)") {
    std::optional<std::thread> thread;
    bool was_soft = false;
    covey::cancel_cause cause;
    support::run_virtual([&]() -> covey::task<> {
        bool soft = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                thread.emplace([&, handle = scope.handle()] {
                    handle.soft_cancel("first softly");
                    handle.cancel("then hard");
                    while (!handle.cancelled_caught()) std::this_thread::yield();
                    was_soft = handle.soft_cancelled();
                    cause = handle.cause();
                });
                co_await scope.until_soft_cancelled();
                soft = true;
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(result.finished());
    });
    thread->join();
    CHECK(was_soft);
    CHECK(cause.reason == "then hard");
}

TEST_CASE("the handle of the run's own scope outlives the run (C12)") {
    std::optional<covey::scope_handle> root;
    support::run_virtual([&]() -> covey::task<> {
        root.emplace(covey::current_scope().handle());
        root->soft_cancel("soon over");
        co_return;
    });
    CHECK(root->soft_cancelled());
    CHECK_FALSE(root->cancel_called());
    root->cancel("long over");
    CHECK_FALSE(root->cancel_called());
    std::thread([&] { root->cancel("long over"); }).join();
    CHECK_FALSE(root->cancel_called());
}

TEST_CASE("a foreign thread ends a run through the handle of its own scope (C1, C51)") {
    std::optional<std::thread> thread;
    const auto error = support::thrown_by<covey::cancelled_error>([&] {
        support::run_virtual([&]() -> covey::task<> {
            thread.emplace(
                [root = covey::current_scope().handle()] { root.cancel("the user left"); });
            co_await covey::sleep_forever();
        });
    });
    thread->join();
    CHECK(error.cause().source == covey::cancel_source::explicit_call);
    CHECK(error.cause().reason == "the user left");
    CHECK(error.cause().task_name.empty());
}

TEST_CASE("the handle of a nursery's scope cancels body and children (N12)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> handle;
        int ended = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            handle.emplace(nursery.scope().handle());
            for (int i = 0; i < 3; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::finally(covey::sleep_forever(), [&] { ++ended; });
                });
            }
            co_await covey::sleep_for(1s);
            handle->cancel("all of you");
            co_await covey::sleep_forever();
        });
        CHECK(handle->cancelled_caught());
        CHECK(support::elapsed() == 1s);
        CHECK(ended == 3);
    });
}
