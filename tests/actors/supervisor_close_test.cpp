// SPDX-License-Identifier: BSL-1.0
// How a supervisor closes: when, in what order, within what time.
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
using covey::close_when;
using covey::stop_order;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

covey::task<> start_slow(covey::supervisor& supervisor, const char* name, covey::duration length,
                         covey::child_options options = {}) {
    options.name = name;
    co_await supervisor.start(options, support::slow_stop, length);
}

// Ends when it is told to, by returning or by an error.
covey::task<> ends_at(covey::duration when, bool fails = false) {
    co_await covey::sleep_until(covey::time_point(when));
    if (fails) throw std::runtime_error("crash");
}

constexpr covey::child_options significant{.significant = true};

// When a supervisor with these children closes by itself, or 100 s.
template <class F>
covey::duration closes_at(close_when when, F children) {
    covey::duration result{};
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::move_on_after(100s, [&]() -> covey::task<> {
            covey::supervisor_options options{.intensity = 0, .close_when = when};
            try {
                co_await covey::with_supervisor(observed(options), children);
            } catch (const covey::supervisor_gave_up&) {
            }
        });
        result = support::elapsed();
    });
    return result;
}

}  // namespace

TEST_CASE("children are stopped one by one in reverse, or together (SV9)") {
    const auto run = [](stop_order order) {
        support::witness log;
        support::run_watched(log, observed({.stop_order = order}),
                             [&](covey::supervisor& supervisor) -> covey::task<> {
                                 co_await start_slow(supervisor, "a", 1s);
                                 co_await start_slow(supervisor, "b", 3s);
                                 co_await start_slow(supervisor, "c", 2s);
                                 supervisor.stop_all();
                             });
        return log.story_after(6);
    };
    CHECK(run(stop_order::reverse) == lines{"0 closing", "0 asked_to_stop c.1", "2 stopped c.1",
                                            "2 asked_to_stop b.1", "5 stopped b.1",
                                            "5 asked_to_stop a.1", "6 stopped a.1", "6 closed"});
    CHECK(run(stop_order::together) ==
          lines{"0 closing", "0 asked_to_stop a.1", "0 asked_to_stop b.1", "0 asked_to_stop c.1",
                "1 stopped a.1", "2 stopped c.1", "3 stopped b.1", "3 closed"});
}

TEST_CASE("an outer cancellation is turned into stops in order, and then passes on (SV9)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        support::witness log;
        support::run_virtual(seed, [&]() -> covey::task<> {
            const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await start_slow(supervisor, "a", 1s);
                        co_await start_slow(supervisor, "b", 2s);
                        co_await covey::sleep_forever();
                    });
                FAIL("passed");
            });
            CHECK_FALSE(result.finished());
            CHECK(support::elapsed() == 4s);
        });
        CHECK(log.story_after(4) == lines{"1 closing", "1 asked_to_stop b.1", "3 stopped b.1",
                                          "3 asked_to_stop a.1", "4 stopped a.1", "4 closed"});
    }
}

TEST_CASE("a cancellation of the supervisor's own scope ends with it (SV9)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(observed(),
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            log.watch(supervisor);
                                            co_await start_slow(supervisor, "a", 1s);
                                            co_await start_slow(supervisor, "b", 2s);
                                            supervisor.scope().cancel("enough");
                                            co_await covey::sleep_forever();
                                        });
        CHECK(support::elapsed() == 3s);
    });
    CHECK(log.story_after(4) == lines{"0 closing", "0 asked_to_stop b.1", "2 stopped b.1",
                                      "2 asked_to_stop a.1", "3 stopped a.1", "3 closed"});
}

TEST_CASE("asked politely, a supervisor closes, and its body is cancelled after 5 s (SV9)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await start_slow(supervisor, "a", 1s);
                        co_await covey::sleep_for(1s);
                        scope.soft_cancel();
                        co_await covey::sleep_forever();
                    });
                CHECK(support::elapsed() == 6s);
            });
        CHECK(result.finished());
    });
    CHECK(log.story_after(2) ==
          lines{"1 closing", "1 asked_to_stop a.1", "2 stopped a.1", "6 closed"});
}

