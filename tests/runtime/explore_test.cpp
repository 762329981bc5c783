// SPDX-License-Identifier: BSL-1.0
#include <covey/explore.hpp>

#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/lowlevel/random.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using covey::nursery;
using covey::task;
using covey::testing::exploration;
using covey::testing::explore;
using covey::testing::explore_options;
using covey::testing::explore_result;
using covey::testing::replay;
using namespace std::chrono_literals;

namespace {

// Takes a while between reading and writing, as if a value were fetched.
task<> add_one(int& total) {
    const int before = total;
    co_await covey::checkpoint();
    total = before + 1;
}

// Right only if nobody comes between the reading and the writing of another one.
task<> lose_an_update() {
    int total = 0;
    co_await covey::with_nursery([&](nursery& both) -> task<> {
        both.start_soon(add_one, std::ref(total));
        both.start_soon(add_one, std::ref(total));
        co_return;
    });
    if (total != 2) throw std::runtime_error("an update was lost");
}

// The same, each after the other.
task<> lose_nothing() {
    int total = 0;
    co_await add_one(total);
    co_await add_one(total);
    if (total != 2) throw std::runtime_error("an update was lost");
}

task<> note(std::string& all, char name, int times) {
    for (int i = 0; i < times; ++i) {
        all += name;
        co_await covey::checkpoint();
    }
}

// "aabb", "abab", ...: what tasks that note their name so often have noted.
template <class Each>
auto interleaving(std::vector<std::pair<char, int>> tasks, Each each) {
    return [tasks, each]() -> task<> {
        std::string all;
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            for (const auto& [name, times] : tasks)
                children.start_soon(note, std::ref(all), name, times);
            co_return;
        });
        each(all);
    };
}

std::vector<exploration> every_way() {
    return {exploration::random, exploration::pct, exploration::exhaustive};
}

}  // namespace

TEST_CASE("explore: a program that is right in every order passes") {
    for (const exploration how : every_way()) {
        const explore_result found = explore({.schedules = 200, .how = how}, lose_nothing);
        CHECK(found);
        CHECK(found.error == nullptr);
        CHECK(found.schedules > 0);
    }
}

TEST_CASE("explore: an order that breaks the program is found, and repeated") {
    for (const exploration how : every_way()) {
        const explore_result found = explore({.schedules = 200, .how = how}, lose_an_update);
        REQUIRE_FALSE(found);
        CHECK(found.what == "std::runtime_error: an update was lost");
        CHECK(found.schedules < 20);
        for (int times = 0; times < 3; ++times)
            CHECK_THROWS_WITH(replay(found.seed, lose_an_update), "an update was lost");
    }
}

TEST_CASE("explore: the report says what was chosen, and how to run it again") {
    const explore_result found = explore({.how = exploration::exhaustive}, lose_an_update);
    REQUIRE_FALSE(found);
    const std::string report = found.report();
    INFO(report);
    CHECK(report.find("an update was lost") != std::string::npos);
    CHECK(report.find("'add_one' #1, of 'add_one' #1, 'add_one' #2") != std::string::npos);
    CHECK(report.find("'main' fails") != std::string::npos);
    CHECK(report.find("covey::testing::replay(" + std::to_string(found.seed) + ", main)") !=
          std::string::npos);
    std::ostringstream printed;
    printed << found;
    CHECK(printed.str() == report);
}

