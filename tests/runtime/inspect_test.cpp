// SPDX-License-Identifier: BSL-1.0
#include <covey/inspect.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

covey::task<> sleeper() { co_await covey::sleep_forever(); }

covey::task<> waiter(covey::event& gate) { co_await gate.wait(); }

covey::task<> nap_for(covey::duration length) { co_await covey::sleep_for(length); }

// Places in files move with every edit; what is said around them doesn't.
std::string tree() {
    static const std::regex place("[a-z_]+\\.[ch]pp:[0-9]+");
    return std::regex_replace(covey::dump_task_tree(), place, "HERE");
}

// The line of the tree that is about the task.
std::string line_of(std::string_view task) {
    const std::string text = tree();
    const std::size_t at = text.find("task '" + std::string(task) + "'");
    if (at == std::string::npos) return "no task '" + std::string(task) + "' in\n" + text;
    return text.substr(at, text.find('\n', at) - at);
}

// The name by which a child is known: it is cancelled, and the cause names its failure.
template <class... A>
covey::task<std::string> name_of_child(A... arguments) {
    covey::cancel_cause cause;
    const auto run = [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            struct at_end {
                covey::nursery& nursery;
                covey::cancel_cause& cause;
                ~at_end() { cause = nursery.scope().cause(); }
            } const mark{nursery, cause};
            nursery.start_soon(std::move(arguments)...);
            co_await covey::sleep_forever();
        });
    };
    try {
        co_await run();
    } catch (const covey::exception_group&) {
        co_return cause.task_name;
    }
    co_return "nobody failed";
}

covey::task<> fails() {
    co_await covey::checkpoint();
    throw std::runtime_error("on purpose");
}
template <class T>
covey::task<> fails_for(T) {
    co_await covey::checkpoint();
    throw std::runtime_error("on purpose");
}
void fails_plainly() { throw std::runtime_error("on purpose"); }

auto lambda_of_a_function() {
    return []() -> covey::task<> {
        co_await covey::checkpoint();
        throw std::runtime_error("on purpose");
    };
}

struct machine {
    covey::task<> fails_inside() {
        co_await covey::checkpoint();
        throw std::runtime_error("on purpose");
    }
};

struct fails_when_called {
    covey::task<> operator()() const {
        co_await covey::checkpoint();
        throw std::runtime_error("on purpose");
    }
};

}  // namespace

TEST_CASE("the tree of a run that has just begun is main and its scope (N61, RN17)") {
    support::run_virtual([]() -> covey::task<> {
        CHECK(tree() ==
              "task 'main' runs\n"
              "╰─ scope\n");
        co_return;
    });
}

TEST_CASE("the tree shows tasks, waits and since when, scopes, deadlines, shields (N60, RN75)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event gate;
        std::string drawn;
        co_await covey::move_on_after(1h, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(sleeper);
                nursery.start_soon({.name = "named"}, waiter, std::ref(gate));
                static_cast<void>(nursery.spawn({.name = "spawned"}, sleeper));
                nursery.start_service({.name = "served"}, sleeper);
                nursery.start_soon({.name = "nested"}, []() -> covey::task<> {
                    co_await nap_for(1s);
                    co_await covey::shielded([]() -> covey::task<> {
                        co_await covey::with_nursery([](covey::nursery& inner) {
                            inner.start_soon({.name = "grandchild"}, nap_for, 200s);
                        });
                    });
                });
                co_await covey::sleep_for(90s);
                nursery.start_soon({.name = "fresh"}, sleeper);
                drawn = tree();
                CHECK(drawn ==
                      "task 'main' runs\n"
                      "╰─ scope\n"
                      "   ╰─ scope, deadline in 3510 s\n"
                      "      ╰─ nursery\n"
                      "         ├─ task 'sleeper' waits for sleep at HERE, 90 s\n"
                      "         ├─ task 'named' waits for event at HERE, 90 s\n"
                      "         ├─ task 'spawned' waits for sleep at HERE, 90 s\n"
                      "         ├─ task 'nested' waits for children at HERE, 89 s\n"
                      "         │  ╰─ scope, shielded\n"
                      "         │     ╰─ nursery\n"
                      "         │        ╰─ task 'grandchild' waits for sleep at HERE, 89 s\n"
                      "         ├─ task 'fresh' is ready\n"
                      "         ╰─ task 'served' waits for sleep at HERE, 90 s, service\n"
                      "            ╰─ scope, shielded\n");
                nursery.cancel("enough");
                drawn = tree();
                CHECK(drawn ==
                      "task 'main' runs, cancelled\n"
                      "╰─ scope\n"
                      "   ╰─ scope, deadline in 3510 s\n"
                      "      ╰─ nursery, cancelled (explicit_call)\n"
                      "         ├─ task 'sleeper' waits for sleep at HERE, 90 s, cancelled\n"
                      "         ├─ task 'named' waits for event at HERE, 90 s, cancelled\n"
                      "         ├─ task 'spawned' waits for sleep at HERE, 90 s, cancelled\n"
                      "         ├─ task 'nested' waits for children at HERE, 89 s\n"
                      "         │  ╰─ scope, shielded\n"
                      "         │     ╰─ nursery\n"
                      "         │        ╰─ task 'grandchild' waits for sleep at HERE, 89 s\n"
                      "         ├─ task 'fresh' is ready, cancelled\n"
                      "         ╰─ task 'served' waits for sleep at HERE, 90 s, service\n"
                      "            ╰─ scope, shielded\n");
            });
        });
        // Everything has left no trace.
        CHECK(tree() ==
              "task 'main' runs\n"
              "╰─ scope\n");
    });
}

