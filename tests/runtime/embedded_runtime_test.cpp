// SPDX-License-Identifier: BSL-1.0
#include <covey/embedded_runtime.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/own_process.hpp"
#include "support/run_virtual.hpp"
#include "support/threads.hpp"
#include "support/usage.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/inspect.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

covey::task<int> twice(int number) {
    co_await covey::checkpoint();
    co_return 2 * number;
}

covey::task<> wait_for_ever() { co_await covey::sleep_forever(); }

covey::task<> fail_when_cleaned_up() {
    co_await covey::finally([]() -> covey::task<> { co_await covey::sleep_forever(); },
                            [] { throw std::runtime_error("the disk is full"); });
}

}  // namespace

TEST_CASE("run() waits for its main, many times, on a thread of the runtime (R1)") {
    {
        covey::runtime runtime({.workers = 1});
        for (int i = 0; i < 20; ++i) CHECK(runtime.run(twice, i) == 2 * i);
        const auto there = runtime.run(
            []() -> covey::task<std::thread::id> { co_return std::this_thread::get_id(); });
        CHECK(there != std::this_thread::get_id());
        const auto again = runtime.submit([] { return std::this_thread::get_id(); }).get();
        CHECK(again == there);
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("an error of main comes out of run() as it is, and the runtime goes on (RN02)") {
    covey::runtime runtime({.workers = 1});
    CHECK_THROWS_WITH(runtime.run([]() -> covey::task<> {
        co_await covey::checkpoint();
        throw std::runtime_error("boom");
    }),
                      "boom");
    CHECK(runtime.run(twice, 1) == 2);
}

TEST_CASE("a runtime that nobody uses comes and goes") {
    for (int i = 0; i < 20; ++i) {
        const covey::runtime runtime({.workers = 2});
        CHECK(covey::testing::leaks().tasks == 1);
    }
    {
        const covey::runtime of_default_options;
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("bad options are refused, with nothing left behind") {
    CHECK_THROWS_AS(covey::runtime({.workers = 2, .seed = 1}), std::invalid_argument);
    CHECK_THROWS_AS(covey::runtime({.workers = 5000}), std::invalid_argument);
    covey::testing::virtual_clock clock;
    {
        const covey::runtime first({.workers = 1, .clock = &clock});
        CHECK_THROWS_AS(covey::runtime({.workers = 1, .clock = &clock}), std::logic_error);
    }
    const covey::runtime after({.workers = 1, .clock = &clock});
}

TEST_CASE("the destructor cancels what is left and joins it, clean-up included") {
    std::string order;
    {
        covey::runtime runtime({.workers = 1});
        static_cast<void>(runtime.submit([&]() -> covey::task<> {
            co_await covey::finally(wait_for_ever, [&]() -> covey::task<> {
                co_await covey::sleep_for(1ms);
                order += "cleaned up ";
            });
        }));
        runtime.submit([] {}).get();  // the one before has begun
    }
    order += "destroyed";
    CHECK(order == "cleaned up destroyed");
    CHECK(support::left_behind() == "");
}

TEST_CASE("tasks submit too, and one that is being stopped may: it is joined as well") {
    std::atomic<int> ran = 0;
    {
        covey::runtime runtime({.workers = 1});
        const int sum = runtime.run([&]() -> covey::task<int> {
            auto first = runtime.submit(twice, 10);
            auto second = runtime.submit(twice, 11);
            const int left = co_await first;
            const int right = co_await second;
            co_return left + right;
        });
        CHECK(sum == 42);
        static_cast<void>(runtime.submit([&]() -> covey::task<> {
            co_await covey::finally(wait_for_ever,
                                    [&] { static_cast<void>(runtime.submit([&] { ++ran; })); });
        }));
        runtime.submit([] {}).get();
    }
    CHECK(ran == 1);
    CHECK(support::left_behind() == "");
}

TEST_CASE("cancel() stops main and submissions, later ones too, and gives the reason (C50)") {
    {
        covey::runtime runtime({.workers = 1});
        auto waits = runtime.submit(wait_for_ever);
        std::thread canceller;
        try {
            runtime.run([&]() -> covey::task<> {
                canceller = std::thread([&] { runtime.cancel("closing time"); });
                co_await covey::sleep_forever();
            });
            FAIL("it was cancelled");
        } catch (const covey::cancelled_error& error) {
            CHECK(error.cause().reason == "closing time");
            CHECK(error.cause().source == covey::cancel_source::explicit_call);
        }
        canceller.join();
        runtime.cancel("another reason");
        CHECK_THROWS_AS(waits.get(), covey::cancelled_error);
        // N8: up to the first checkpoint.
        bool began = false, went_on = false;
        auto late = runtime.submit([&]() -> covey::task<> {
            began = true;
            co_await covey::checkpoint();
            went_on = true;
        });
        CHECK_THROWS_AS(late.get(), covey::cancelled_error);
        CHECK(began);
        CHECK_FALSE(went_on);
        CHECK(runtime.submit([] { return 1; }).get() == 1);
        CHECK(runtime.run([]() -> covey::task<int> { co_return 2; }) == 2);
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("an error from clean-up after cancel(): both, the cause first") {
    covey::runtime runtime({.workers = 1});
    std::thread canceller;
    try {
        runtime.run([&]() -> covey::task<> {
            canceller = std::thread([&] { runtime.cancel("closing time"); });
            co_await fail_when_cleaned_up();
        });
        FAIL("it was cancelled");
    } catch (const covey::exception_group& group) {
        REQUIRE(group.exceptions().size() == 2);
        CHECK(support::holds<covey::cancelled_error>(group.exceptions()[0]));
        CHECK(support::message_of(group.exceptions()[0]) ==
              "main was cancelled (explicit_call: closing time)");
        CHECK(support::message_of(group.exceptions()[1]) == "the disk is full");
    }
    canceller.join();
}

TEST_CASE("run() on a worker thread would wait for itself (R1)") {
    covey::runtime runtime({.workers = 1});
    const auto block = [&] {
        CHECK_THROWS_AS(runtime.run(wait_for_ever), covey::would_deadlock_error);
        CHECK_THROWS_WITH(runtime.run(wait_for_ever), Contains("co_await runtime.submit"));
        CHECK_THROWS_AS(covey::run(wait_for_ever), std::logic_error);
    };
    runtime.submit(block).get();
    covey::run({.workers = 1}, [&]() -> covey::task<> {
        block();
        co_return;
    });
}

TEST_CASE("a runtime destroyed by its own task ends the program, and says why") {
    const std::string words = support::last_words_of([] {
        auto runtime = std::make_unique<covey::runtime>(covey::run_options{.workers = 1});
        runtime->submit([&] { runtime.reset(); }).get();
    });
    CHECK_THAT(words, Contains("a task destroys the runtime that it belongs to"));
}

TEST_CASE("with a virtual clock a runtime jumps whenever no task can run") {
    covey::testing::virtual_clock clock;
    covey::runtime runtime({.workers = 1, .clock = &clock});
    const auto slept = runtime.run([]() -> covey::task<covey::duration> {
        const covey::time_point start = covey::now();
        co_await covey::sleep_for(1h);
        co_return covey::now() - start;
    });
    CHECK(slept == 1h);
    CHECK(runtime.submit([] { return covey::now().time_since_epoch(); }).get() == 1h);
}

TEST_CASE("with a seed, tasks take their turns in its order (R22)") {
    const auto order_of = [](std::uint64_t seed) {
        covey::testing::virtual_clock clock;
        covey::runtime runtime({.clock = &clock, .seed = seed});
        return runtime.run([&]() -> covey::task<std::string> {
            std::string order;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (char name = 'a'; name != 'k'; ++name)
                    nursery.start_soon([&order, name] { order += name; });
            });
            co_return order;
        });
    };
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed != 6; ++seed) {
        CHECK(order_of(seed) == order_of(seed));
        orders.insert(order_of(seed));
    }
    CHECK(orders.size() > 1);
}

TEST_CASE("the task tree shows the submissions below the runtime") {
    covey::runtime runtime({.workers = 1});
    static_cast<void>(runtime.submit({.name = "heartbeat"}, wait_for_ever));
    const std::string tree = runtime.submit({.name = "viewer"}, covey::dump_task_tree).get();
    CHECK_THAT(tree, Contains("task 'runtime'"));
    CHECK_THAT(tree, Contains("task 'heartbeat' waits for sleep"));
    CHECK_THAT(tree, Contains("task 'viewer' runs"));
}

TEST_CASE("a submission that fails is nobody else's business (N20)") {
    covey::runtime runtime({.workers = 1});
    auto other = runtime.submit([]() -> covey::task<int> {
        for (int i = 0; i < 100; ++i) co_await covey::checkpoint();
        co_return 1;
    });
    CHECK_THROWS(runtime.submit([] { throw 5; }).get());
    CHECK(other.get() == 1);
}

TEST_CASE("a runtime leaves signals alone unless it is told to take them_mt") {
    const auto disposition = [] {
        struct sigaction now{};
        sigaction(SIGINT, nullptr, &now);
        return now.sa_handler;
    };
    struct sigaction standard{}, before{};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGINT, &standard, &before);
    {
        const covey::runtime runtime({.workers = 1});
        CHECK(disposition() == SIG_DFL);
        const covey::runtime of_default_options;
        CHECK(disposition() == SIG_DFL);
        const covey::runtime told({.workers = 1, .interrupts = true});
        CHECK(disposition() != SIG_DFL);
    }
    CHECK(disposition() == SIG_DFL);
    sigaction(SIGINT, &before, nullptr);
}

TEST_CASE("an idle runtime costs no processor time_mt") {
    covey::runtime runtime({.workers = 2});
    static_cast<void>(runtime.submit(wait_for_ever));
    runtime.submit([] {}).get();
    std::this_thread::sleep_for(20ms);
    const auto before = support::cpu_time();
    std::this_thread::sleep_for(500ms);
    CHECK(support::cpu_time() - before < 2ms);
}