TEST_CASE("the body of a stopped supervisor is asked, cancelled and pierced in turn (SV11)") {
    covey::duration asked{};
    covey::duration end{};
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(observed(),
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            supervisor.stop_all();
                                            co_await covey::current_scope().until_soft_cancelled();
                                            asked = support::elapsed();
                                            co_await covey::shielded(covey::sleep_forever());
                                        });
        end = support::elapsed();
    });
    CHECK(asked == 0s);
    CHECK(end == 10s);
}

TEST_CASE("all_done closes when the body and every child have ended (SV6)") {
    CHECK(closes_at(close_when::all_done, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await supervisor.start({}, ends_at, 2s, false);
              co_await supervisor.start({}, ends_at, 3s, false);
          }) == 3s);
    CHECK(closes_at(close_when::all_done, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await supervisor.start({}, ends_at, 2s, false);
              co_await covey::sleep_for(5s);
          }) == 5s);
    CHECK(closes_at(close_when::all_done, [](covey::supervisor&) -> covey::task<> { co_return; }) ==
          0s);
    CHECK(closes_at(close_when::all_done, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await supervisor.start({}, support::endless);
          }) == 105s);
}

TEST_CASE("a significant end means nothing to all_done (SV6)") {
    CHECK(closes_at(close_when::all_done, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await supervisor.start(significant, ends_at, 1s, false);
              co_await supervisor.start({}, ends_at, 3s, false);
          }) == 3s);
}

TEST_CASE("cancelled closes only by cancellation or stop_all (SV6)") {
    CHECK(closes_at(close_when::cancelled, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await supervisor.start(significant, ends_at, 1s, false);
          }) == 100s);
    CHECK(closes_at(close_when::cancelled, [](covey::supervisor& supervisor) -> covey::task<> {
              co_await covey::sleep_for(2s);
              supervisor.stop_all();
          }) == 2s);
}

TEST_CASE("any_significant closes with the first significant end (SV6)") {
    const auto first_ends = [](bool fails, covey::restart type) {
        return closes_at(close_when::any_significant,
                         [=](covey::supervisor& supervisor) -> covey::task<> {
                             co_await supervisor.start({.restart = type, .significant = true},
                                                       ends_at, 1s, fails);
                             co_await supervisor.start(significant, ends_at, 50s, false);
                             co_await supervisor.start({}, support::obedient);
                         });
    };
    CHECK(first_ends(false, covey::restart::transient) == 6s);  // 5 s for the one that doesn't hear
    CHECK(first_ends(false, covey::restart::temporary) == 6s);
    CHECK(first_ends(true, covey::restart::temporary) == 6s);
}

TEST_CASE("all_significant closes with the last significant end (SV6)") {
    CHECK(
        closes_at(close_when::all_significant, [](covey::supervisor& supervisor) -> covey::task<> {
            co_await supervisor.start(significant, ends_at, 1s, false);
            co_await supervisor.start(significant, ends_at, 4s, false);
            co_await supervisor.start({}, support::obedient);
        }) == 4s);
}

TEST_CASE("insignificant ends close nothing, but with nothing left to do it is over (SV6)") {
    for (const auto when : {close_when::any_significant, close_when::all_significant}) {
        CHECK(closes_at(when, [](covey::supervisor& supervisor) -> covey::task<> {
                  co_await supervisor.start({}, ends_at, 1s, false);
                  co_await supervisor.start({}, ends_at, 7s, false);
                  co_await supervisor.start(
                      {.restart = covey::restart::temporary, .significant = false}, ends_at, 2s,
                      true);
              }) == 7s);
    }
}

TEST_CASE("a significant child that its owner stopped has not ended significantly (SV6)") {
    for (const auto when : {close_when::any_significant, close_when::all_significant}) {
        CHECK(closes_at(when, [](covey::supervisor& supervisor) -> covey::task<> {
                  const auto a = co_await supervisor.start(significant, support::obedient);
                  co_await supervisor.start({}, ends_at, 9s, false);
                  co_await supervisor.stop(a);
              }) == 9s);
    }
}