TEST_CASE("open nurseries stand in the tree from entry to exit, also by an error (RN91)") {
    support::run_virtual([]() -> covey::task<> {
        std::string inside;
        try {
            co_await covey::with_nursery([&](covey::nursery&) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery&) -> covey::task<> {
                    inside = tree();
                    co_await covey::checkpoint();
                    throw std::runtime_error("out of both");
                });
            });
        } catch (const covey::exception_group&) {
            inside += tree();
        }
        CHECK(inside ==
              "task 'main' runs\n"
              "╰─ scope\n"
              "   ╰─ nursery\n"
              "      ╰─ nursery\n"
              "task 'main' runs\n"
              "╰─ scope\n");
    });
}

TEST_CASE("a child stands below its nursery, not below the task that started it (N60, RN16)") {
    support::run_virtual([]() -> covey::task<> {
        std::string drawn;
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& inner) {
                inner.start_soon({.name = "spawner"},
                                 [&] { outer.start_soon({.name = "child"}, nap_for, 1s); });
            });
            drawn = tree();
        });
        CHECK_THAT(drawn, Contains("   ╰─ nursery\n      ╰─ task 'child' is ready\n") ||
                              Contains("   ╰─ nursery\n      ╰─ task 'child' waits for sleep"));
    });
}

TEST_CASE("a child of start() stands at the caller until it has started (N60)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            std::string before;
            std::string after;
            nursery.start_soon({.name = "caller"}, [&]() -> covey::task<> {
                co_await nursery.start([&](covey::task_status<void> status) -> covey::task<> {
                    co_await nap_for(1s);
                    before = tree();
                    status.started();
                    after = tree();
                });
            });
            co_await covey::sleep_for(2s);
            CHECK_THAT(before, Contains("      ╰─ task 'caller' waits for children at HERE, 1 s\n"
                                        "         ╰─ nursery\n"
                                        "            ╰─ task 'lambda"));
            CHECK_THAT(after, Contains("      ├─ task 'caller' is ready\n"
                                       "      │  ╰─ nursery\n"
                                       "      ╰─ task 'lambda"));
        });
    });
}

TEST_CASE("how long a task waits is told in virtual time, from the start of each wait") {
    support::run_virtual([]() -> covey::task<> {
        covey::event gate;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon({.name = "t"}, [&]() -> covey::task<> {
                co_await nap_for(10s);
                co_await gate.wait();
            });
            co_await covey::sleep_for(4500ms);
            CHECK(line_of("t") == "task 't' waits for sleep at HERE, 4.5 s");
            co_await covey::sleep_for(5500ms + 20ms);
            CHECK(line_of("t") == "task 't' waits for event at HERE, 0.02 s");
            gate.set();
        });
    });
}

TEST_CASE("the place of a wait is that of the innermost co_await of the program's own") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon({.name = "t"}, nap_for, 2s);
            co_await covey::sleep_for(1s);
            const std::string drawn = covey::dump_task_tree();
            CHECK_THAT(drawn, Contains("task 't' waits for sleep at inspect_test.cpp:"));
        });
    });
}

