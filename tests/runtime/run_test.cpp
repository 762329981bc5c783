// SPDX-License-Identifier: BSL-1.0
#include <covey/run.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/exception_group.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

covey::task<int> add(int left, int right) { co_return left + right; }

covey::task<> nothing() { co_return; }

// Counts how often it is copied; a moved one keeps its count.
struct counts_copies {
    int* copies;
    explicit counts_copies(int* counter) noexcept : copies(counter) {}
    counts_copies(const counts_copies& other) noexcept : copies(other.copies) { ++*copies; }
    counts_copies(counts_copies&& other) noexcept : copies(other.copies) {}
    counts_copies& operator=(const counts_copies&) = delete;
    counts_copies& operator=(counts_copies&&) = delete;
    ~counts_copies() = default;
};

}  // namespace

TEST_CASE("run passes arguments to main and returns its value (RN01)") {
    covey::testing::virtual_clock clock;
    CHECK(covey::run({.workers = 1, .clock = &clock}, add, 20, 22) == 42);
    CHECK(covey::run(add, 1, 2) == 3);
    CHECK(support::left_behind() == "");
}

TEST_CASE("main may return nothing, and a value that only moves (RN01)") {
    support::run_virtual(nothing);
    auto made = support::run_virtual(
        []() -> covey::task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); });
    REQUIRE(made != nullptr);
    CHECK(*made == 7);
}

TEST_CASE("arguments are decay-copied once and live as long as main (RN01)") {
    int copies = 0;
    const counts_copies original(&copies);
    covey::run({.workers = 1}, [](counts_copies) -> covey::task<> { co_return; }, original);
    CHECK(copies == 1);

    std::string text = "a text that is too long for the small buffer of a string";
    const std::string kept = covey::run(
        {.workers = 1},
        [](const std::string& given) -> covey::task<std::string> {
            co_await covey::checkpoint();
            co_return given;
        },
        std::move(text));
    CHECK(kept == "a text that is too long for the small buffer of a string");
}

TEST_CASE("a capturing lambda may be main: it lives until main has ended (RN01)") {
    auto shared = std::make_shared<int>(5);
    const std::weak_ptr<int> watch = shared;
    const int seen = covey::run({.workers = 1}, [shared = std::move(shared)]() -> covey::task<int> {
        co_await covey::checkpoint();
        co_return *shared;
    });
    CHECK(seen == 5);
    CHECK(watch.expired());
}

TEST_CASE("an error of main comes out of run as it is, in no group (RN02)") {
    const auto error = std::make_exception_ptr(std::runtime_error("the disk is full"));
    std::exception_ptr seen;
    try {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::checkpoint();
            std::rethrow_exception(error);
        });
    } catch (...) {
        seen = std::current_exception();
    }
    CHECK(seen == error);
}

TEST_CASE("what a main throws need not be a std::exception (RN02)") {
    const auto fails = []() -> covey::task<int> {
        co_await covey::checkpoint();
        throw 17;
    };
    CHECK_THROWS_AS(support::run_virtual(fails), int);
}

TEST_CASE("run inside a run on the same thread throws and leaves the outer one intact (R1, RN03)") {
    const int outer = support::run_virtual([]() -> covey::task<int> {
        CHECK_THROWS_AS(covey::run(nothing), std::logic_error);
        CHECK_THROWS_WITH(covey::run(nothing), Contains("run inside a run"));
        co_await covey::sleep_for(1s);
        co_return static_cast<int>(support::elapsed() / 1s);
    });
    CHECK(outer == 1);
}

TEST_CASE("runs follow one another on one thread (R1)") {
    for (int round = 0; round < 50; ++round) {
        CHECK(support::run_virtual([round]() -> covey::task<int> { co_return round; }) == round);
        CHECK_THROWS_AS(support::run_virtual([]() -> covey::task<> {
                            co_await covey::checkpoint();
                            throw std::runtime_error("again");
                        }),
                        std::runtime_error);
    }
}

TEST_CASE("runs on different threads are independent, each with its own time (R1)") {
    covey::duration inside{};
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::sleep_for(3s);
        // The thread is no worker of this run; joining it blocks for the length of its own run.
        std::thread other([&] {
            covey::testing::virtual_clock clock;
            covey::run({.workers = 1, .clock = &clock, .seed = 9}, [&]() -> covey::task<> {
                co_await covey::sleep_for(1h);
                inside = support::elapsed();
            });
        });
        other.join();
        CHECK(support::elapsed() == 3s);
    });
    CHECK(inside == 1h);
}

TEST_CASE("a seed with several workers is refused before anything runs") {
    bool ran = false;
    const auto main = [&]() -> covey::task<> {
        ran = true;
        co_return;
    };
    CHECK_THROWS_AS(covey::run({.workers = 2, .seed = 1}, main), std::invalid_argument);
    CHECK_THROWS_WITH(covey::run({.workers = 8, .seed = 1}, main), Contains("not of 8"));
    CHECK_FALSE(ran);
    covey::run({.workers = 1, .seed = 1}, main);
    CHECK(ran);
    CHECK(support::left_behind() == "");
}