TEST_CASE("explore: exhaustive takes every order once, and knows when it is done") {
    std::map<std::string, int> seen;
    const explore_result found =
        explore({.how = exploration::exhaustive},
                interleaving({{'a', 2}, {'b', 2}}, [&](const std::string& all) { ++seen[all]; }));
    CHECK(found);
    CHECK(found.is_complete);
    std::vector<std::string> orders;
    for (const auto& [order, times] : seen) orders.push_back(order);
    CHECK(orders == std::vector<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"});
    std::size_t total = 0;
    for (const auto& [order, times] : seen) total += static_cast<std::size_t>(times);
    CHECK(total == found.schedules);
}

TEST_CASE("explore: exhaustive stops at the number of schedules, and says that there are more") {
    const explore_result found =
        explore({.schedules = 10, .how = exploration::exhaustive},
                interleaving({{'a', 3}, {'b', 3}}, [](const std::string&) {}));
    CHECK(found);
    CHECK(found.schedules == 10);
    CHECK_FALSE(found.is_complete);
}

TEST_CASE("explore: random takes every order sooner or later") {
    std::set<std::string> seen;
    const explore_result found = explore(
        {.schedules = 300},
        interleaving({{'a', 2}, {'b', 2}}, [&](const std::string& all) { seen.insert(all); }));
    CHECK(found);
    CHECK(seen.size() == 6);
}

TEST_CASE("explore: a seed names the same order in every process and with every compiler") {
    const auto order_of = [](std::uint64_t seed) {
        std::string order;
        replay(seed, interleaving({{'a', 3}, {'b', 3}, {'c', 3}},
                                  [&](const std::string& all) { order = all; }));
        return order;
    };
    CHECK(order_of(1) == "cbaaccbab");
    CHECK(order_of(2) == "bbacabacc");
    CHECK(order_of((std::uint64_t(1) << 60) | (std::uint64_t(3) << 56) | (std::uint64_t(20) << 32) |
                   7) == "aaabcccbb");
    CHECK(order_of((std::uint64_t(2) << 60) | 12345) == "aabaccbcb");
}

TEST_CASE("explore: pct finds what needs a long line to be overtaken") {
    // A hundred steps of one task before the first of another: one random schedule in 2^100.
    const auto main = []() -> task<> {
        bool is_done = false;
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon([&]() -> task<> {
                for (int i = 0; i < 100; ++i) co_await covey::checkpoint();
                is_done = true;
            });
            both.start_soon([&]() -> task<> {
                co_await covey::checkpoint();
                if (is_done) throw std::runtime_error("overtaken");
            });
            co_return;
        });
    };
    CHECK(explore({.schedules = 300}, main));
    const explore_result found = explore({.schedules = 300, .how = exploration::pct}, main);
    REQUIRE_FALSE(found);
    CHECK_THROWS(replay(found.seed, main));
}

TEST_CASE("explore: no task has more than 128 turns in a row while others are ready") {
    std::size_t longest = 0;
    const auto main = [&]() -> task<> {
        bool is_done = false;
        std::size_t turns = 0;
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon([&]() -> task<> {
                while (!is_done) {
                    longest = std::max(longest, ++turns);
                    co_await covey::checkpoint();
                }
            });
            both.start_soon([&]() -> task<> {
                for (int i = 0; i < 5; ++i) {
                    turns = 0;
                    co_await covey::checkpoint();
                }
                is_done = true;
            });
            co_return;
        });
    };
    CHECK(explore({.schedules = 100, .how = exploration::pct}, main));
    CHECK(longest > 100);
    CHECK(longest <= 129);
}

TEST_CASE("explore: tasks that wait for each other are a deadlock, which says who waits") {
    const auto main = []() -> task<> {
        covey::event first;
        covey::event second;
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon([&]() -> task<> {
                co_await second.wait();
                first.set();
            });
            both.start_soon([&]() -> task<> {
                co_await first.wait();
                second.set();
            });
            co_return;
        });
    };
    const explore_result found = explore(main);
    REQUIRE_FALSE(found);
    CHECK(found.schedules == 1);
    INFO(found);
    CHECK(found.what.find("nothing can go on") != std::string::npos);
    CHECK(found.what.find("waits for event at explore_test.cpp") != std::string::npos);
    CHECK_THROWS_AS(replay(found.seed, main), covey::testing::deadlock_error);
}

TEST_CASE("explore: a deadlock behind a shield ends too") {
    const explore_result found = explore([]() -> task<> {
        covey::event never;
        co_await covey::shielded([&]() -> task<> { co_await never.wait(); });
    });
    REQUIRE_FALSE(found);
    CHECK(found.what.find("nothing can go on") != std::string::npos);
}

TEST_CASE("explore: a schedule that doesn't end has failed") {
    const explore_result found = explore({.most_steps = 500}, []() -> task<> {
        for (;;) co_await covey::checkpoint();
    });
    REQUIRE_FALSE(found);
    CHECK(found.what.find("not ended after 500 steps") != std::string::npos);
    CHECK_THROWS_AS(std::rethrow_exception(found.error), covey::testing::livelock_error);
}

