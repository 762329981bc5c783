// SPDX-License-Identifier: BSL-1.0
// Restarting several children: one_for_all and rest_for_one.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using covey::strategy;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

covey::supervisor_options group(covey::strategy which, covey::duration delay = 1s) {
    covey::supervisor_options options{.strategy = which};
    options.backoff.first = delay;
    return observed(options);
}

// Ready after `start`, fails at the instant `*when` if that comes in its life, and needs `stop` to
// stop.
struct plan {
    covey::duration start = 0s;
    covey::duration stop = 0s;
    covey::duration fails_at = -1s;  // since the run began
};
covey::task<> follow(covey::task_status<void> status, const plan* what) {
    co_await covey::sleep_for(what->start);
    status.started();
    if (what->fails_at >= support::elapsed())
        co_await covey::move_on_at(covey::time_point(what->fails_at), support::obedient());
    if (what->fails_at == support::elapsed()) throw std::runtime_error("crash");
    co_await support::obedient();
    co_await covey::sleep_for(what->stop);
}

// What such children and their supervisor do until the time given.
lines history(covey::supervisor_options options, const std::vector<plan>& children,
              covey::duration until, std::uint64_t seed = 1) {
    support::witness log;
    std::size_t begin = 0;
    support::run_watched(
        log, options,
        [&](covey::supervisor& supervisor) -> covey::task<> {
            for (std::size_t i = 0; i < children.size(); ++i) {
                const std::string name(1, static_cast<char>('a' + i));
                co_await supervisor.start({.name = name}, follow, &children[i]);
            }
            begin = log.events().size();
            co_await covey::sleep_until(covey::time_point(until));
            supervisor.stop_all();
        },
        seed);
    lines result = log.story_after(begin);
    const auto closing = std::find_if(result.begin(), result.end(), [](const std::string& line) {
        return line.find(" closing") != std::string::npos;
    });
    result.erase(closing, result.end());
    return result;
}

}  // namespace

TEST_CASE("one_for_all stops all in reverse, waits, and starts all in order (SV16, SC4)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(history(group(strategy::one_for_all),
                      {{.stop = 1s}, {.start = 1s, .fails_at = 4s}, {.start = 2s, .stop = 1s}}, 20s,
                      seed) == lines{"4 incident b.1 #1: crash", "4 asked_to_stop c.1",
                                     "5 went_down c.1", "5 asked_to_stop a.1", "6 went_down a.1",
                                     "6 backoff +1", "7 start a.2", "7 ready a.2", "7 start b.2",
                                     "8 ready b.2", "8 start c.2", "10 ready c.2"});
    }
}

TEST_CASE("rest_for_one leaves those before the one that failed alone (SV16, SC4)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(history(group(strategy::rest_for_one),
                      {{.stop = 1s}, {.fails_at = 3s}, {.stop = 1s}, {.stop = 1s}}, 20s, seed) ==
              lines{"3 incident b.1 #1: crash", "3 asked_to_stop d.1", "4 went_down d.1",
                    "4 asked_to_stop c.1", "5 went_down c.1", "5 backoff +1", "6 start b.2",
                    "6 ready b.2", "6 start c.2", "6 ready c.2", "6 start d.2", "6 ready d.2"});
    }
}

TEST_CASE("rest_for_one of the last and of the first child (SV16, SC4)") {
    CHECK(history(group(strategy::rest_for_one), {{}, {}, {.fails_at = 3s}}, 20s) ==
          lines{"3 incident c.1 #1: crash", "3 backoff +1", "4 start c.2", "4 ready c.2"});
    CHECK(history(group(strategy::rest_for_one), {{.fails_at = 3s}, {}}, 20s) ==
          lines{"3 incident a.1 #1: crash", "3 asked_to_stop b.1", "3 went_down b.1",
                "3 backoff +1", "4 start a.2", "4 ready a.2", "4 start b.2", "4 ready b.2"});
}