// What never was there has not ended.
TEST_CASE("a significant child whose first start fails has not ended significantly (SV6, SV8a)") {
    for (const auto when : {close_when::any_significant, close_when::all_significant}) {
        CHECK(closes_at(when, [](covey::supervisor& supervisor) -> covey::task<> {
                  bool failed = false;
                  try {
                      co_await supervisor.start(significant,
                                                [] { throw std::runtime_error("no start"); });
                  } catch (const covey::start_failed_error&) {
                      failed = true;
                  }
                  CHECK(failed);
                  co_await supervisor.start({}, ends_at, 9s, false);
              }) == 9s);
    }
}

TEST_CASE("a restart is no end, significant or not (SV6)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 2;
        co_await covey::with_supervisor(observed({.close_when = close_when::any_significant}),
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            log.watch(supervisor);
                                            co_await supervisor.start(
                                                {.name = "a", .significant = true},
                                                [&]() -> covey::task<> {
                                                    if (failures-- > 0)
                                                        co_await support::fails_after(1s, "crash");
                                                    co_await covey::sleep_for(1s);
                                                });
                                            co_await covey::sleep_for(10s);
                                        });
    });
    CHECK(log.only({kind::closing}) == "3.15 closing");
}

TEST_CASE("when the closing deadline has passed, all that is left is cancelled (SV10)") {
    support::witness log;
    support::run_watched(log, observed({.close_deadline = 3s}),
                         [&](covey::supervisor& supervisor) -> covey::task<> {
                             co_await start_slow(supervisor, "a", 9s);
                             co_await start_slow(supervisor, "b", 9s);
                             co_await start_slow(supervisor, "c", 2s);
                             supervisor.stop_all();
                         });
    CHECK(log.story_after(6) == lines{"0 closing", "0 asked_to_stop c.1", "2 stopped c.1",
                                      "2 asked_to_stop b.1", "3 close_deadline",
                                      "3 asked_to_stop a.1", "3 cancelled a.1", "3 cancelled b.1",
                                      "3 stopped a.1", "3 stopped b.1", "3 closed"});
}

TEST_CASE("the closing deadline reaches through a nested supervisor (SV10, SC13)") {
    // The inner one would give its child 20 s, the outer one gives the inner one 50 s, and
    // itself 3.
    support::witness outer;
    support::witness inner;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed({.close_deadline = 3s, .name = "outer"}),
            [&](covey::supervisor& supervisor) -> covey::task<> {
                outer.watch(supervisor);
                co_await supervisor.start(
                    {.name = "inner", .grace = 50s, .hard = 60s}, [&]() -> covey::task<> {
                        co_await covey::with_supervisor(
                            observed(), [&](covey::supervisor& nested) -> covey::task<> {
                                inner.watch(nested);
                                co_await start_slow(nested, "a", 30s, {.grace = 20s, .hard = 40s});
                                co_await start_slow(nested, "b", 30s, {.grace = 20s, .hard = 40s});
                                co_await support::obedient();
                            });
                    });
                co_await covey::sleep_for(1s);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 4s);
    });
    CHECK(outer.story_after(2) == lines{"1 closing", "1 asked_to_stop inner.1", "4 close_deadline",
                                        "4 cancelled inner.1", "4 stopped inner.1", "4 closed"});
    CHECK(inner.story_after(4) ==
          lines{"1 closing", "1 asked_to_stop b.1", "4 stopped a.1", "4 stopped b.1", "4 closed"});
}

TEST_CASE(
    "the hard limit of a nested supervisor ends what its own children may take (SV10, SC13)") {
    support::witness inner;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto id =
                    co_await supervisor.start({.grace = 2s, .hard = 4s}, [&]() -> covey::task<> {
                        co_await covey::with_supervisor(
                            observed(), [&](covey::supervisor& nested) -> covey::task<> {
                                inner.watch(nested);
                                co_await start_slow(nested, "a", 30s, {.grace = 20s, .hard = 40s});
                                co_await support::obedient();
                            });
                    });
                co_await supervisor.stop(id);
                CHECK(support::elapsed() == 4s);
            });
    });
    CHECK(inner.story_after(2) ==
          lines{"0 closing", "0 asked_to_stop a.1", "4 stopped a.1", "4 closed"});
}

