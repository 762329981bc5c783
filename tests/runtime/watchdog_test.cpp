// SPDX-License-Identifier: BSL-1.0
// Real time: a watchdog looks at runs from outside. What is expected is waited for, and what isn't
// is given no time to come.
#include <covey/watchdog.hpp>

#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/embedded_runtime.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using covey::nursery;
using covey::task;
using covey::watchdog;
using covey::watchdog_report;
using namespace std::chrono_literals;

namespace {

// What the watchdog of the present test has told.
class reports {
 public:
    static void add(const watchdog_report& seen) {
        const std::lock_guard held(lock);
        all.push_back(seen);
        came.notify_all();
    }
    // For one of that task, or of any.
    static void wait_for_one(const std::string& task = {}) {
        wait([&](const auto& each) { return task.empty() || each.task == task; });
    }
    static void wait_for_text(const std::string& part) {
        wait([&](const auto& each) { return each.text.find(part) != std::string::npos; });
    }
    static std::vector<watchdog_report> take() {
        const std::lock_guard held(lock);
        return std::exchange(all, {});
    }

 private:
    template <class F>
    static void wait(F wanted) {
        std::unique_lock held(lock);
        came.wait(held, [&] { return std::any_of(all.begin(), all.end(), wanted); });
    }

    static inline std::mutex lock;
    static inline std::condition_variable came;
    static inline std::vector<watchdog_report> all;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Runs of their own, from any thread: one that keeps its worker, and one that stalls, until the
// watchdog has told of them. By then it has looked at all runs before them.
void keep_a_worker(const std::string& name) {
    covey::run({.workers = 1}, [&]() -> task<> {
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            home.start_soon({.name = name}, [&]() -> task<> {
                reports::wait_for_one(name);
                co_return;
            });
            co_return;
        });
    });
}
void stall(const std::string& name) {
    covey::event open;
    std::thread outside([&] {
        reports::wait_for_text("'" + name + "' waits for event");
        open.set();
    });
    covey::run({.workers = 1}, [&]() -> task<> {
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            home.start_soon({.name = name}, [&]() -> task<> { co_await open.wait(); });
            co_return;
        });
    });
    outside.join();
}

}  // namespace

TEST_CASE("watchdog: a task that keeps its worker is told of, with its name and place, once") {
    const watchdog watching({.longest_turn = 5ms, .report = reports::add});
    covey::run({.workers = 1}, []() -> task<> {
        co_await covey::with_nursery([](nursery& home) -> task<> {
            home.start_soon({.name = "hog"}, []() -> task<> {
                co_await covey::sleep_for(1ms);
                reports::wait_for_one("hog");
                std::thread(keep_a_worker, "another hog").join();
            });
            co_return;
        });
    });
    // A loaded machine may make other turns long.
    std::vector<watchdog_report> seen = reports::take();
    std::erase_if(seen, [](const auto& each) { return each.task != "hog" || each.place.empty(); });
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].what == watchdog_report::kind::long_turn);
    CHECK(contains(seen[0].place, "watchdog_test.cpp:"));
    CHECK(seen[0].lasts >= 5ms);
    CHECK(contains(seen[0].text, "task 'hog' has kept a worker for "));
    CHECK(contains(seen[0].text, "covey::to_thread()"));
}

TEST_CASE("watchdog: of a task that has never waited it says so") {
    const watchdog watching({.longest_turn = 5ms, .report = reports::add});
    covey::run({.workers = 1}, []() -> task<> {
        reports::wait_for_one("main");
        co_return;
    });
    const std::vector<watchdog_report> seen = reports::take();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].task == "main");
    CHECK(seen[0].place.empty());
    CHECK(contains(seen[0].text, "since it began"));
}

TEST_CASE("watchdog: who waits for a time or for a thread of covey hasn't stalled") {
    const watchdog watching(
        {.longest_turn = covey::never, .longest_stall = 20ms, .report = reports::add});
    covey::run({.workers = 1}, []() -> task<> {
        co_await covey::to_thread([] { stall("first witness"); });
        covey::event seen;
        std::thread outside([&] {
            stall("second witness");
            seen.set();
        });
        co_await covey::fail_after(24h, [&]() -> task<> { co_await seen.wait(); });
        outside.join();
    });
    const std::vector<watchdog_report> seen = reports::take();
    REQUIRE(seen.size() == 2);
    CHECK(contains(seen[0].text, "'first witness' waits"));
    CHECK(contains(seen[1].text, "'second witness' waits"));
}

TEST_CASE("watchdog: a run in which nobody can go on is told of, with what each task waits for") {
    covey::event open;
    const watchdog watching(
        {.longest_turn = covey::never, .longest_stall = 20ms, .report = reports::add});
    std::thread outside([&] {
        reports::wait_for_one();
        open.set();
    });
    covey::run({.workers = 1}, [&]() -> task<> {
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            home.start_soon({.name = "left"}, [&]() -> task<> { co_await open.wait(); });
            home.start_soon({.name = "right"}, [&]() -> task<> { co_await open.wait(); });
            co_return;
        });
    });
    outside.join();
    const std::vector<watchdog_report> seen = reports::take();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].what == watchdog_report::kind::stall);
    CHECK(seen[0].lasts >= 20ms);
    CHECK(contains(seen[0].text, "nothing has run for "));
    CHECK(contains(seen[0].text, "task 'left' waits for event at watchdog_test.cpp:"));
    CHECK(contains(seen[0].text, "task 'right' waits for event at watchdog_test.cpp:"));
}

TEST_CASE("watchdog: a stall of virtual time is one when no deadline is left") {
    covey::event open;
    covey::testing::virtual_clock clock;
    const watchdog watching(
        {.longest_turn = covey::never, .longest_stall = 20ms, .report = reports::add});
    std::thread outside([&] {
        reports::wait_for_one();
        open.set();
    });
    covey::run({.clock = &clock, .seed = 1}, [&]() -> task<> {
        co_await covey::sleep_for(24h);
        co_await open.wait();
    });
    outside.join();
    CHECK(reports::take().size() == 1);
}

TEST_CASE("watchdog: it watches embedded runtimes") {
    const watchdog watching({.longest_turn = 5ms, .report = reports::add});
    covey::runtime runtime({.workers = 2});
    runtime
        .submit([]() -> task<> {
            reports::wait_for_one();
            co_return;
        })
        .get();
    CHECK(!reports::take().empty());
}

TEST_CASE("watchdog: there is one at a time, and its lengths are positive") {
    {
        const watchdog first;
        CHECK_THROWS_AS(watchdog(), std::logic_error);
    }
    const watchdog next;  // the first one has gone
    CHECK_THROWS_AS(watchdog({.longest_turn = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(watchdog({.longest_stall = -1s}), std::invalid_argument);
}

TEST_CASE("watchdog: it may go before the runs that it watches, and they before it") {
    for (int i = 0; i != 20; ++i) {
        auto watching = std::make_unique<watchdog>(covey::watchdog_options{
            .longest_turn = 1ms, .longest_stall = 1ms, .report = reports::add});
        covey::run({.workers = 1}, [&]() -> task<> {
            co_await covey::sleep_for(2ms);
            if (i % 2 == 0) watching.reset();
            co_await covey::sleep_for(2ms);
        });
        watching.reset();
    }
    static_cast<void>(reports::take());
}