TEST_CASE("failures that are known together count once, in either order (SV16c, SC5)") {
    // Without a seed, tasks run in the order in which they became ready: both have failed before
    // their supervisor looks.
    const auto run = [](covey::strategy which, bool first_one_first) {
        support::witness log;
        covey::testing::virtual_clock clock;
        support::run_checked({.workers = 1, .clock = &clock}, [&]() -> covey::task<> {
            covey::event fail_a;
            covey::event fail_b;
            int failures[] = {1, 1};
            const auto child = [&](int self, covey::event* gate) -> covey::task<> {
                if (failures[self]-- > 0) {
                    co_await gate->wait();
                    throw std::runtime_error("crash");
                }
                co_await support::obedient();
            };
            co_await covey::with_supervisor(
                group(which), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "a"}, child, 0, &fail_a);
                    co_await supervisor.start({.name = "b"}, child, 1, &fail_b);
                    co_await supervisor.start({.name = "c"}, support::obedient);
                    co_await covey::sleep_for(1s);
                    (first_one_first ? fail_a : fail_b).set();
                    (first_one_first ? fail_b : fail_a).set();
                    co_await covey::sleep_for(5s);
                    supervisor.stop_all();
                });
        });
        lines result = log.story_after(6);
        result.resize(std::min<std::size_t>(result.size(), 11));
        return result;
    };
    const lines one_incident{"1 incident a.1 #1: crash",
                             "1 joined b.1 #1: crash",
                             "1 asked_to_stop c.1",
                             "1 went_down c.1",
                             "1 backoff +1",
                             "2 start a.2",
                             "2 ready a.2",
                             "2 start b.2",
                             "2 ready b.2",
                             "2 start c.2",
                             "2 ready c.2"};
    for (const auto which : {strategy::one_for_all, strategy::rest_for_one}) {
        CHECK(run(which, true) == one_incident);
        CHECK(run(which, false) == one_incident);
    }
}

TEST_CASE("a failure above, while the group stops or waits, only joins it (SV16a, SC6)") {
    for (const auto which : {strategy::one_for_all, strategy::rest_for_one}) {
        // c fails while d stops; the group has its delay behind it then.
        CHECK(
            history(group(which), {{}, {.fails_at = 1s}, {.fails_at = 2s}, {.stop = 2s}}, 3500ms) ==
            (which == strategy::one_for_all
                 ? lines{"1 incident b.1 #1: crash", "1 asked_to_stop d.1",
                         "2 joined c.1 #1: crash", "3 went_down d.1", "3 asked_to_stop a.1",
                         "3 went_down a.1", "3 backoff +1"}
                 : lines{"1 incident b.1 #1: crash", "1 asked_to_stop d.1",
                         "2 joined c.1 #1: crash", "3 went_down d.1", "3 backoff +1"}));
    }
}

TEST_CASE("a failure below, while the group stops, widens it (SV16a, SC6)") {
    CHECK(history(group(strategy::rest_for_one),
                  {{}, {.fails_at = 2s}, {.fails_at = 1s}, {.stop = 2s}}, 20s) ==
          lines{"1 incident c.1 #1: crash", "1 asked_to_stop d.1", "2 incident b.1 #2: crash",
                "3 went_down d.1", "3 backoff +1", "4 start b.2", "4 ready b.2", "4 start c.2",
                "4 ready c.2", "4 start d.2", "4 ready d.2"});
}

TEST_CASE("a failure below, while the group waits, widens it by the longer delay (SV16a, SC6)") {
    // The new delay is longer than what is left.
    CHECK(history(group(strategy::rest_for_one), {{}, {.fails_at = 1500ms}, {.fails_at = 1s}, {}},
                  20s) == lines{"1 incident c.1 #1: crash", "1 asked_to_stop d.1",
                                "1 went_down d.1", "1 backoff +1", "1.5 incident b.1 #2: crash",
                                "1.5 backoff +1", "2.5 start b.2", "2.5 ready b.2", "2.5 start c.2",
                                "2.5 ready c.2", "2.5 start d.2", "2.5 ready d.2"});
}