TEST_CASE("tasks are named after their functions, or as task_options say (N14, RN78)") {
    support::run_virtual([]() -> covey::task<> {
        const std::string function = co_await name_of_child(fails);
        CHECK(function == "fails");
        const std::string instance = co_await name_of_child(fails_for<int>, 3);
        CHECK(instance == "fails_for");
        machine here;
        const std::string member = co_await name_of_child(&machine::fails_inside, &here);
        CHECK(member == "machine::fails_inside");
        const std::string object = co_await name_of_child(fails_when_called());
        CHECK(object == "fails_when_called");
        const covey::task_options given{.name = "given"};
        const std::string by_option = co_await name_of_child(given, fails);
        CHECK(by_option == "given");
        const std::string plain = co_await name_of_child(given, fails_plainly);
        CHECK(plain == "given");
        const std::string elsewhere = co_await name_of_child(lambda_of_a_function());
        CHECK(elsewhere == "lambda in lambda_of_a_function");
        const std::string lambda = co_await name_of_child([]() -> covey::task<> {
            co_await covey::checkpoint();
            throw std::runtime_error("on purpose");
        });
        CHECK_THAT(lambda, StartsWith("lambda in "));
    });
}

TEST_CASE("a name is copied: the string may go (N14, RN78)") {
    support::run_virtual([]() -> covey::task<> {
        std::string name = "a name that is too long for the small buffer of a string";
        const std::string view = name;
        covey::task_options options{.name = name};
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(options, nap_for, 1s);
            name.assign(name.size(), 'x');
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK_THAT(line_of(view), Contains("waits for sleep"));
        });
    });
}

TEST_CASE("services, spawned children and those of handles are named as well (RN78)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_service(sleeper);
            static_cast<void>(nursery.spawn({.name = "spawned"}, sleeper));
            nursery.handle().start_soon({.name = "through a handle"}, sleeper);
            static_cast<void>(nursery.handle().spawn({.name = "both"}, sleeper));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(line_of("sleeper") == "task 'sleeper' waits for sleep at HERE, 0 s, service");
            CHECK(line_of("spawned") == "task 'spawned' waits for sleep at HERE, 0 s");
            CHECK(line_of("through a handle") ==
                  "task 'through a handle' waits for sleep at HERE, 0 s");
            CHECK(line_of("both") == "task 'both' waits for sleep at HERE, 0 s");
            nursery.cancel();
        });
    });
}

TEST_CASE("the statistics of a run are of one instant (R6)") {
    support::run_virtual([]() -> covey::task<> {
        covey::run_statistics now = covey::current_statistics();
        CHECK(now.tasks_living == 1);
        CHECK(now.tasks_runnable == 0);
        CHECK(now.workers == 1);
        CHECK(now.time_to_next_deadline == covey::never);

        covey::event gate;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(waiter, std::ref(gate));
            nursery.start_soon(nap_for, 7s);
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::with_nursery(
                    [&](covey::nursery& inner) { inner.start_service(waiter, std::ref(gate)); });
            });
            now = covey::current_statistics();
            CHECK(now.tasks_living == 4);
            CHECK(now.tasks_runnable == 3);
            CHECK(now.time_to_next_deadline == covey::never);

            // The last child's nursery has nothing to wait for and stops its service.
            co_await covey::sleep_for(2s);
            now = covey::current_statistics();
            CHECK(now.tasks_living == 3);
            CHECK(now.tasks_runnable == 0);
            CHECK(now.time_to_next_deadline == 5s);

            nursery.scope().set_deadline(covey::now() + 3s);
            CHECK(covey::current_statistics().time_to_next_deadline == 3s);
            gate.set();
            now = covey::current_statistics();
            CHECK(now.tasks_living == 3);
            CHECK(now.tasks_runnable == 1);
        });
        CHECK(support::elapsed() == 5s);
        now = covey::current_statistics();
        CHECK(now.tasks_living == 1);
        CHECK(now.time_to_next_deadline == covey::never);
    });
    CHECK_THROWS_AS(covey::current_statistics(), std::logic_error);
}

TEST_CASE("the tree of running workers can be drawn at any time_mt") {
    std::size_t drawn = 0;
    support::run_checked({.workers = 4}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int child = 0; child < 20; ++child) {
                nursery.start_soon([]() -> covey::task<> {
                    for (int step = 0; step < 50; ++step) {
                        co_await covey::with_nursery([](covey::nursery& inner) {
                            inner.start_soon(
                                []() -> covey::task<> { co_await covey::checkpoint(); });
                        });
                        co_await covey::move_on_after(1h, covey::checkpoint());
                    }
                });
            }
            for (int step = 0; step < 50; ++step) {
                drawn += covey::dump_task_tree().size();
                co_await covey::checkpoint();
            }
        });
    });
    CHECK(drawn > 50 * sizeof("task 'main' runs"));
}
