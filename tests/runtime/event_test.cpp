// SPDX-License-Identifier: BSL-1.0
#include <covey/event.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <optional>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;

TEST_CASE("an event starts unset, is set once, and stays set (S1, SY01)") {
    static_assert(!std::is_copy_constructible_v<covey::event>);
    static_assert(!std::is_constructible_v<bool, covey::event&>);
    covey::event flag;
    CHECK_FALSE(flag.is_set());
    CHECK(flag.statistics().tasks_waiting == 0);
    flag.set();
    CHECK(flag.is_set());
    flag.set();
    CHECK(flag.is_set());
}

TEST_CASE("waiting for a set event is a checkpoint of both kinds (K1, SY01)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event flag;
        flag.set();
        co_await covey::testing::expect_checkpoints(flag.wait());
        bool passed = false;
        const auto cancelled = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
            co_await flag.wait();
            passed = true;
        });
        CHECK_FALSE(cancelled);
        CHECK_FALSE(passed);
    });
}

TEST_CASE("two who wait both wake, and the statistics count them (S1, SY01)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            covey::event flag;
            int woken = 0;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < 2; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::testing::expect_checkpoints(flag.wait());
                        ++woken;
                    });
                }
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(flag.statistics().tasks_waiting == 2);
                CHECK(woken == 0);
                flag.set();
                CHECK(flag.statistics().tasks_waiting == 0);
                CHECK(woken == 0);  // set() is no checkpoint: nobody has run
            });
            CHECK(woken == 2);
        });
    }
}

TEST_CASE("a waiter that is cancelled leaves no trace (K6, SY01)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event flag;
        int woken = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto waiter = [&]() -> covey::task<> {
                co_await flag.wait();
                ++woken;
            };
            auto first = nursery.spawn(waiter);
            auto second = nursery.spawn(waiter);
            auto third = nursery.spawn(waiter);
            co_await covey::testing::wait_all_tasks_blocked();
            second.cancel();
            CHECK(flag.statistics().tasks_waiting == 2);  // at once, before it has run
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(second.done());
            CHECK(flag.statistics().tasks_waiting == 2);
            flag.set();
        });
        CHECK(woken == 2);
        CHECK(flag.statistics().tasks_waiting == 0);
    });
}

TEST_CASE("the event may go as soon as its last waiter has seen it") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            for (int i = 0; i < 50; ++i) {
                std::optional<covey::event> flag(std::in_place);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&] { flag->set(); });
                    co_await flag->wait();
                    flag.reset();
                });
            }
        });
    }
}

TEST_CASE("a foreign thread sets an event (S1)") {
    std::optional<std::thread> thread;
    support::run_virtual([&]() -> covey::task<> {
        covey::event flag;
        thread.emplace([&flag] { flag.set(); });
        co_await flag.wait();
        CHECK(flag.is_set());
    });
    thread->join();
}

TEST_CASE("events are destroyed right after the wait, whoever sets them, event_mt (S1)") {
    covey::run({.workers = 3}, []() -> covey::task<> {
        for (int i = 0; i < 2000; ++i) {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto flag = std::make_unique<covey::event>();
                nursery.start_soon([&raw = *flag] { raw.set(); });
                co_await flag->wait();
                flag.reset();
            });
        }
    });
    CHECK(support::left_behind() == "");
}
