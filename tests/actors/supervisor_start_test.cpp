// SPDX-License-Identifier: BSL-1.0
// Starting children: readiness, the barrier, failures before ready, and cancelled starts.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/nursery.hpp>
#include <covey/supervisor.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using support::lines;
using support::observed;

namespace {

covey::task<> fails_before_ready(covey::task_status<void>, covey::duration after,
                                 const char* what) {
    co_await covey::sleep_for(after);
    throw std::runtime_error(what);
}

}  // namespace

TEST_CASE("children start in order, each when the one before is ready (SV7, SC1)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, support::slow_start, 2s);
                CHECK(support::elapsed() == 2s);
                const auto b = co_await supervisor.start({.name = "b"}, support::obedient);
                CHECK(support::elapsed() == 2s);
                const auto c = co_await supervisor.start({.name = "c"}, support::slow_start, 3s);
                CHECK(support::elapsed() == 5s);
                CHECK(a < b);
                CHECK(b < c);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 5s);
    });
    CHECK(log.story() == lines{"0 start a.1", "2 ready a.1", "2 start b.1", "2 ready b.1",
                               "2 start c.1", "5 ready c.1", "5 closing", "5 asked_to_stop c.1",
                               "5 stopped c.1", "5 asked_to_stop b.1", "5 stopped b.1",
                               "5 asked_to_stop a.1", "5 stopped a.1", "5 closed"});
}

TEST_CASE("a child that fails before it is ready unwinds the others in reverse (SV8a, SC2)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        support::witness log;
        const auto error = support::thrown_by<covey::start_failed_error>([&] {
            support::run_watched(
                log, observed(),
                [&](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                    co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                    co_await supervisor.start({.name = "c"}, fails_before_ready, 2s, "no port");
                    FAIL("started");
                },
                seed);
        });
        CHECK(error.child() == "c");
        CHECK(support::messages_of(error) == lines{"no port"});
        CHECK_THAT(error.what(), StartsWith("child 'c' ended before it was ready"));
        CHECK(log.story_after(4) == lines{"0 start c.1", "2 start_failed c.1: no port", "2 closing",
                                          "2 asked_to_stop b.1", "3 stopped b.1",
                                          "3 asked_to_stop a.1", "4 stopped a.1", "4 closed"});
    }
}

TEST_CASE("what fails while the others are stopped stands after the failed start (SV8a, SV13)") {
    const auto error = support::thrown_by<covey::start_failed_error>([] {
        support::run_virtual([]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({}, support::fails_to_stop, 1s, "first stop");
                    co_await supervisor.start({}, support::fails_to_stop, 1s, "second stop");
                    co_await supervisor.start({.name = "c"}, fails_before_ready, 1s, "no port");
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"no port", "second stop", "first stop"});
}

TEST_CASE("a failed start can be caught, and the others go on (SV8a, SV2)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "a"}, support::obedient);
        bool failed = false;
        try {
            co_await supervisor.start({.name = "b"}, fails_before_ready, 0s, "no port");
        } catch (const covey::start_failed_error&) {
            failed = true;
        }
        CHECK(failed);
        co_await covey::sleep_for(1s);
        CHECK(supervisor.children().size() == 1);
        co_await supervisor.start({.name = "c"}, support::obedient);
        supervisor.stop_all();
    });
    CHECK(log.story() == lines{"0 start a.1", "0 ready a.1", "0 start b.1",
                               "0 start_failed b.1: no port", "1 start c.1", "1 ready c.1",
                               "1 closing", "1 asked_to_stop c.1", "1 stopped c.1",
                               "1 asked_to_stop a.1", "1 stopped a.1", "1 closed"});
}

TEST_CASE("a child without a status is ready when it first suspends, or when it returns (SV7)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int steps = 0;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "suspends"}, [&]() -> covey::task<> {
                    ++steps;
                    co_await covey::sleep_for(1s);
                    ++steps;
                });
                CHECK(steps == 1);
                co_await supervisor.start({.name = "returns"}, [&]() -> covey::task<> {
                    steps += 10;
                    co_return;
                });
                CHECK(steps == 11);
                co_await supervisor.start({.name = "plain"}, [&] { steps += 100; });
                CHECK(steps == 111);
            });
    });
    CHECK(log.story() == lines{"0 start suspends.1", "0 ready suspends.1", "0 start returns.1",
                               "0 ready returns.1", "0 completed returns.1", "0 start plain.1",
                               "0 ready plain.1", "0 completed plain.1", "1 completed suspends.1",
                               "1 closing", "1 closed"});
}

