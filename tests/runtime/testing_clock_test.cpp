// SPDX-License-Identifier: BSL-1.0
// The virtual clock.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using covey::testing::autojump;
using covey::testing::virtual_clock;

TEST_CASE("a virtual clock starts at zero and goes forward by jumps (MC01, Q2)") {
    virtual_clock clock;
    CHECK(clock.now() == covey::time_point(0s));
    CHECK_FALSE(clock.is_real());
    clock.jump(1500ms);
    CHECK(clock.now() == covey::time_point(1500ms));
    clock.jump(0s);
    clock.jump(std::chrono::duration<double>(0.5));
    CHECK(clock.now() == covey::time_point(2s));
    CHECK_THROWS_AS(clock.jump(-1ns), std::invalid_argument);
    CHECK_THROWS_AS(
        clock.jump(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
        std::invalid_argument);
    CHECK(clock.now() == covey::time_point(2s));
    clock.jump(covey::never);
    CHECK(clock.now() == covey::time_point::max());
    clock.jump(1h);
    CHECK(clock.now() == covey::time_point::max());
}

TEST_CASE("the virtual clock is the run's clock (MC01, RN14, RN15)") {
    virtual_clock clock(autojump::off);
    clock.jump(7s);
    support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        CHECK(covey::now() == covey::time_point(7s));
        clock.jump(3s);
        CHECK(covey::now() == covey::time_point(10s));
        co_return;
    });
    CHECK(clock.now() == covey::time_point(10s));
}

TEST_CASE("ten sleeps of 450 s in all take less than a second, and 450 s (MC02, Q4)") {
    const auto start = std::chrono::steady_clock::now();
    support::run_virtual([]() -> covey::task<> {
        covey::duration sum = 0s;
        for (int i = 0; i < 10; ++i) {
            const auto before = support::elapsed();
            const auto length = std::chrono::seconds(10 * i);
            co_await covey::sleep_for(length);
            CHECK(support::elapsed() - before == length);
            sum += length;
        }
        CHECK(sum == 450s);
        CHECK(support::elapsed() == 450s);
    });
    CHECK(std::chrono::steady_clock::now() - start < 1s);
}

TEST_CASE("years of sleeping in many tasks end at the right times (Q4)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            co_await covey::with_nursery([](covey::nursery& nursery) {
                for (int i = 0; i < 20; ++i) {
                    nursery.start_soon([i]() -> covey::task<> {
                        for (int n = 1; n <= 10; ++n) {
                            co_await covey::sleep_for(24h * 30 * (1 + i % 4));
                            CHECK(support::elapsed() == 24h * 30 * (1 + i % 4) * n);
                        }
                    });
                }
            });
            CHECK(support::elapsed() == 24h * 30 * 40);
        });
    }
}

TEST_CASE("without autojump, time stands still until somebody jumps (MC05, Q3)") {
    virtual_clock clock(autojump::off);
    support::run_checked({.workers = 1, .clock = &clock, .seed = 1}, [&]() -> covey::task<> {
        std::vector<int> woken;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 1; i <= 3; ++i) {
                nursery.start_soon([&woken, i]() -> covey::task<> {
                    co_await covey::sleep_for(std::chrono::seconds(i));
                    woken.push_back(i);
                });
            }
            co_await covey::testing::wait_all_tasks_blocked();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(support::elapsed() == 0s);
            clock.jump(999ms);
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(woken.empty());
            clock.jump(1ms);
            CHECK(woken.empty());  // due, but it has not run
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(woken == std::vector<int>{1});
            clock.jump(2s);
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(woken == std::vector<int>{1, 2, 3});
            CHECK(support::elapsed() == 3s);
        });
    });
}

TEST_CASE("autojump is switched on and off during a run (Q3, MC05)") {
    virtual_clock clock(autojump::off);
    support::run_checked({.workers = 1, .clock = &clock, .seed = 1}, [&]() -> covey::task<> {
        clock.set_autojump(autojump::on);
        co_await covey::sleep_for(100s);
        CHECK(support::elapsed() == 100s);
        clock.set_autojump(autojump::off);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(100s); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(support::elapsed() == 100s);
            clock.set_autojump(autojump::on);
        });
        CHECK(support::elapsed() == 200s);
    });
}

TEST_CASE("autojump is switched on by a foreign thread while every task sleeps (Q3)") {
    virtual_clock clock(autojump::off);
    std::optional<std::thread> thread;
    support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        thread.emplace([&] { clock.set_autojump(autojump::on); });
        co_await covey::sleep_for(100s);
    });
    thread->join();
    CHECK(clock.now() == covey::time_point(100s));
}

