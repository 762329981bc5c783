// SPDX-License-Identifier: BSL-1.0
// Stopping and restarting children by hand, and the ladder from asking to piercing.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/lowlevel/alarm.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::child_state;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

// Starts a child "a", stops it at 1 s, and tells what was logged from then on.
template <class F, class... A>
lines stopping(covey::child_options options, F fn, A... args) {
    support::witness log;
    options.name = "a";
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        const auto id = co_await supervisor.start(options, fn, args...);
        co_await covey::sleep_for(1s);
        co_await supervisor.stop(id);
        supervisor.stop_all();
    });
    lines result = log.story_after(2);
    CHECK(result.size() > 2);
    result.resize(result.size() - 2);
    return result;
}

covey::task<> ignores_all(covey::duration length) {
    co_await covey::shielded(covey::shielded(covey::sleep_for(length)));
}

// Waits for the time given where no cancellation gets through, once it is asked to stop.
covey::task<> hears_nothing(covey::duration length) {
    co_await support::obedient();
    covey::lowlevel::alarm clock;
    const covey::time_point end = covey::now() + length;
    while (covey::now() < end) co_await clock.wait(end, nullptr);
}

}  // namespace

TEST_CASE("a child that listens ends when it is asked (SV11, SC12)") {
    CHECK(stopping({}, support::obedient) == lines{"1 asked_to_stop a.1", "1 stopped a.1"});
    CHECK(stopping({}, support::slow_stop, 4s) == lines{"1 asked_to_stop a.1", "5 stopped a.1"});
}

TEST_CASE("a child that doesn't listen is cancelled after its grace (SV11, SC12)") {
    CHECK(stopping({}, support::endless) ==
          lines{"1 asked_to_stop a.1", "6 cancelled a.1", "6 stopped a.1"});
    CHECK(stopping({.grace = 2s}, support::slow_stop, 9s) ==
          lines{"1 asked_to_stop a.1", "3 cancelled a.1", "3 stopped a.1"});
    CHECK(stopping({.grace = 0s}, support::endless) ==
          lines{"1 asked_to_stop a.1", "1 cancelled a.1", "1 stopped a.1"});
}

TEST_CASE("a child behind shields is pierced after its hard limit (SV11, SC12)") {
    CHECK(stopping({}, ignores_all, 100s) ==
          lines{"1 asked_to_stop a.1", "6 cancelled a.1", "11 pierced a.1", "11 stopped a.1"});
    CHECK(stopping({.grace = 1s, .hard = 2s}, ignores_all, 100s) ==
          lines{"1 asked_to_stop a.1", "2 cancelled a.1", "3 pierced a.1", "3 stopped a.1"});
    CHECK(stopping({.grace = 1s, .hard = 2s}, ignores_all, 1500ms) ==
          lines{"1 asked_to_stop a.1", "1.5 stopped a.1"});
}

TEST_CASE("brutal from the start, or patient for ever (SV11)") {
    CHECK(stopping({.grace = 0s, .hard = 0s}, ignores_all, 100s) ==
          lines{"1 asked_to_stop a.1", "1 cancelled a.1", "1 pierced a.1", "1 stopped a.1"});
    CHECK(stopping({.grace = covey::never, .hard = covey::never}, support::slow_stop, 1000h) ==
          lines{"1 asked_to_stop a.1", "3.6e+06 stopped a.1"});
    // A grace beyond hard ends with it.
    CHECK(stopping({.grace = 9s, .hard = 2s}, ignores_all, 100s) ==
          lines{"1 asked_to_stop a.1", "3 cancelled a.1", "3 pierced a.1", "3 stopped a.1"});
}

TEST_CASE("a child that nothing ends is called unresponsive, and waited for (SV11, SC12)") {
    CHECK(stopping({.grace = 1s, .hard = 3s}, hears_nothing, 9s) ==
          lines{"1 asked_to_stop a.1", "2 cancelled a.1", "4 pierced a.1", "6 unresponsive a.1",
                "10 stopped a.1"});
    CHECK(stopping({.grace = 1s, .hard = 1s}, hears_nothing, 9s) ==
          lines{"1 asked_to_stop a.1", "2 cancelled a.1", "2 pierced a.1", "3 unresponsive a.1",
                "10 stopped a.1"});
}