TEST_CASE("a child without a status that throws in its first turn was never ready (SV8a)") {
    const auto error = support::thrown_by<covey::start_failed_error>([] {
        support::run_virtual([]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({.name = "a"},
                                              [] { throw std::runtime_error("at once"); });
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"at once"});
}

TEST_CASE("a child that takes a status and returns without started() has failed to start (SV7)") {
    const auto error = support::thrown_by<covey::start_failed_error>([] {
        support::run_virtual([]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({.name = "a"},
                                              [](covey::task_status<void>) -> covey::task<> {
                                                  co_await covey::sleep_for(1s);
                                              });
                });
        });
    });
    CHECK(error.child() == "a");
    CHECK(error.find<std::logic_error>() != nullptr);
    CHECK_THAT(error.what(), Contains("child 'a' ended without calling started()"));
}

TEST_CASE("a child that isn't ready at its start_limit is cancelled, and its start failed (SV7)") {
    support::witness log;
    const auto error = support::thrown_by<covey::start_failed_error>([&] {
        support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
            co_await supervisor.start({.name = "in time", .start_limit = 2s}, support::slow_start,
                                      1999ms);
            co_await supervisor.start({.name = "late", .start_limit = 2s}, support::slow_start,
                                      2001ms);
        });
    });
    CHECK(error.find<covey::too_slow_error>() != nullptr);
    CHECK_THAT(error.what(), Contains("child 'late' wasn't ready within its start_limit of 2 s"));
    CHECK(
        log.story_after(2) ==
        lines{"1.999 start late.1", "3.999 asked_to_stop late.1", "3.999 cancelled late.1",
              "3.999 start_failed late.1: child 'late' wasn't ready within its start_limit of 2 s",
              "3.999 closing", "3.999 asked_to_stop in time.1", "3.999 stopped in time.1",
              "3.999 closed"});
}

TEST_CASE("a restart that isn't ready at its start_limit is one more incident (SV7, SV14)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int run = 0;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a", .start_limit = 1s},
                                          [&](covey::task_status<void> status) -> covey::task<> {
                                              ++run;
                                              if (run == 2) co_await covey::sleep_forever();
                                              status.started();
                                              if (run == 1)
                                                  co_await support::fails_after(1s, "crash");
                                          });
            });
    });
    CHECK(log.story() ==
          lines{"0 start a.1", "0 ready a.1", "1 incident a.1 #1: crash", "1 backoff a.1 +0.05",
                "1.05 start a.2", "2.05 asked_to_stop a.2", "2.05 cancelled a.2",
                "2.05 incident a.2 #2: child 'a' wasn't ready within its start_limit of 1 s",
                "2.05 backoff a.2 +0.1", "2.15 start a.3", "2.15 ready a.3", "2.15 completed a.3",
                "2.15 closing", "2.15 closed"});
}

TEST_CASE("a child stopped by hand in a restart beyond its start_limit stays stopped (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int run = 0;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto id = co_await supervisor.start(
                    {.name = "a", .start_limit = 1s},
                    [&](covey::task_status<void> status) -> covey::task<> {
                        if (++run == 2) co_await covey::shielded(covey::sleep_for(3s));
                        status.started();
                        co_await support::fails_after(1s, "crash");
                    });
                co_await covey::sleep_for(3s);
                co_await supervisor.stop(id);
                CHECK(support::elapsed() == 4050ms);
            });
    });
    CHECK(log.story_after(4) == lines{"1.05 start a.2", "2.05 asked_to_stop a.2",
                                      "2.05 cancelled a.2", "4.05 stopped a.2", "4.05 closing",
                                      "4.05 closed"});
}

TEST_CASE("a cancelled start cancels the child and waits for it (SV7, SC3)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "a"}, support::obedient);
        const auto slow = [](covey::task_status<void>) -> covey::task<> {
            co_await covey::finally(covey::sleep_forever(), [] { return covey::sleep_for(2s); });
        };
        const auto started = co_await covey::move_on_after(
            1s, [&] { return supervisor.start({.name = "b"}, slow); });
        CHECK_FALSE(started.finished());
        CHECK(support::elapsed() == 3s);
        CHECK(supervisor.children().size() == 2);
        CHECK(supervisor.children()[1].state == covey::child_state::stopped);
        supervisor.stop_all();
    });
    CHECK(log.story() == lines{"0 start a.1", "0 ready a.1", "0 start b.1", "1 asked_to_stop b.1",
                               "1 cancelled b.1", "3 stopped b.1", "3 closing",
                               "3 asked_to_stop a.1", "3 stopped a.1", "3 closed"});
}

