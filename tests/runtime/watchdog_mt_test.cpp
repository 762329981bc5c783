// SPDX-License-Identifier: BSL-1.0
// Reports while workers, and threads outside, go on: for ThreadSanitizer, too.
#include "support/catch.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>
#include <covey/watchdog.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

using covey::nursery;
using covey::task;
using namespace std::chrono_literals;

namespace {

std::atomic<int> long_turns = 0;
std::atomic<int> stalls = 0;

void count(const covey::watchdog_report& seen) {
    (seen.what == covey::watchdog_report::kind::stall ? stalls : long_turns) += 1;
}

void spin_for(std::chrono::microseconds length) {
    const auto until = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < until) continue;
}

}  // namespace

TEST_CASE("watchdog: it draws trees that change under its eyes") {
    long_turns = 0;
    const covey::watchdog watching({.longest_turn = 1ms, .report = count});
    covey::run({.workers = 3}, []() -> task<> {
        while (long_turns < 20) {
            co_await covey::with_nursery([](nursery& home) -> task<> {
                for (int i = 0; i != 20; ++i) {
                    home.start_soon([]() -> task<> {
                        co_await covey::checkpoint();
                        spin_for(100us);
                        co_await covey::move_on_after(10us, [] { return covey::sleep_forever(); });
                    });
                }
                home.start_soon([]() -> task<> {
                    co_await covey::checkpoint();
                    spin_for(3ms);
                });
                co_return;
            });
        }
    });
    CHECK(long_turns >= 20);
}

TEST_CASE("watchdog: a run that is held still goes on when somebody from outside wakes it") {
    stalls = 0;
    const covey::watchdog watching(
        {.longest_turn = covey::never, .longest_stall = 1ms, .report = count});
    for (int round = 0; stalls < 10 || round < 50; ++round) {
        auto opened = std::make_unique<covey::event>();
        std::thread outside([&] {
            spin_for(std::chrono::microseconds(100 * (round % 40)));  // around the report
            opened->set();
        });
        covey::run({.workers = 2}, [&]() -> task<> {
            co_await covey::with_nursery([&](nursery& home) -> task<> {
                for (int i = 0; i != 10; ++i)
                    home.start_soon([&]() -> task<> { co_await opened->wait(); });
                co_return;
            });
        });
        outside.join();
    }
    CHECK(stalls >= 10);
}