TEST_CASE("an error of a child that was asked to stop is logged with it (SV5)") {
    CHECK(stopping({}, support::fails_to_stop, 1s, "no") ==
          lines{"1 asked_to_stop a.1", "2 failed_to_stop a.1: no"});
}

TEST_CASE("a child that ends while it is stopped has stopped, whatever its type (SV5)") {
    for (const auto type : {covey::restart::permanent, covey::restart::transient}) {
        CHECK(stopping({.restart = type}, support::returns_after, 2s) ==
              lines{"1 asked_to_stop a.1", "2 stopped a.1"});
        CHECK(stopping({.restart = type}, support::fails_after, 2s, "crash") ==
              lines{"1 asked_to_stop a.1", "2 failed_to_stop a.1: crash"});
    }
}

TEST_CASE("stopping a child that waits to be started again leaves it stopped (SV19, SC10)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        covey::supervisor_options options;
        options.backoff.first = 5s;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a =
                    co_await supervisor.start({.name = "a"}, support::fails_after, 1s, "crash");
                co_await covey::sleep_for(2s);
                CHECK(supervisor.children().at(0).state == child_state::backoff);
                co_await supervisor.stop(a);
                CHECK(support::elapsed() == 2s);
                CHECK(supervisor.children().at(0).state == child_state::stopped);
                co_await covey::sleep_for(10s);
            });
    });
    CHECK(log.story_after(2) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +5",
                                      "2 stopped a.1", "12 closing", "12 closed"});
}

TEST_CASE("restarting a child that waits to be started skips the delay (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        covey::supervisor_options options{.intensity = 1};
        options.backoff.first = 5s;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, support::fails_at_first,
                                                         &failures, 1s, "crash");
                co_await covey::sleep_for(2s);
                co_await supervisor.restart(a);
                CHECK(support::elapsed() == 2s);
                CHECK(supervisor.children().at(0).state == child_state::running);
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::start}) == "0 start a.1, 2 start a.2");
}

TEST_CASE("a restart by hand costs nothing and has no delay (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        covey::supervisor_options options{.intensity = 0};
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                const auto b = co_await supervisor.start({.name = "b"}, support::slow_start, 2s);
                co_await supervisor.restart(a);
                CHECK(support::elapsed() == 3s);
                co_await supervisor.restart(b);
                CHECK(support::elapsed() == 5s);
                co_await supervisor.restart(b);
                CHECK(support::elapsed() == 7s);
                CHECK(supervisor.children()[1].restarts == 2);
                supervisor.stop_all();
            });
    });
    CHECK(log.story_after(4) == lines{"2 asked_to_stop a.1", "3 went_down a.1", "3 start a.2",
                                      "3 ready a.2", "3 asked_to_stop b.1", "3 went_down b.1",
                                      "3 start b.2", "5 ready b.2", "5 asked_to_stop b.2",
                                      "5 went_down b.2", "5 start b.3", "7 ready b.3", "7 closing",
                                      "7 asked_to_stop b.3", "7 stopped b.3", "7 asked_to_stop a.2",
                                      "8 stopped a.2", "8 closed"});
}

TEST_CASE("a restart by hand whose start fails goes on as any failed restart does (SV14)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int run = 0;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    if (++run == 2) throw std::runtime_error("no start");
                    co_await support::obedient();
                });
                co_await supervisor.restart(a);
                CHECK(support::elapsed() == 50ms);
                CHECK(supervisor.children().at(0).incarnation == 3);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::start, kind::incident}) ==
          "0 start a.1, 0 start a.2, 0 incident a.2 #1: no start, 0.05 start a.3");
}