TEST_CASE("a seed alone means one worker") {
    std::thread::id main_thread;
    std::thread::id child_thread;
    covey::run({.seed = 1}, [&]() -> covey::task<> {
        main_thread = std::this_thread::get_id();
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&] { child_thread = std::this_thread::get_id(); });
        });
    });
    CHECK(main_thread == std::this_thread::get_id());
    CHECK(child_thread == main_thread);
}

TEST_CASE("an absurd number of workers is refused before anything runs") {
    bool ran = false;
    const auto main = [&]() -> covey::task<> {
        ran = true;
        co_return;
    };
    CHECK_THROWS_AS(covey::run({.workers = 1025}, main), std::invalid_argument);
    CHECK_THROWS_AS(covey::run({.workers = ~0U}, main), std::invalid_argument);
    CHECK_THROWS_WITH(covey::run({.workers = 4'000'000'000U}, main),
                      Contains("4000000000 workers"));
    CHECK_FALSE(ran);
    CHECK(support::left_behind() == "");
}

TEST_CASE("no number of workers at all means one for each core_mt") {
    CHECK(covey::run(covey::run_options{}, add, 3, 4) == 7);
    CHECK(covey::run({.workers = 16}, add, 3, 4) == 7);
    CHECK(support::left_behind() == "");
}

TEST_CASE("main starts on the calling thread whatever the number of workers_mt") {
    for (int round = 0; round < 20; ++round) {
        std::thread::id started_on;
        covey::run({.workers = 4}, [&]() -> covey::task<> {
            started_on = std::this_thread::get_id();
            co_return;
        });
        CHECK(started_on == std::this_thread::get_id());
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("one clock serves one run at a time, and the next one afterwards (RN14, RN15)") {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        co_await covey::sleep_for(5s);
        std::thread other([&] {
            CHECK_THROWS_AS(covey::run({.workers = 1, .clock = &clock}, nothing), std::logic_error);
            CHECK_THROWS_WITH(covey::run({.workers = 1, .clock = &clock}, nothing),
                              Contains("clock drives another run"));
        });
        other.join();
        co_await covey::sleep_for(5s);
        CHECK(support::elapsed() == 10s);
    });
    const auto started =
        covey::run({.workers = 1, .clock = &clock},
                   []() -> covey::task<covey::time_point> { co_return covey::now(); });
    CHECK(started.time_since_epoch() == 10s);  // the clock is the caller's, and goes on
    CHECK(support::left_behind() == "");
}

TEST_CASE("the clock of the run advances by what was slept, and jumps (RN13, RN14)") {
    covey::testing::virtual_clock clock;
    support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
        CHECK(support::elapsed() == 0s);
        co_await covey::sleep_for(1500ms);
        CHECK(support::elapsed() == 1500ms);
        clock.jump(2s);
        CHECK(support::elapsed() == 3500ms);
    });
}

TEST_CASE("the real clock is steady and starts anywhere (R12, RN13)") {
    covey::run({.workers = 1}, []() -> covey::task<> {
        const covey::time_point first = covey::now();
        co_await covey::checkpoint();
        const covey::time_point second = covey::now();
        CHECK(first <= second);
        CHECK(first.time_since_epoch() > 0s);
    });
    CHECK(support::left_behind() == "");
}

TEST_CASE("what only works in a task says so elsewhere (RN18)") {
    CHECK_THROWS_AS(covey::now(), std::logic_error);
    CHECK_THROWS_AS(covey::current_scope(), std::logic_error);
    CHECK_THROWS_AS(covey::current_effective_deadline(), std::logic_error);
    CHECK_THROWS_AS(covey::dump_task_tree(), std::logic_error);
    CHECK_THROWS_WITH(covey::current_scope(), Contains("'current_scope' outside a task"));

    support::run_virtual([]() -> covey::task<> {
        std::thread foreign([] {
            CHECK_THROWS_AS(covey::now(), std::logic_error);
            CHECK_THROWS_AS(covey::current_scope(), std::logic_error);
        });
        foreign.join();
        co_return;
    });
    CHECK_THROWS_AS(covey::now(), std::logic_error);
}

TEST_CASE("cancelling the scope around main ends the run with cancelled_error (C8)") {
    bool cleaned = false;
    struct on_exit {
        bool& flag;
        ~on_exit() { flag = true; }
    };
    const auto main = [&]() -> covey::task<int> {
        const on_exit mark{cleaned};
        covey::current_scope().cancel("enough");
        co_await covey::checkpoint();
        FAIL("a cancelled main goes on after a checkpoint");
        co_return 1;
    };
    const auto error =
        support::thrown_by<covey::cancelled_error>([&] { support::run_virtual(main); });
    CHECK(cleaned);
    CHECK(error.cause().source == covey::cancel_source::explicit_call);
    CHECK(error.cause().reason == "enough");
    CHECK(error.cause().task_name == "main");
    CHECK(std::string(error.what()) == "main was cancelled (explicit_call: enough)");
}

TEST_CASE("a main that ends without a checkpoint after its cancellation keeps its value (C10)") {
    const int value = support::run_virtual([]() -> covey::task<int> {
        covey::current_scope().cancel();
        co_return 12;
    });
    CHECK(value == 12);
}

TEST_CASE("run returns when no task is left, not when main would like to (N4)") {
    support::trace trace;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1h);
                trace.step(2);
            });
            trace.step(1);
            co_return;
        });
        trace.step(3);
        CHECK(support::elapsed() == 1h);
    });
    trace.done(4);
}
