// SPDX-License-Identifier: BSL-1.0
#include <covey/testing.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using covey::testing::expect_checkpoints;
using covey::testing::expect_no_checkpoints;
using covey::testing::sequencer;
using covey::testing::wait_all_tasks_blocked;

namespace {

covey::task<> take_turn(sequencer& seq, std::size_t number, support::trace& order) {
    const auto turn = co_await seq(number);
    order.note(std::to_string(number));
    co_await covey::checkpoint();  // the turn lasts to the end of the block
    order.note(std::to_string(number) + "'");
}

// What awaiting X throws, as text; "" for nothing.
template <class X>
covey::task<std::string> error_of(X awaited) {
    const auto outcome = co_await covey::attempt(std::move(awaited));
    co_return outcome.has_value() ? std::string() : support::message_of(outcome.error());
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("wait_all_tasks_blocked returns when a busy task is done, for two who wait (TT01, Q1)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    for (int i = 0; i < 10; ++i) co_await covey::checkpoint();
                    order.note("busy");
                });
                for (int i = 0; i < 2; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await wait_all_tasks_blocked();
                        order.note("idle");
                    });
                }
            });
        });
        CHECK(order.text() == "busy idle idle");
    }
}

TEST_CASE("wait_all_tasks_blocked is cancellable, and lets the others wait on (TT01, Q1)") {
    support::run_virtual([]() -> covey::task<> {
        bool passed = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            auto waiter = nursery.spawn([&]() -> covey::task<> {
                co_await wait_all_tasks_blocked();
                passed = true;
            });
            co_await covey::checkpoint();  // it waits, or will
            waiter.cancel();
            co_await wait_all_tasks_blocked();
            CHECK(waiter.done());
        });
        CHECK_FALSE(passed);
    });
}

TEST_CASE("sleepers count as blocked, and after a jump the sleeper has run (TT02, Q1)") {
    covey::testing::virtual_clock clock(covey::testing::autojump::off);
    for (const std::uint64_t seed : support::seeds()) {
        support::run_checked({.workers = 1, .clock = &clock, .seed = seed}, [&]() -> covey::task<> {
            bool slept = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(10s);
                    slept = true;
                });
                co_await wait_all_tasks_blocked();
                CHECK_FALSE(slept);
                clock.jump(10s);
                co_await wait_all_tasks_blocked();
                CHECK(slept);
            });
        });
    }
}

TEST_CASE("who waits for idleness goes before an autojump (Q3)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1s); });
                for (int i = 0; i < 5; ++i) {
                    co_await wait_all_tasks_blocked();
                    CHECK(support::elapsed() == 0s);
                }
            });
            CHECK(support::elapsed() == 1s);
        });
    }
}

TEST_CASE("several wait for idleness again and again, in step (Q1)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            int rounds[3] = {0, 0, 0};
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int& mine : rounds) {
                    nursery.start_soon([&rounds, &mine]() -> covey::task<> {
                        for (int i = 0; i < 20; ++i) {
                            co_await wait_all_tasks_blocked();
                            ++mine;
                            for (const int other : rounds) CHECK(std::abs(other - mine) <= 1);
                        }
                    });
                }
            });
        });
    }
}

TEST_CASE("more wait for idleness than a worker's queue holds, testing_mt (Q1)") {
    for (const unsigned workers : {1U, 2U}) {
        covey::run({.workers = workers}, []() -> covey::task<> {
            std::atomic<int> woken{0};
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 1000; ++i)
                    nursery.start_soon([&woken]() -> covey::task<> {
                        co_await covey::testing::wait_all_tasks_blocked();
                        woken.fetch_add(1);
                    });
            });
            CHECK(woken.load() == 1000);
        });
    }
}

TEST_CASE("idleness is when every worker has nothing to do, testing_mt (Q1, TT01)") {
    for (const unsigned workers : {2U, 3U}) {
        support::faults faults;
        support::run_checked({.workers = workers}, [&]() -> covey::task<> {
            for (int round = 0; round < 200; ++round) {
                std::atomic<int> busy = 0;
                covey::event gate;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (int i = 0; i < 4; ++i) {
                        nursery.start_soon([&]() -> covey::task<> {
                            for (int n = 0; n < 5; ++n) {
                                ++busy;
                                co_await covey::checkpoint();
                                --busy;
                            }
                            co_await gate.wait();
                        });
                    }
                    co_await wait_all_tasks_blocked();
                    faults.expect(busy == 0, "nobody is busy");
                    faults.expect(gate.statistics().tasks_waiting == 4, "all wait");
                    gate.set();
                });
            }
        });
        CHECK(faults.text() == "");
    }
}

