// SPDX-License-Identifier: BSL-1.0
#include <covey/to_thread.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"
#include "support/threads.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <pthread.h>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::testing::wait_all_tasks_blocked;
using support::gate;

TEST_CASE("to_thread passes arguments and result, on another thread (TH08, T1)") {
    support::run_virtual([]() -> covey::task<> {
        const std::thread::id here = std::this_thread::get_id();
        const auto there =
            co_await covey::to_thread([](int) { return std::this_thread::get_id(); }, 1);
        CHECK(there != here);
        CHECK(std::this_thread::get_id() == here);
        const int sum = co_await covey::to_thread([](int a, long b) { return a + int(b); }, 2, 3L);
        CHECK(sum == 5);
        bool ran = false;
        co_await covey::to_thread([&ran] { ran = true; });
        CHECK(ran);
        const std::string text = co_await covey::to_thread(
            [](const std::string& left, std::string&& right) { return left + right; },
            std::string("ab"), std::string("cd"));
        CHECK(text == "abcd");
        const std::string literal =
            co_await covey::to_thread([](std::string copied) { return copied; }, "decayed");
        CHECK(literal == "decayed");
    });
}

TEST_CASE("to_thread moves what can only be moved (TH08)") {
    support::run_virtual([]() -> covey::task<> {
        auto result = co_await covey::to_thread(
            [held = std::make_unique<int>(4)](std::unique_ptr<int> given) {
                return std::make_unique<int>(*held + *given);
            },
            std::make_unique<int>(5));
        CHECK(*result == 9);
        struct sealed {
            const int number;
        };
        const sealed value = co_await covey::to_thread([] { return sealed{6}; });
        CHECK(value.number == 6);
    });
}

TEST_CASE("an error on the thread is an error of the task, as it is (TH08, T2)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outcome = co_await covey::attempt(
            covey::to_thread([]() -> int { throw std::out_of_range("there"); }));
        CHECK(support::holds<std::out_of_range>(outcome.error()));
        CHECK(support::message_of(outcome.error()) == "there");
        const auto nothing = co_await covey::attempt(covey::to_thread([] { throw 5; }));
        CHECK(support::holds<int>(nothing.error()));
    });
}

TEST_CASE("to_thread is a checkpoint, and starts nothing when cancelled already (T1)") {
    for (const bool abandon : {false, true}) {
        support::run_virtual([&]() -> covey::task<> {
            std::atomic<bool> started = false;
            co_await covey::testing::expect_checkpoints(covey::to_thread([] {}));
            const auto result = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
                co_await covey::to_thread({.abandon_on_cancel = abandon}, [&] { started = true; });
            });
            CHECK_FALSE(result);
            CHECK_FALSE(started);
        });
    }
}

TEST_CASE("a thread of to_thread has a name (T8)") {
    support::run_virtual([]() -> covey::task<> {
        const std::string name = co_await covey::to_thread([] {
            char text[16] = {};
            pthread_getname_np(pthread_self(), text, sizeof text);
            return std::string(text);
        });
        CHECK(name == "covey blocking");
    });
}

TEST_CASE("threads are used again, the youngest idle one first (T9)") {
    support::run_virtual([]() -> covey::task<> {
        std::set<std::thread::id> seen;
        for (int i = 0; i < 20; ++i) {
            const auto id = co_await covey::to_thread([] { return std::this_thread::get_id(); });
            seen.insert(id);
        }
        CHECK(seen.size() == 1);
        CHECK(covey::testing::leaks().threads == 1);
    });
}

TEST_CASE("calls run at the same time, each on a thread of its own (T9)") {
    support::run_virtual([]() -> covey::task<> {
        std::atomic<int> arrived = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 10; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::to_thread([&] {
                        ++arrived;
                        while (arrived != 10) std::this_thread::yield();
                    });
                });
            }
        });
        CHECK(arrived == 10);
        CHECK(covey::testing::leaks().threads == 10);
    });
}