TEST_CASE("errors while closing are raised together, after the one that began it (SV13, SC14)") {
    support::witness log;
    const auto error = support::thrown_by<covey::exception_group>([&] {
        support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
            co_await supervisor.start({.name = "a"}, support::fails_to_stop, 1s, "a!");
            co_await supervisor.start({.name = "b"}, support::fails_to_stop, 1s, "b!");
            throw std::runtime_error("body");
        });
    });
    CHECK(support::messages_of(error) == lines{"body", "b!", "a!"});
    CHECK(log.story_after(4) == lines{"0 closing", "0 asked_to_stop b.1",
                                      "1 failed_to_stop b.1: b!", "1 asked_to_stop a.1",
                                      "2 failed_to_stop a.1: a!", "2 closed"});
}

TEST_CASE("errors while closing win over a cancellation from outside (SV13, SV18)") {
    support::run_virtual([]() -> covey::task<> {
        lines messages;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            try {
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        co_await supervisor.start({}, support::fails_to_stop, 1s, "at the stop");
                        co_await covey::sleep_forever();
                    });
            } catch (const covey::exception_group& error) {
                messages = support::messages_of(error);
            }
        });
        CHECK(messages == lines{"at the stop"});
        CHECK(result.finished());
    });
}

TEST_CASE("a child that fails by itself while others are stopped is an error, too (SV13)") {
    support::witness log;
    const auto error = support::thrown_by<covey::exception_group>([&] {
        support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
            co_await supervisor.start({.name = "a"}, support::fails_after, 1s, "crash");
            co_await start_slow(supervisor, "b", 2s);
            supervisor.stop_all();
        });
    });
    CHECK(support::messages_of(error) == lines{"crash"});
    CHECK(log.story_after(4) == lines{"0 closing", "0 asked_to_stop b.1",
                                      "1 failed_to_stop a.1: crash", "2 stopped b.1", "2 closed"});
}

TEST_CASE("a child that returns by itself while others are stopped is done (SV12)") {
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "a", .restart = covey::restart::permanent},
                                  support::returns_after, 1s);
        co_await start_slow(supervisor, "b", 2s);
        supervisor.stop_all();
    });
    CHECK(log.story_after(4) == lines{"0 closing", "0 asked_to_stop b.1", "1 completed a.1",
                                      "2 stopped b.1", "2 closed"});
}

TEST_CASE("a child that asks something of its closing supervisor doesn't block it (SC20)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        lines answers;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::obedient);
                co_await supervisor.start({.name = "b"}, [&]() -> covey::task<> {
                    co_await support::obedient();
                    const auto handle = log.handle();
                    answers.push_back(std::to_string(handle.children().size()));
                    for (int which = 0; which < 3; ++which) {
                        try {
                            if (which == 0) co_await handle.stop({.value = 1});
                            if (which == 1) co_await handle.restart({.value = 1});
                            if (which == 2) co_await handle.start({}, support::obedient);
                        } catch (const covey::closed_nursery_error&) {
                            answers.push_back("closing");
                        }
                    }
                    handle.stop_all();
                });
                supervisor.stop_all();
            });
        CHECK(answers == lines{"2", "closing", "closing", "closing"});
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("stop_all is told once, and may come from a child (SV9)") {
    support::witness log;
    support::run_watched(log, observed({.close_when = close_when::cancelled}),
                         [&](covey::supervisor& supervisor) -> covey::task<> {
                             co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                                 co_await covey::sleep_for(1s);
                                 log.handle().stop_all();
                                 log.handle().stop_all("again");
                                 co_await support::obedient();
                             });
                         });
    CHECK(log.story_after(2) ==
          lines{"1 closing", "1 asked_to_stop a.1", "1 stopped a.1", "1 closed"});
}