TEST_CASE("a child that has ended is stopped already, and can't be restarted (SV19)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                const auto a = co_await supervisor.start({.name = "a"}, support::returns_after, 1s);
                co_await covey::sleep_for(2s);
                co_await supervisor.stop(a);
                CHECK(support::elapsed() == 2s);
                CHECK(supervisor.children().at(0).state == child_state::completed);
                std::string what;
                try {
                    co_await supervisor.restart(a);
                } catch (const std::logic_error& error) {
                    what = error.what();
                }
                CHECK(what ==
                      "child 'a' has ended for good and can't be restarted: start() it anew");
            });
    });
}

TEST_CASE("an id that nobody has is that of a child that has ended (SV19)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(observed(),
                                        [](covey::supervisor& supervisor) -> covey::task<> {
                                            co_await supervisor.stop({.value = 77});
                                            bool refused = false;
                                            try {
                                                co_await supervisor.restart({.value = 77});
                                            } catch (const std::logic_error&) {
                                                refused = true;
                                            }
                                            CHECK(refused);
                                        });
    });
}

TEST_CASE("stop and restart in a closing supervisor throw closed_nursery_error (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        covey::child_id a;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                a = co_await supervisor.start({.name = "a"}, support::slow_stop, 2s);
                supervisor.stop_all();
                co_await covey::sleep_for(1s);
                std::string what;
                try {
                    co_await supervisor.stop(a);
                } catch (const covey::closed_nursery_error& error) {
                    what += error.what();
                }
                CHECK_THAT(what, Contains("stop in supervisor 'top', which is closing"));
                try {
                    co_await supervisor.restart(a);
                } catch (const covey::closed_nursery_error& error) {
                    what = error.what();
                }
                CHECK_THAT(what, Contains("restart in supervisor 'top', which is closing"));
                CHECK(supervisor.children().at(0).state == child_state::stopping);
            });
        co_await log.handle().stop(a);  // it has ended: nothing to do
        bool refused = false;
        try {
            co_await log.handle().restart(a);
        } catch (const covey::closed_nursery_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(log.handle().children().at(0).state == child_state::stopped);
        log.handle().stop_all();
    });
}

TEST_CASE("a child that stops or restarts itself would wait for its own end (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        std::string stop;
        std::string restart;
        support::witness log;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    const auto id = log.handle().children().at(0).id;
                    try {
                        co_await log.handle().stop(id);
                    } catch (const covey::would_deadlock_error& error) {
                        stop = error.what();
                    }
                    try {
                        co_await covey::with_nursery([&](covey::nursery& nursery) {
                            nursery.start_soon(
                                [&]() -> covey::task<> { co_await log.handle().restart(id); });
                        });
                    } catch (const covey::exception_group& error) {
                        if (error.find<covey::would_deadlock_error>()) restart = error.what();
                    }
                });
            });
        CHECK(stop ==
              "child 'a' asks its supervisor to stop it and would wait for its own end: return, or "
              "cancel current_scope()");
        CHECK_THAT(restart, Contains("child 'a' asks its supervisor to restart it"));
    });
}

TEST_CASE("a child may stop another one, and its own parent's sibling (SV11)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                co_await supervisor.start({.name = "b"}, [&log, a]() -> covey::task<> {
                    co_await covey::with_supervisor(
                        observed(), [&](covey::supervisor& inner) -> covey::task<> {
                            co_await inner.start({}, [&log, a]() -> covey::task<> {
                                co_await log.handle().stop(a);
                            });
                        });
                });
            });
        CHECK(support::elapsed() == 1s);
    });
    CHECK(log.only({kind::asked_to_stop, kind::stopped, kind::completed}) ==
          "0 asked_to_stop a.1, 1 stopped a.1, 1 completed b.1");
}

TEST_CASE("a cancelled stop goes on without its caller (SV11)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        const auto a = co_await supervisor.start({.name = "a"}, support::slow_stop, 2s);
        const auto stopped = co_await covey::move_on_after(
            1s, [&]() -> covey::task<> { co_await supervisor.stop(a); });
        CHECK_FALSE(stopped.finished());
        CHECK(support::elapsed() == 1s);
        co_await covey::sleep_for(4s);
    });
    CHECK(log.story_after(2) ==
          lines{"0 asked_to_stop a.1", "2 stopped a.1", "5 closing", "5 closed"});
}