TEST_CASE("forty calls run at once, the others wait their turn (T4)") {
    constexpr std::size_t limit = 40, calls = 100;
    support::run_virtual([&]() -> covey::task<> {
        std::atomic<std::size_t> running = 0, most = 0, started = 0;
        std::size_t ended = 0;
        gate open;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (std::size_t i = 0; i < calls; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::to_thread([&] {
                        ++started;
                        const std::size_t now = ++running;
                        std::size_t before = most;
                        while (before < now && !most.compare_exchange_weak(before, now)) {
                        }
                        open.pass();
                        --running;
                    });
                    ++ended;
                });
                co_await covey::checkpoint();
            }
            co_await wait_all_tasks_blocked();
            while (started != limit) std::this_thread::yield();
            CHECK(covey::testing::leaks().threads == limit);
            CHECK(covey::testing::leaks().waiters >= calls);
            open.open();
        });
        CHECK(most == limit);
        CHECK(started == calls);
        CHECK(ended == calls);
    });
}

TEST_CASE(
    "a call that is not to be abandoned ends first, its result is kept, then the task stops (T2)") {
    for (const bool fails : {false, true}) {
        support::run_virtual([&]() -> covey::task<> {
            gate open;
            std::atomic<bool> entered = false;
            int value = 0;
            std::string error;
            bool went_on = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto task = nursery.spawn([&]() -> covey::task<> {
                    try {
                        value = co_await covey::to_thread([&] {
                            entered = true;
                            open.pass();
                            if (fails) throw std::runtime_error("late");
                            return 3;
                        });
                    } catch (const std::runtime_error& thrown) {
                        error = thrown.what();
                    }
                    co_await covey::checkpoint_if_cancelled();
                    went_on = true;
                });
                while (!entered) co_await covey::checkpoint();
                task.cancel();
                for (int i = 0; i < 10; ++i) co_await covey::checkpoint();
                CHECK_FALSE(task.done());
                open.open();
            });
            CHECK(value == (fails ? 0 : 3));
            CHECK(error == (fails ? "late" : ""));
            CHECK_FALSE(went_on);
        });
    }
}

TEST_CASE("an abandoned call: the task leaves at once, the thread runs on (TH09, T3)") {
    for (const bool fails : {false, true}) {
        const auto seen = std::make_shared<std::pair<gate, std::atomic<int>>>();
        const auto argument = std::make_shared<int>(1);
        support::run_virtual_abandoning([&]() -> covey::task<> {
            bool went_on = false;
            const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::to_thread(
                    {.abandon_on_cancel = true},
                    [seen, fails](const std::shared_ptr<int>& kept) {
                        seen->second = 1;
                        seen->first.pass();
                        seen->second = 1 + *kept;
                        if (fails) throw std::runtime_error("nobody hears it");
                        return 5;
                    },
                    argument);
                went_on = true;
            });
            CHECK_FALSE(result);
            CHECK_FALSE(went_on);
            CHECK(support::elapsed() == 1s);
            while (seen->second == 0) std::this_thread::yield();
            CHECK(seen->second == 1);  // it is still there
        });
        // The run is over, and doesn't wait for it either. (T17)
        CHECK(covey::testing::leaks().threads == 1);
        CHECK(argument.use_count() > 1);
        seen->first.open();
        support::wait_for_abandoned_threads();
        CHECK(seen->second == 2);
        CHECK(argument.use_count() == 1);
        CHECK(support::left_behind() == "");
    }
}