TEST_CASE("explore: a failure after many steps is repeated with as many") {
    const auto main = []() -> task<> {
        for (int i = 0; i < 150'000; ++i) co_await covey::checkpoint();
        throw std::runtime_error("late");
    };
    const explore_result found = explore({.most_steps = 200'000}, main);
    REQUIRE_FALSE(found);
    CHECK(found.what == "std::runtime_error: late");
    CHECK(found.report().find("covey::testing::replay(1, main, 200000)") != std::string::npos);
    CHECK_THROWS_WITH(replay(found.seed, main, found.most_steps), "late");
    CHECK_THROWS_AS(replay(found.seed, main), covey::testing::livelock_error);
}

TEST_CASE("explore: what outlives main is a failure") {
    std::vector<covey::detail::task_record*> kept;
    const explore_result found = explore([&]() -> task<> {
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            children.start_soon([&]() -> task<> {
                kept.push_back(&covey::detail::current_task("test"));
                kept.back()->add_reference();
                co_return;
            });
            co_return;
        });
    });
    for (covey::detail::task_record* each : kept) each->drop_reference();
    REQUIRE_FALSE(found);
    INFO(found.what);
    CHECK(found.what.find("something of covey outlives main: 1 task") != std::string::npos);
    CHECK_THROWS_AS(std::rethrow_exception(found.error), covey::testing::leak_error);
}

TEST_CASE("explore: which timer of one instant comes first is a choice (Q4)") {
    std::set<std::string> seen;
    const explore_result found = explore({.how = exploration::exhaustive}, [&]() -> task<> {
        std::string outcome = "in time";
        co_await covey::move_on_after(1s, [&]() -> task<> {
            co_await covey::sleep_for(1s);
            outcome = "slept";
        });
        seen.insert(outcome);
    });
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(seen == std::set<std::string>{"in time", "slept"});
}

TEST_CASE("explore: the time is virtual, and begins at zero in each schedule") {
    CHECK(explore({.schedules = 20}, []() -> task<> {
        if (support::elapsed() != 0s) throw std::logic_error("not at zero");
        co_await covey::sleep_for(1h);
        if (support::elapsed() != 1h) throw std::logic_error("not an hour");
    }));
}

TEST_CASE("explore: which of several calls returns first is a choice") {
    std::set<std::string> seen;
    const explore_result found = explore({.how = exploration::exhaustive}, [&]() -> task<> {
        std::string order;
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            for (const char name : {'a', 'b'}) {
                both.start_soon([&order, name]() -> task<> {
                    co_await covey::to_thread([&order, name] { order += name; });
                    order += static_cast<char>(name - 'a' + 'A');
                });
            }
            co_return;
        });
        seen.insert(order);
    });
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(seen == std::set<std::string>{"aAbB", "abAB", "abBA", "baAB", "baBA", "bBaA"});
}

TEST_CASE("explore: an abandoned call is made all the same") {
    static covey::lowlevel::atomic<int> made{0};
    made.store(0, covey::lowlevel::order::relaxed);
    const explore_result found = explore({.how = exploration::exhaustive}, []() -> task<> {
        co_await covey::move_on_after(0s, []() -> task<> {
            co_await covey::to_thread({.abandon_on_cancel = true},
                                      [] { made.fetch_add(1, covey::lowlevel::order::relaxed); });
        });
    });
    CHECK(found);
    CHECK(found.is_complete);
}

TEST_CASE("explore: random numbers are the schedule's own") {
    std::vector<std::uint64_t> drawn;
    const auto main = [&]() -> task<> {
        drawn.push_back(covey::lowlevel::random_number());
        co_return;
    };
    CHECK(explore({.schedules = 3}, main));
    REQUIRE(drawn.size() == 3);
    CHECK(drawn[0] != drawn[1]);
    CHECK(drawn[1] != drawn[2]);
    replay(2, main);
    CHECK(drawn[3] == drawn[1]);
}