TEST_CASE("several who stop one child all wait for its end, and a restart gives way (SV19)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        const auto a = co_await supervisor.start({.name = "a"}, support::slow_stop, 2s);
        int ended = 0;
        std::string what;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                try {
                    co_await supervisor.restart(a);
                } catch (const covey::closed_nursery_error& error) {
                    what = error.what();
                }
            });
            co_await covey::sleep_for(1s);
            for (int i = 0; i < 3; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await supervisor.stop(a);
                    CHECK(support::elapsed() == 2s);
                    ++ended;
                });
            }
        });
        CHECK(ended == 3);
        CHECK(what == "child 'a' ended for good instead of being restarted");
    });
    CHECK(log.story_after(2) ==
          lines{"0 asked_to_stop a.1", "2 stopped a.1", "2 closing", "2 closed"});
}

TEST_CASE("a child that is stopped before it is ready has not been started (SV19)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        std::string what;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                try {
                    co_await supervisor.start({.name = "a", .grace = 1s}, support::slow_start,
                                              1000h);
                } catch (const covey::closed_nursery_error& error) {
                    what = error.what();
                }
            });
            co_await covey::sleep_for(1s);
            co_await supervisor.stop(supervisor.children().at(0).id);
            CHECK(support::elapsed() == 2s);
        });
        CHECK(what == "child 'a' was stopped before it was ready");
    });
    CHECK(log.story() == lines{"0 start a.1", "1 asked_to_stop a.1", "2 cancelled a.1",
                               "2 stopped a.1", "2 closing", "2 closed"});
}

TEST_CASE("children tells what every child is at (SV8)") {
    support::run_virtual([]() -> covey::task<> {
        covey::supervisor_options options;
        options.backoff.first = 10s;
        co_await covey::with_supervisor(
            observed(options), [](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "completed"}, support::returns_after, 0s);
                co_await supervisor.start({.name = "removed", .restart = covey::restart::temporary},
                                          support::fails_after, 0s, "crash");
                co_await supervisor.start({.name = "backoff"}, support::fails_after, 0s, "crash");
                const auto stopped =
                    co_await supervisor.start({.name = "stopped"}, support::obedient);
                const auto stopping =
                    co_await supervisor.start({.name = "stopping"}, support::slow_stop, 10s);
                co_await supervisor.start({.name = "running"}, support::obedient);
                co_await supervisor.stop(stopped);
                std::string seen;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(
                        [&]() -> covey::task<> { co_await supervisor.stop(stopping); });
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await supervisor.start({.name = "starting"}, support::slow_start, 10s);
                    });
                    co_await covey::sleep_for(1s);
                    for (const covey::child_info& each : supervisor.children()) {
                        CHECK(each.name == to_string(each.state));
                        CHECK(each.incarnation == 1);
                        CHECK(each.restarts == 0);
                        seen += std::to_string(each.id.value) + each.name + " ";
                    }
                    nursery.cancel();
                });
                CHECK(seen == "1completed 3backoff 4stopped 5stopping 6running 7starting ");
                supervisor.stop_all();
            });
    });
}

TEST_CASE("stopping nobody is a checkpoint, too (SV19)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(observed(),
                                        [](covey::supervisor& supervisor) -> covey::task<> {
                                            const auto result = co_await covey::with_cancel_scope(
                                                [&](covey::cancel_scope& scope) -> covey::task<> {
                                                    scope.cancel();
                                                    co_await supervisor.stop({.value = 77});
                                                    FAIL("passed");
                                                });
                                            CHECK_FALSE(result.finished());
                                        });
    });
}

TEST_CASE("a temporary child can be stopped by hand, not restarted (SV3, SV19)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                const auto a = co_await supervisor.start(
                    {.name = "a", .restart = covey::restart::temporary}, support::obedient);
                std::string what;
                try {
                    co_await supervisor.restart(a);
                } catch (const std::logic_error& error) {
                    what = error.what();
                }
                CHECK(what == "child 'a' is temporary and can't be restarted: start() it anew");
                co_await supervisor.stop(a);
                CHECK(supervisor.children().empty());
            });
    });
}