TEST_CASE("an abandoned call keeps its place until the thread is done (T4)") {
    const auto open = std::make_shared<gate>();
    support::run_virtual_abandoning([&]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 40; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await covey::to_thread({.abandon_on_cancel = true},
                                                  [open] { open->pass(); });
                    });
                }
            });
        });
        CHECK_FALSE(result);
        // All places are taken by threads that nobody waits for.
        bool ran = false;
        const auto no_place = co_await covey::move_on_after(
            1s, [&]() -> covey::task<> { co_await covey::to_thread([&] { ran = true; }); });
        CHECK_FALSE(no_place);
        CHECK_FALSE(ran);
        CHECK(support::elapsed() == 2s);
        open->open();
        co_await covey::to_thread([&] { ran = true; });
        CHECK(ran);
    });
    support::wait_for_abandoned_threads();
    CHECK(support::left_behind() == "");
}

TEST_CASE(
    "a call that is cancelled while it waits for its place never starts, the next one does (T1, "
    "K17)") {
    support::run_virtual([]() -> covey::task<> {
        gate open;
        std::atomic<int> entered = 0;
        std::atomic<bool> second_ran = false, third_ran = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 40; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::to_thread([&] {
                        ++entered;
                        open.pass();
                    });
                });
            }
            while (entered != 40) co_await covey::checkpoint();
            auto second = nursery.spawn(
                [&]() -> covey::task<> { co_await covey::to_thread([&] { second_ran = true; }); });
            co_await wait_all_tasks_blocked();
            auto third = nursery.spawn(
                [&]() -> covey::task<> { co_await covey::to_thread([&] { third_ran = true; }); });
            co_await wait_all_tasks_blocked();
            second.cancel();
            open.open_for(1);
            co_await third;
            CHECK(third_ran);
            CHECK(second.done());
            open.open();
        });
        CHECK_FALSE(second_ran);
    });
}

TEST_CASE(
    "a place handed over and then refused by a cancellation in the same step is passed on (T1, T4, "
    "K17)") {
    support::run_virtual([]() -> covey::task<> {
        gate open;
        std::atomic<int> entered = 0;
        std::atomic<bool> second_ran = false, third_ran = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 40; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::to_thread([&] {
                        ++entered;
                        open.pass();
                    });
                });
            }
            while (entered != 40) co_await covey::checkpoint();
            auto second = nursery.spawn(
                [&]() -> covey::task<> { co_await covey::to_thread([&] { second_ran = true; }); });
            co_await wait_all_tasks_blocked();
            auto third = nursery.spawn(
                [&]() -> covey::task<> { co_await covey::to_thread([&] { third_ran = true; }); });
            co_await wait_all_tasks_blocked();
            // In this step, on the only worker: the place goes to the second call, and its task is
            // cancelled before it has run.
            const std::size_t waiting = covey::testing::leaks().waiters;
            open.open_for(1);
            while (covey::testing::leaks().waiters > waiting - 2) std::this_thread::yield();
            second.cancel();
            co_await third;
            CHECK(third_ran);
            CHECK_FALSE(second_ran);
            open.open();
        });
        CHECK_FALSE(second_ran);
    });
}

TEST_CASE(
    "an abandonable call that has ended and is cancelled in the same step keeps its result (K17)") {
    for (const bool ends_first : {true, false}) {
        support::run_virtual_abandoning([&]() -> covey::task<> {
            const auto open = std::make_shared<gate>();
            int value = 0;
            bool went_on = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto task = nursery.spawn([&]() -> covey::task<> {
                    value = co_await covey::to_thread({.abandon_on_cancel = true}, [open] {
                        open->pass();
                        return 7;
                    });
                    co_await covey::checkpoint_if_cancelled();
                    went_on = true;
                });
                co_await wait_all_tasks_blocked();
                const std::size_t waiting = covey::testing::leaks().waiters;
                if (ends_first) {
                    open->open();
                    while (covey::testing::leaks().waiters == waiting) std::this_thread::yield();
                }
                task.cancel();
                open->open();
            });
            CHECK(value == (ends_first ? 7 : 0));
            CHECK_FALSE(went_on);
        });
        support::wait_for_abandoned_threads();
        CHECK(support::left_behind() == "");
    }
}