TEST_CASE("what is left of the delay counts when it is longer (SV16a, SC6)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int of_b = 2;
        int of_a = 1;
        co_await covey::with_supervisor(
            group(strategy::rest_for_one), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &of_a, 3500ms,
                                          "a!");
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &of_b, 1s, "b!");
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
    });
    // b's second delay is 2 s, from 3 to 5; a's first one would end at 4.5.
    CHECK(log.only({kind::incident, kind::backoff, kind::start}) ==
          "0 start a.1, 0 start b.1, 1 incident b.1 #1: b!, 1 backoff +1, 2 start b.2, "
          "3 incident b.2 #2: b!, 3 backoff +2, 3.5 incident a.1 #3: a!, 3.5 backoff +1.5, "
          "5 start a.2, 5 start b.3");
}

TEST_CASE("a failed start in a group restart moves its lower end up (SV16a, SC6)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int of_b = 1;
        int run_of_c = 0;
        co_await covey::with_supervisor(
            group(strategy::rest_for_one), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::obedient);
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &of_b, 1s, "b!");
                co_await supervisor.start({.name = "c"},
                                          [&](covey::task_status<void> status) -> covey::task<> {
                                              if (++run_of_c == 2)
                                                  co_await support::fails_after(1s, "no start");
                                              status.started();
                                              co_await support::obedient();
                                          });
                co_await supervisor.start({.name = "d"}, support::obedient);
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
    });
    lines story = log.story_after(8);
    story.resize(15);
    CHECK(story == lines{"1 incident b.1 #1: b!", "1 asked_to_stop d.1", "1 went_down d.1",
                         "1 asked_to_stop c.1", "1 went_down c.1", "1 backoff +1", "2 start b.2",
                         "2 ready b.2", "2 start c.2", "3 incident c.2 #2: no start",
                         "3 backoff +1", "4 start c.3", "4 ready c.3", "4 start d.2",
                         "4 ready d.2"});
}

TEST_CASE("a crash below, while the group starts, takes all from there on again (SV16a, SC6)") {
    CHECK(history(group(strategy::rest_for_one),
                  {{}, {.fails_at = 4s}, {.fails_at = 2500ms}, {.start = 2s}}, 20s) ==
          lines{"2.5 incident c.1 #1: crash", "2.5 asked_to_stop d.1", "2.5 went_down d.1",
                "2.5 backoff +1", "3.5 start c.2", "3.5 ready c.2", "3.5 start d.2",
                "4 incident b.1 #2: crash", "4 asked_to_stop d.2", "5.5 went_down d.2",
                "5.5 asked_to_stop c.2", "5.5 went_down c.2", "5.5 backoff +1", "6.5 start b.2",
                "6.5 ready b.2", "6.5 start c.3", "6.5 ready c.3", "6.5 start d.3",
                "8.5 ready d.3"});
}

TEST_CASE("one_for_all takes all again when one of them fails while they start (SV16a)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int of_a = 1;
        int run_of_b = 0;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &of_a, 1s, "a!");
                co_await supervisor.start({.name = "b"},
                                          [&](covey::task_status<void> status) -> covey::task<> {
                                              if (++run_of_b == 2)
                                                  co_await support::fails_after(1s, "no start");
                                              status.started();
                                              co_await support::obedient();
                                          });
                co_await supervisor.start({.name = "c"}, support::obedient);
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::start}) ==
          "0 start a.1, 0 start b.1, 0 start c.1, 1 incident a.1 #1: a!, 2 start a.2, 2 start b.2, "
          "3 incident b.2 #2: no start, 4 start a.3, 4 start b.3, 4 start c.2");
}

TEST_CASE("one incident costs one unit of the budget, however many it concerns (SV14)") {
    support::witness log;
    const auto error = support::thrown_by<covey::supervisor_gave_up>([&] {
        support::run_virtual([&]() -> covey::task<> {
            covey::supervisor_options options{.strategy = strategy::one_for_all, .intensity = 2};
            options.backoff = covey::backoff::none();
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    for (int i = 0; i < 5; ++i) co_await supervisor.start({}, support::obedient);
                    co_await supervisor.start({}, support::fails_after, 1s, "crash");
                });
        });
    });
    CHECK(error.failures().size() == 3);
    std::size_t starts = 0;
    for (const covey::supervision_event& each : log.events())
        if (each.what == kind::start) ++starts;
    CHECK(starts == 18);
}