TEST_CASE("explore: a program that differs from run to run is found out") {
    static int runs = 0;
    runs = 0;
    const explore_result differs = explore({.how = exploration::exhaustive}, []() -> task<> {
        const int children = ++runs % 2 + 2;
        co_await covey::with_nursery([&](nursery& all) -> task<> {
            for (int i = 0; i < children; ++i)
                all.start_soon([]() -> task<> { co_await covey::checkpoint(); });
            co_return;
        });
    });
    REQUIRE_FALSE(differs);
    CHECK(differs.what.find("isn't the same each time") != std::string::npos);

    runs = 0;
    const explore_result once = explore([]() -> task<> {
        if (++runs == 3) throw std::runtime_error("the third time");
        co_return;
    });
    REQUIRE_FALSE(once);
    CHECK(once.what.find("the third time") != std::string::npos);
    CHECK(once.what.find("not again under the same schedule") != std::string::npos);
}

TEST_CASE("replay: gives the value of main") {
    CHECK(replay(5, []() -> task<int> { co_return 7; }) == 7);
}

TEST_CASE("explore: options that can't be are refused, and so is a run inside a run") {
    const auto nothing = []() -> task<> { co_return; };
    CHECK_THROWS_AS(explore({.how = exploration::pct, .depth = 0}, nothing), std::invalid_argument);
    CHECK_THROWS_AS(explore({.how = exploration::pct, .depth = 16}, nothing),
                    std::invalid_argument);
    CHECK_THROWS_AS(explore({.seed = std::uint64_t(1) << 32}, nothing), std::invalid_argument);
    CHECK_THROWS_AS(explore({.most_steps = 0}, nothing), std::invalid_argument);
    CHECK_THROWS_AS(replay(std::uint64_t(15) << 60, nothing), std::invalid_argument);
    CHECK_THROWS_AS(covey::run([&]() -> task<> {
                        static_cast<void>(explore(nothing));
                        co_return;
                    }),
                    std::logic_error);
    for (const exploration how : every_way()) {
        const explore_result none = explore({.schedules = 0, .how = how}, nothing);
        CHECK(none);
        CHECK(none.schedules == 0);
    }
}

TEST_CASE("sweep_cancellation: main is cancelled at each of its awaits in turn") {
    std::vector<std::string> seen;
    const explore_result found = covey::testing::sweep_cancellation([&]() -> task<> {
        std::string& got = seen.emplace_back();
        got += 'a';
        co_await covey::checkpoint();
        got += 'b';
        co_await covey::sleep_for(1s);
        got += 'c';
        co_await covey::to_thread([] {});
        got += 'd';
    });
    CHECK(found);
    CHECK(found.is_complete);
    std::vector<std::string> each = seen;
    each.erase(std::unique(each.begin(), each.end()), each.end());
    CHECK(each == std::vector<std::string>{"a", "ab", "abc", "abcd"});
    CHECK(seen.size() == found.schedules);
}

TEST_CASE("sweep_cancellation: who waits in a shield for a task that is cut off is found") {
    const auto main = []() -> task<> {
        covey::event saved;
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            children.start_soon([&]() -> task<> {
                co_await covey::sleep_for(1s);
                saved.set();
            });
            co_await covey::shielded([&]() -> task<> { co_await saved.wait(); });
        });
    };
    CHECK(explore({.schedules = 100}, main));
    const explore_result found = covey::testing::sweep_cancellation(main);
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("nothing can go on") != std::string::npos);
    CHECK(found.choices.find("main is cancelled") != std::string::npos);
    CHECK_THROWS_AS(replay(found.seed, main), covey::testing::deadlock_error);
}

TEST_CASE("sweep_cancellation: an error that main throws because of it is a failure") {
    const auto main = []() -> task<> {
        bool is_saved = false;
        co_await covey::with_nursery([&](nursery& children) -> task<> {
            children.start_soon([&]() -> task<> {
                co_await covey::sleep_for(1s);
                is_saved = true;
            });
            co_await covey::shielded([&]() -> task<> {
                co_await covey::sleep_for(2s);
                if (!is_saved) throw std::runtime_error("not saved");
            });
        });
    };
    CHECK(explore({.schedules = 100}, main));
    const explore_result found = covey::testing::sweep_cancellation(main);
    REQUIRE_FALSE(found);
    CHECK(found.what.find("not saved") != std::string::npos);
}

TEST_CASE("sweep_cancellation: a cancelled_error of main's own is a failure") {
    const explore_result found = covey::testing::sweep_cancellation([]() -> task<> {
        co_await covey::checkpoint();
        throw covey::cancelled_error("given up", {});
    });
    REQUIRE_FALSE(found);
    CHECK(found.what.find("given up") != std::string::npos);
}
