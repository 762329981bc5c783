// SPDX-License-Identifier: BSL-1.0
// Sweeps over faults: memory that isn't there, and calls of the program's code that throw.
#include "support/catch.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/explore.hpp>
#include <covey/from_callback.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

using covey::nursery;
using covey::task;
using covey::testing::explore_result;
using covey::testing::replay;
using covey::testing::sweep_callbacks;
using namespace std::chrono_literals;

namespace {

task<int> twice(int value) {
    co_await covey::checkpoint();
    co_return 2 * value;
}

// A bit of everything that the runtime calls, or makes.
task<> all_sorts() {
    covey::event ready;
    int total = 0;
    co_await covey::with_nursery([&](nursery& children) -> task<> {
        children.start_soon([&]() -> task<> {
            co_await covey::sleep_for(1s);
            ready.set();
        });
        children.start_soon({.name = "waits"}, [&]() -> task<> { co_await ready.wait(); });
        const auto handle = children.spawn(twice, 2);
        children.start_service([]() -> task<> { co_await covey::sleep_forever(); });
        total += co_await handle;
        total += co_await covey::to_thread([] { return 1; });
        total += co_await covey::from_callback<int>(
            [](covey::completion<int> done) { done.set_value(3); });
        co_await covey::move_on_after(1s, []() -> task<> { co_await covey::sleep_for(2s); });
        co_await covey::shielded([&]() -> task<> { total += co_await twice(1); });
        const auto tried = co_await covey::attempt([&]() -> task<int> { return twice(5); });
        total += tried.value();
    });
    if (total != 20) throw std::logic_error("a wrong sum: " + std::to_string(total));
}

}  // namespace

TEST_CASE("sweep_callbacks: each call of the program's code throws in turn") {
    std::vector<int> reached;
    const explore_result found = sweep_callbacks([&]() -> task<> {
        int& passed = reached.emplace_back();
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            ++passed;
            children.start_soon([&]() -> task<> {
                ++passed;
                co_await covey::to_thread([&] { ++passed; });
            });
            co_return;
        });
    });
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    // Main itself, the nursery's body, its child, the thread's function; and then nothing fails.
    CHECK(found.schedules == 5);
    CHECK(reached == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("sweep_callbacks: a program that uses all of the runtime ends well with each error") {
    const explore_result found = sweep_callbacks(all_sorts);
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(found.schedules > 10);
}

TEST_CASE("sweep_callbacks: what an error leaves undone is found, and found again") {
    const auto main = []() -> task<> {
        covey::event ready;
        std::exception_ptr lost;
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            children.start_soon([&]() -> task<> {
                try {
                    co_await covey::shielded([&] { ready.set(); });
                } catch (const std::exception&) {
                    lost = std::current_exception();
                }
            });
            co_await ready.wait();
        });
    };
    CHECK(covey::testing::explore({.schedules = 100}, main));
    const explore_result found = sweep_callbacks(main);
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("nothing can go on") != std::string::npos);
    CHECK(found.choices.find("a call of the program's code throws instead, in '") !=
          std::string::npos);
    CHECK_THROWS_AS(replay(found.seed, main), covey::testing::deadlock_error);
}

TEST_CASE("sweep_callbacks: an error that main makes of it is a failure") {
    const auto main = []() -> task<> {
        bool done = false;
        try {
            co_await covey::shielded([&] { done = true; });
        } catch (const covey::testing::injected_error&) {
        }
        if (!done) throw std::logic_error("not done");
        co_return;
    };
    const explore_result found = sweep_callbacks(main);
    REQUIRE_FALSE(found);
    CHECK(found.what.find("not done") != std::string::npos);
    CHECK(found.schedules == 2);
}

TEST_CASE("replay: what a mended main throws because of a sweep's fault is thrown") {
    const auto swallows = []() -> task<int> {
        int done = 0;
        try {
            co_await covey::shielded([&] { done = 1; });
        } catch (const covey::testing::injected_error&) {
        }
        if (done == 0) throw std::logic_error("not done");
        co_return done;
    };
    const auto lets_through = []() -> task<int> {
        int done = 0;
        co_await covey::shielded([&] { done = 1; });
        co_return done;
    };
    const explore_result found = sweep_callbacks(swallows);
    REQUIRE_FALSE(found);
    CHECK_THROWS_AS(replay(found.seed, swallows), std::logic_error);
    CHECK(sweep_callbacks(lets_through));
    CHECK_THROWS_AS(replay(found.seed, lets_through), covey::testing::injected_error);
}

#if COVEY_UNDER_TSAN

TEST_CASE("sweep_allocations: without a way to see allocations it says what to do") {
    CHECK_THROWS_AS(covey::testing::sweep_allocations(all_sorts), std::logic_error);
}

#else

using covey::testing::sweep_allocations;

namespace {

// Not inlined: what is allocated and freed in one function may be left out by the compiler.
[[gnu::noinline]] std::unique_ptr<int> boxed(int value) { return std::make_unique<int>(value); }

}  // namespace

TEST_CASE("sweep_allocations: each allocation of main fails in turn, and only those") {
    int complete = 0;
    const explore_result found = sweep_allocations([&]() -> task<> {
        const auto first = boxed(1);
        const auto second = boxed(2);
        if (*first + *second == 3) ++complete;
        co_return;
    });
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(complete == 1);
    CHECK(found.schedules >= 4);  // the two, main's frame, and then nothing fails
}

TEST_CASE("sweep_allocations: a program that uses all of the runtime ends well without memory") {
    const explore_result found = sweep_allocations(all_sorts);
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(found.schedules > 20);
}

TEST_CASE("sweep_allocations: what a lack of memory leaves undone is found, and found again") {
    const auto main = []() -> task<> {
        std::vector<int> from{1, 2, 3};
        std::vector<int> to;
        try {
            while (!from.empty()) {
                const int moved = from.back();
                from.pop_back();  // too early
                to.push_back(moved);
            }
        } catch (const std::bad_alloc&) {
        }
        if (from.size() + to.size() != 3) throw std::logic_error("a number is lost");
        co_return;
    };
    const explore_result found = sweep_allocations(main);
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("a number is lost") != std::string::npos);
    CHECK(found.choices.find("no memory for 4 bytes, in '") != std::string::npos);
    CHECK_THROWS_AS(replay(found.seed, main), std::logic_error);
}

TEST_CASE("sweep_allocations: calls on threads are part of the program") {
    bool failed_there = false;
    const explore_result found = sweep_allocations([&]() -> task<> {
        const auto outcome = co_await covey::attempt(
            []() -> task<> { co_await covey::to_thread([] { static_cast<void>(boxed(1)); }); });
        if (!outcome.has_value()) failed_there = true;
    });
    INFO(found);
    CHECK(found);
    CHECK(failed_there);
}

#endif