TEST_CASE("a foreign thread jumps, and sleepers wake (Q2)") {
    virtual_clock clock(autojump::off);
    std::optional<std::thread> thread;
    support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        std::atomic<bool> first_woke = false;
        thread.emplace([&] {
            clock.jump(1s);
            while (!first_woke) std::this_thread::yield();
            clock.jump(10s);
        });
        co_await covey::sleep_until(covey::time_point(1s));
        first_woke = true;
        co_await covey::sleep_until(covey::time_point(11s));
        thread->join();
    });
    CHECK(clock.now() == covey::time_point(11s));
}

TEST_CASE("a jump over several deadlines fires them all, in order (C34, Q4)") {
    virtual_clock clock(autojump::off);
    for (const std::uint64_t seed : support::seeds()) {
        support::run_checked({.workers = 1, .clock = &clock, .seed = seed}, [&]() -> covey::task<> {
            int cut = 0;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 1; i <= 5; ++i) {
                    nursery.start_soon([&cut, i]() -> covey::task<> {
                        const auto result = co_await covey::move_on_after(std::chrono::seconds(i),
                                                                          covey::sleep_forever());
                        CHECK_FALSE(result);
                        ++cut;
                    });
                }
                co_await covey::testing::wait_all_tasks_blocked();
                clock.jump(10s);
            });
            CHECK(cut == 5);
        });
    }
}

namespace {

// A thread's conversation with a task: after each answer the run has nothing to do until the thread
// asks again, so its clock would jump if it didn't hold for the thread.
class conversation {
 public:
    // In the thread.
    void hold() {
        for (int i = 1; i <= 100; ++i) {
            asked_.store(i);
            rings_[static_cast<std::size_t>(i - 1)].set();
            while (answered_.load() != i) std::this_thread::yield();
        }
    }
    // In a task.
    covey::task<> answer() {
        for (covey::event& ring : rings_) {
            co_await ring.wait();
            answered_.store(asked_.load());
        }
    }

 private:
    std::array<covey::event, 100> rings_;
    std::atomic<int> asked_ = 0, answered_ = 0;
};

}  // namespace

TEST_CASE("the clock holds still while a thread works that can't be abandoned (Q3)") {
    support::run_virtual([]() -> covey::task<> {
        std::array<conversation, 2> talks;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1h); });
            for (conversation& talk : talks) nursery.start_soon([&] { return talk.answer(); });
            nursery.start_soon([&]() -> covey::task<> {
                const auto before = covey::now();
                for (conversation& talk : talks) {
                    co_await covey::to_thread([&] { talk.hold(); });
                    CHECK(covey::now() == before);
                }
            });
        });
        CHECK(support::elapsed() == 1h);
    });
}

TEST_CASE("two threads hold the clock until both are done, and a jump moves it all the same (Q3)") {
    virtual_clock clock;
    support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        std::atomic<bool> first_is_done = false;
        std::array<conversation, 2> talks;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (conversation& talk : talks) nursery.start_soon([&] { return talk.answer(); });
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::to_thread([&] { talks[0].hold(); });
                CHECK(support::elapsed() == 0s);
                first_is_done = true;
            });
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::to_thread([&] {
                    while (!first_is_done) std::this_thread::yield();
                    talks[1].hold();
                });
                CHECK(support::elapsed() == 0s);
                clock.jump(5s);
            });
            nursery.start_soon([]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                CHECK(support::elapsed() == 5s);
            });
        });
    });
}

TEST_CASE(
    "several workers share a virtual clock: it jumps when all are idle, testing_mt (Q3, Q4)") {
    for (const unsigned workers : {2U, 4U}) {
        virtual_clock clock;
        support::faults faults;
        support::run_checked({.workers = workers, .clock = &clock}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 50; ++i) {
                    nursery.start_soon([&faults, i]() -> covey::task<> {
                        for (int n = 1; n <= 20; ++n) {
                            co_await covey::sleep_for(std::chrono::seconds(1 + i % 3));
                            // Never early, and never late either: nobody else moves the time.
                            const auto due = std::chrono::seconds((1 + i % 3) * n);
                            faults.expect(support::elapsed() == due, "it woke at its time");
                        }
                    });
                }
            });
            faults.expect(support::elapsed() == 60s, "it took as long as the longest");
        });
        CHECK(faults.text() == "");
    }
}
