// SPDX-License-Identifier: BSL-1.0
// What the task tree says about supervisors.
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/inspect.hpp>
#include <covey/nursery.hpp>

#include <regex>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::observed;

TEST_CASE("the task tree tells a supervisor's name, strategy, and children") {
    support::run_virtual([]() -> covey::task<> {
        std::string tree;
        int failures = 1;
        covey::supervisor_options options{.strategy = covey::strategy::one_for_one, .name = "shop"};
        options.backoff.first = 5s;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "till"}, support::obedient);
                const auto id = co_await supervisor.start({.name = "guard"}, support::obedient);
                co_await supervisor.start({.name = "clerk"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await supervisor.restart(id);
                co_await covey::sleep_for(2s);
                tree = covey::dump_task_tree();
                supervisor.stop_all();
            });
        CHECK_THAT(tree, Contains("supervisor 'shop', one_for_one, 3 children"));
        CHECK_THAT(tree, Contains("child 'till', running, incarnation 1, 0 restarts"));
        CHECK_THAT(tree, Contains("child 'guard', running, incarnation 2, 1 restart"));
        CHECK_THAT(tree, Contains("child 'clerk': backoff, 0 restarts"));
        CHECK_THAT(tree, Contains("supervisor's manager"));
        INFO(tree);
        CHECK(tree.find("task 'till'") != std::string::npos);
    });
}

TEST_CASE("the task tree tells groups, and supervisors in supervisors") {
    support::run_virtual([]() -> covey::task<> {
        std::string tree;
        int failures = 1;
        covey::supervisor_options options{.strategy = covey::strategy::rest_for_one,
                                          .name = "inner"};
        options.backoff.first = 5s;
        co_await covey::with_supervisor(
            observed({.strategy = covey::strategy::one_for_all, .name = "outer"}),
            [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "nested"}, [&]() -> covey::task<> {
                    co_await covey::with_supervisor(
                        observed(options), [&](covey::supervisor& below) -> covey::task<> {
                            co_await below.start({.name = "a"}, support::fails_at_first, &failures,
                                                 1s, "crash");
                            co_await below.start({.name = "b"}, support::obedient);
                            co_await support::obedient();
                        });
                });
                co_await covey::sleep_for(2s);
                tree = covey::dump_task_tree();
                supervisor.stop_all();
            });
        CHECK_THAT(tree, Contains("supervisor 'outer', one_for_all, 1 child"));
        CHECK_THAT(tree, Contains("supervisor 'inner', rest_for_one, 2 children"));
        CHECK_THAT(tree, Contains("child 'a': down, 0 restarts"));
        CHECK_THAT(tree, Contains("child 'b': down, 0 restarts"));
        CHECK(tree.find("supervisor 'outer'") < tree.find("child 'nested', running"));
        CHECK(tree.find("child 'nested', running") < tree.find("supervisor 'inner'"));
    });
}

TEST_CASE("the task tree shows who waits for a child, and a child that ignores its stop (SC12)") {
    support::run_virtual([]() -> covey::task<> {
        std::string tree;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto a = co_await supervisor.start({.name = "deaf"}, support::endless);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon({.name = "operator"},
                                       [&]() -> covey::task<> { co_await supervisor.stop(a); });
                    co_await covey::sleep_for(2s);
                    tree = covey::dump_task_tree();
                });
            });
        CHECK_THAT(tree, Contains("child 'deaf', stopping, incarnation 1, 0 restarts"));
        CHECK_THAT(tree, Contains("waits for a child of its supervisor"));
        INFO(tree);
        CHECK(
            std::regex_search(tree, std::regex("task 'operator'[^\n]*a child of its supervisor")));
    });
}