TEST_CASE("a start that is cancelled before it begins starts nothing (SV7)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            scope.cancel();
            co_await supervisor.start({}, support::obedient);
            FAIL("passed");
        });
        CHECK(supervisor.children().empty());
    });
    CHECK(log.story() == lines{"0 closing", "0 closed"});
}

TEST_CASE("an outer cancel while a child starts cancels it and stops the others in reverse (SC3)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        support::witness log;
        support::run_virtual(seed, [&]() -> covey::task<> {
            const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                        co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                        co_await supervisor.start({.name = "c"}, support::slow_start, 5s);
                        FAIL("started");
                    });
            });
            CHECK_FALSE(result.finished());
            CHECK(support::elapsed() == 3s);
        });
        CHECK(log.story_after(4) == lines{"0 start c.1", "1 closing", "1 asked_to_stop c.1",
                                          "1 cancelled c.1", "1 stopped c.1", "1 asked_to_stop b.1",
                                          "2 stopped b.1", "2 asked_to_stop a.1", "3 stopped a.1",
                                          "3 closed"});
    }
}

TEST_CASE("a start in a closing supervisor and after it throws closed_nursery_error (SV12)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::slow_stop, 2s);
                supervisor.stop_all();
                co_await covey::sleep_for(1s);
                std::string what;
                try {
                    co_await supervisor.start({.name = "b"}, support::obedient);
                } catch (const covey::closed_nursery_error& error) {
                    what = error.what();
                }
                CHECK_THAT(what, Contains("start") && Contains("'top'"));
            });
        CHECK(support::elapsed() == 2s);
        bool refused = false;
        try {
            co_await log.handle().start({.name = "c"}, support::obedient);
        } catch (const covey::closed_nursery_error&) {
            refused = true;
        }
        CHECK(refused);
    });
    CHECK(log.story() == lines{"0 start a.1", "0 ready a.1", "0 closing", "0 asked_to_stop a.1",
                               "2 stopped a.1", "2 closed"});
}

TEST_CASE("who waits for a start when the supervisor closes is told so (SV12)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        bool refused = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                try {
                    co_await supervisor.start({.name = "a"}, support::slow_start, 5s);
                } catch (const covey::closed_nursery_error&) {
                    refused = true;
                }
            });
            co_await covey::sleep_for(1s);
            supervisor.stop_all();
        });
        CHECK(refused);
        CHECK(support::elapsed() == 1s);
    });
    CHECK(log.story() == lines{"0 start a.1", "1 closing", "1 asked_to_stop a.1", "1 cancelled a.1",
                               "1 stopped a.1", "1 closed"});
}

TEST_CASE("a child that never becomes ready delays nobody else (SV8, SC11)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                const auto a = co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await supervisor.start({.name = "never"}, support::slow_start, 1000h);
                    });
                    co_await covey::sleep_for(1s);
                    const auto children = supervisor.children();
                    CHECK(children.size() == 2);
                    CHECK(children[1].state == covey::child_state::starting);
                    co_await supervisor.stop(a);
                    CHECK(support::elapsed() == 2s);
                    co_await supervisor.start({.name = "c"}, support::slow_start, 1s);
                    CHECK(support::elapsed() == 3s);
                    nursery.cancel();
                });
                CHECK(support::elapsed() == 3s);
                supervisor.stop_all();
            });
    });
}

TEST_CASE("a child may start others through a handle (SV8)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
            const auto handle = log.handle();
            co_await handle.start({.name = "b"}, support::returns_after, 1s);
            co_await covey::sleep_for(2s);
        });
    });
    CHECK(log.story() == lines{"0 start a.1", "0 ready a.1", "0 start b.1", "0 ready b.1",
                               "1 completed b.1", "2 completed a.1", "2 closing", "2 closed"});
}

TEST_CASE("a function that is no coroutine may return a task, and options may be left out (SV3)") {
    support::run_virtual([]() -> covey::task<> {
        std::string name;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({}, &support::returns_after, 1s);
                name = supervisor.children().at(0).name;
                co_await supervisor.start({}, [] { return support::returns_after(2s); });
            });
        CHECK(support::elapsed() == 2s);
        CHECK_THAT(name, Contains("returns_after") || Contains("task"));
    });
}