TEST_CASE("expect_checkpoints wants both halves (TT04, Q5, RN83)") {
    support::run_virtual([]() -> covey::task<> {
        const auto full = co_await error_of(expect_checkpoints(covey::checkpoint()));
        CHECK(full.empty());
        const auto none = co_await error_of(expect_checkpoints([] {}));
        CHECK(contains(none, "no checkpoint"));
        CHECK(contains(none, "main"));
        const auto half = co_await error_of(expect_checkpoints(covey::checkpoint_if_cancelled()));
        CHECK(contains(half, "no place where others run"));
        const auto both = co_await error_of(expect_checkpoints([]() -> covey::task<> {
            co_await covey::checkpoint_if_cancelled();
            co_await covey::with_nursery([](covey::nursery&) {});
            co_await covey::sleep_for(0s);
        }));
        CHECK(both.empty());
        const auto wrong_kind = co_await covey::attempt(expect_checkpoints([] {}));
        CHECK(support::holds<covey::checkpoint_error>(wrong_kind.error()));
    });
}

TEST_CASE("expect_checkpoints lets values be lost, errors through, and cancellation through (Q5)") {
    support::run_virtual([]() -> covey::task<> {
        const auto error = co_await error_of(
            expect_checkpoints([]() -> void { throw std::runtime_error("without checkpoint"); }));
        CHECK(error == "without checkpoint");
        bool went_on = false;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await expect_checkpoints(covey::sleep_forever());
            went_on = true;
        });
        CHECK_FALSE(result);
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("expect_no_checkpoints wants neither half (TT05, Q5)") {
    support::run_virtual([]() -> covey::task<> {
        const auto none = co_await error_of(expect_no_checkpoints([] {}));
        CHECK(none.empty());
        const auto full = co_await error_of(expect_no_checkpoints(covey::checkpoint()));
        CHECK_FALSE(full.empty());
        const auto half =
            co_await error_of(expect_no_checkpoints(covey::checkpoint_if_cancelled()));
        CHECK_FALSE(half.empty());
    });
}

TEST_CASE("plain calls are no checkpoints (K3, TT05)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            covey::event flag;
            co_await expect_no_checkpoints([&] {
                nursery.start_soon([] {});
                auto handle = nursery.spawn([] { return 1; });
                static_cast<void>(handle.done());
                handle.cancel();
                flag.set();
                static_cast<void>(flag.is_set());
                covey::current_scope().set_shield(true);
                covey::current_scope().set_shield(false);
                covey::current_scope().set_deadline(covey::now() + 1s);
                covey::current_scope().soft_cancel();
                covey::current_scope().cancel();
                static_cast<void>(covey::current_effective_deadline());
            });
        });
    });
}

TEST_CASE("each operation that may block is a checkpoint of both kinds (K1, TT04)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event set;
        set.set();
        co_await expect_checkpoints(set.wait());
        co_await expect_checkpoints(covey::sleep_for(0s));
        co_await expect_checkpoints(covey::sleep_for(1s));
        co_await expect_checkpoints(covey::sleep_until(covey::time_point::min()));
        co_await expect_checkpoints(wait_all_tasks_blocked());
        sequencer seq;
        co_await expect_checkpoints([&]() -> covey::task<> { co_await seq(0); });
        co_await expect_checkpoints(covey::to_thread([] {}));
        covey::current_scope().soft_cancel();
        co_await expect_checkpoints([] { return covey::current_scope().until_soft_cancelled(); });
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            auto child = nursery.spawn([] { return 1; });
            co_await wait_all_tasks_blocked();
            co_await expect_checkpoints([&]() -> covey::task<> { co_await child; });
        });
    });
}

TEST_CASE("six numbered blocks in three tasks run in order (TT06, Q6)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            sequencer seq;
            const auto two_turns = [&](std::size_t first, std::size_t second) -> covey::task<> {
                co_await take_turn(seq, first, order);
                co_await take_turn(seq, second, order);
            };
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(two_turns, 0U, 5U);
                nursery.start_soon(two_turns, 2U, 3U);
                nursery.start_soon(two_turns, 1U, 4U);
            });
        });
        CHECK(order.text() == "0 0' 1 1' 2 2' 3 3' 4 4' 5 5'");
    }
}