TEST_CASE("a group restart brings nobody back who had ended for good (SV16, SC22)") {
    for (const auto which : {strategy::one_for_all, strategy::rest_for_one}) {
        support::witness log;
        support::run_virtual([&]() -> covey::task<> {
            int failures = 1;
            co_await covey::with_supervisor(
                group(which), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "fails"}, support::fails_at_first, &failures,
                                              2s, "crash");
                    co_await supervisor.start({.name = "done"}, support::returns_after, 1s);
                    const auto stopped =
                        co_await supervisor.start({.name = "stopped"}, support::obedient);
                    co_await supervisor.start(
                        {.name = "temporary", .restart = covey::restart::temporary},
                        support::obedient);
                    co_await supervisor.start({.name = "lives"}, support::obedient);
                    co_await supervisor.stop(stopped);
                    co_await covey::sleep_for(5s);
                    supervisor.stop_all();
                });
        });
        CHECK(log.only({kind::start}) ==
              "0 start fails.1, 0 start done.1, 0 start stopped.1, 0 start temporary.1, "
              "0 start lives.1, 3 start fails.2, 3 start lives.2");
    }
}

TEST_CASE("a permanent child that has returned belongs to the group (SV16)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int runs = 0;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::obedient);
                co_await supervisor.start({.name = "b", .restart = covey::restart::permanent},
                                          [&]() -> covey::task<> {
                                              if (++runs == 1)
                                                  co_await covey::sleep_for(1s);
                                              else
                                                  co_await support::obedient();
                                          });
                co_await covey::sleep_for(5s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::start}) ==
          "0 start a.1, 0 start b.1, 1 incident b.1 #1, 2 start a.2, 2 start b.2");
}

TEST_CASE("an error while the group is stopped stays with its incident (SV13, SC14)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        int stops = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    co_await support::obedient();
                    if (stops-- > 0) throw std::runtime_error("at its stop");
                });
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await covey::sleep_for(5s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::went_down, kind::start, kind::failed_to_stop}) ==
          "0 start a.1, 0 start b.1, 1 incident b.1 #1: crash, 1 went_down a.1: at its stop, "
          "2 start a.2, 2 start b.2");
}

TEST_CASE("what failed while the group was stopped is told when its supervisor gives up (SV13)") {
    const auto error = support::thrown_by<covey::supervisor_gave_up>([] {
        support::run_virtual([]() -> covey::task<> {
            int stops = 1;
            covey::supervisor_options options = group(strategy::one_for_all);
            options.intensity = 1;
            co_await covey::with_supervisor(
                options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                        co_await support::obedient();
                        if (stops-- > 0) throw std::runtime_error("at its stop");
                    });
                    co_await supervisor.start({.name = "b"}, support::fails_after, 1s, "crash");
                    co_await covey::sleep_forever();
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"crash", "at its stop", "crash"});
}

TEST_CASE("a crash while a later child still starts takes its start along (SV8a)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await supervisor.start({.name = "b"}, support::slow_start, 2s);
                CHECK(support::elapsed() == 5s);
                co_await supervisor.start({.name = "c"}, support::obedient);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::went_down, kind::start, kind::ready}) ==
          "0 start a.1, 0 ready a.1, 0 start b.1, 1 incident a.1 #1: crash, 2 went_down b.1, "
          "3 start a.2, 3 ready a.2, 3 start b.2, 5 ready b.2, 5 start c.1, 5 ready c.1");
}

TEST_CASE("a child started while its group is restarted comes last (SV7)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &failures, 3s,
                                          "crash");
                co_await supervisor.start({.name = "b"}, support::slow_start, 2s);
                co_await covey::sleep_until(covey::time_point(3500ms));
                co_await supervisor.start({.name = "c"}, support::slow_start, 1s);
                CHECK(support::elapsed() == 7s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::start, kind::ready}) ==
          "0 start a.1, 0 ready a.1, 0 start b.1, 2 ready b.1, 3 incident a.1 #1: crash, "
          "4 start a.2, 4 ready a.2, 4 start b.2, 6 ready b.2, 6 start c.1, 7 ready c.1");
}