TEST_CASE("a sequencer's number is used once: by one that waits, has it, or had it (TT06, Q6)") {
    support::run_virtual([]() -> covey::task<> {
        sequencer seq;
        support::trace order;
        {
            const auto turn = co_await seq(0);
            const std::string taken = co_await error_of(seq(0));
            CHECK(contains(taken, "0"));
            CHECK(contains(taken, "twice"));
        }
        const std::string had = co_await error_of(seq(0));
        CHECK(contains(had, "twice"));
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(take_turn, std::ref(seq), 2U, std::ref(order));
            co_await wait_all_tasks_blocked();
            const std::string waiting = co_await error_of(seq(2));
            CHECK(contains(waiting, "twice"));
            co_await seq(1);
        });
        CHECK(order.text() == "2 2'");
        const auto kind = co_await covey::attempt([&]() -> covey::task<> { co_await seq(1); });
        CHECK(support::holds<std::logic_error>(kind.error()));
    });
}

TEST_CASE("a cancelled turn breaks those who wait and those who come (Q6)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            sequencer seq;
            std::vector<std::string> errors;
            const auto broken = [&](std::size_t number) -> covey::task<> {
                std::string error =
                    co_await error_of([&]() -> covey::task<> { co_await seq(number); });
                errors.push_back(error);
            };
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto second = nursery.spawn([&]() -> covey::task<> { co_await seq(1); });
                nursery.start_soon(broken, 2U);
                nursery.start_soon(broken, 3U);
                co_await wait_all_tasks_blocked();
                CHECK(errors.empty());
                second.cancel();
                co_await wait_all_tasks_blocked();
                CHECK(errors.size() == 2);
                co_await broken(4);
                co_await broken(0);
            });
            REQUIRE(errors.size() == 4);
            for (const std::string& error : errors) CHECK(contains(error, "cancelled"));
        });
    }
}

TEST_CASE("a task cancelled before it asks for its turn breaks those behind it too (Q6)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            sequencer seq;
            std::string error;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    error = co_await error_of([&]() -> covey::task<> { co_await seq(2); });
                });
                co_await seq(0);
                const auto result = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
                    co_await seq(0);  // had its turn: it breaks nothing
                });
                CHECK_FALSE(result);
                co_await wait_all_tasks_blocked();
                CHECK(error.empty());
                const auto second =
                    co_await covey::move_on_after(0s, [&]() -> covey::task<> { co_await seq(1); });
                CHECK_FALSE(second);
            });
            CHECK(contains(error, "cancelled"));
        });
    }
}

TEST_CASE("leaks counts what is alive, and says it") {
    CHECK_FALSE(covey::testing::leaks().any());
    CHECK(covey::testing::to_string(covey::testing::leaks()) == "nothing");
    support::run_virtual([]() -> covey::task<> {
        const covey::testing::leak_report alone = covey::testing::leaks();
        CHECK(alone.tasks == 1);
        CHECK(alone.frames == 1);
        CHECK(alone.waiters == 0);
        CHECK(alone.timers == 0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 3; ++i)
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1s); });
            CHECK(covey::testing::leaks().tasks == 4);
            co_await wait_all_tasks_blocked();
            CHECK(covey::testing::leaks().waiters == 3);
            CHECK(covey::testing::leaks().timers == 3);
            CHECK(contains(covey::testing::to_string(covey::testing::leaks()), "4 tasks"));
            CHECK(contains(covey::testing::to_string(covey::testing::leaks()), "3 timers"));
        });
        CHECK(covey::testing::leaks() == alone);
        const auto of_thread = co_await covey::to_thread([] { return covey::testing::leaks(); });
        CHECK(of_thread.threads == 1);
    });
    CHECK(covey::testing::leaks() == covey::testing::leak_report{});
}

TEST_CASE("set_yield_every_operation gives the setting before") {
    CHECK_FALSE(covey::testing::set_yield_every_operation(true));
    CHECK(covey::testing::set_yield_every_operation(true));
    CHECK(covey::testing::set_yield_every_operation(false));
    CHECK_FALSE(covey::testing::set_yield_every_operation(false));
}