TEST_CASE("a child stopped by hand in a group restart is left out (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                const auto b = co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                const auto c = co_await supervisor.start({.name = "c"}, support::slow_stop, 1s);
                co_await covey::sleep_until(covey::time_point(1500ms));
                co_await supervisor.stop(c);  // it stops already
                CHECK(support::elapsed() == 2s);
                co_await covey::sleep_until(covey::time_point(3500ms));
                co_await supervisor.stop(b);  // it is down
                CHECK(support::elapsed() == 3500ms);
                co_await covey::sleep_for(5s);
                supervisor.stop_all();
            });
    });
    lines story = log.story_after(6);
    story.resize(9);
    CHECK(story == lines{"1 incident a.1 #1: crash", "1 asked_to_stop c.1", "2 stopped c.1",
                         "2 asked_to_stop b.1", "3 went_down b.1", "3 backoff +1",
                         "3.5 stopped b.1", "4 start a.2", "4 ready a.2"});
}

TEST_CASE("a restart by hand in a group restart waits for the group (SV19)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                const auto a = co_await supervisor.start({.name = "a"}, support::fails_at_first,
                                                         &failures, 1s, "crash");
                const auto b = co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                co_await covey::sleep_until(covey::time_point(1500ms));
                co_await supervisor.restart(b);
                CHECK(support::elapsed() == 3s);
                co_await supervisor.restart(a);
                CHECK(support::elapsed() == 3s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::start}) ==
          "0 start a.1, 0 start b.1, 1 incident a.1 #1: crash, 3 start a.2, 3 start b.2, "
          "3 start a.3");
}

TEST_CASE("a restart by hand of a child that waits for its group starts nothing early (SV16)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                co_await covey::sleep_for(1500ms);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await supervisor.start({.name = "c"}, support::obedient);
                    });
                    co_await covey::sleep_for(100ms);
                    co_await supervisor.restart(supervisor.children().at(2).id);
                    CHECK(support::elapsed() == 3s);
                });
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::start}) ==
          "0 start a.1, 0 start b.1, 1 incident a.1 #1: crash, 3 start a.2, 3 start b.2, "
          "3 start c.1");
}

TEST_CASE("a child that goes down by hand while its group stops waits for the group (SV16)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            group(strategy::one_for_all), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                const auto b = co_await supervisor.start({.name = "b"}, support::slow_stop, 1s);
                co_await supervisor.start({.name = "c"}, support::slow_stop, 2s);
                co_await covey::sleep_for(500ms);
                co_await supervisor.restart(b);
                CHECK(support::elapsed() == 4s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::went_down, kind::start}) ==
          "0 start a.1, 0 start b.1, 0 start c.1, 1 incident a.1 #1: crash, 1.5 went_down b.1, "
          "3 went_down c.1, 4 start a.2, 4 start b.2, 4 start c.2");
}

// b is too late, and takes its time to end: until then c isn't started.
TEST_CASE("in a group restart the next waits for one that is stopped while it starts (SV7, SV16)") {
    support::witness log;
    int run_of_a = 0, run_of_b = 0;
    support::run_watched(
        log, group(covey::strategy::rest_for_one),
        [&](covey::supervisor& supervisor) -> covey::task<> {
            co_await supervisor.start({.name = "a"},
                                      [&](covey::task_status<void> status) -> covey::task<> {
                                          status.started();
                                          if (++run_of_a == 1)
                                              co_await support::fails_after(1s, "crash");
                                          co_await support::obedient();
                                      });
            co_await supervisor.start({.name = "b", .start_limit = 1s},
                                      [&](covey::task_status<void> status) -> covey::task<> {
                                          if (++run_of_b == 2)
                                              co_await covey::shielded(covey::sleep_for(5s));
                                          status.started();
                                          co_await support::obedient();
                                      });
            co_await supervisor.start({.name = "c"}, support::obedient);
            co_await covey::sleep_for(30s);
            supervisor.stop_all();
        });
    // b.2 starts at 2 s, is late at 3 s, and gone at 7 s.
    lines starts;
    for (const std::string& line : log.story())
        if (line.find("start c") != std::string::npos || line.find("start b") != std::string::npos)
            starts.push_back(line);
    REQUIRE(starts.size() >= 4);
    CHECK(starts[2] == "2 start b.2");
    CHECK(starts[3] == "8 start b.3");
}
