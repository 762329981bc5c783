// SPDX-License-Identifier: BSL-1.0
// An outer cancellation in every phase of a restart: it becomes a close, nothing is started any
// more, and the incident that was being dealt with stays in the log.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using covey::strategy;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

// Three children: a and c need a second to start, and to stop; b fails at 5 s. The delay is 2 s.
// What is logged from the moment of the cancellation on, and when it is over.
struct course {
    lines story;
    covey::duration end{};
    friend bool operator==(const course&, const course&) = default;
};

[[maybe_unused]] std::ostream& operator<<(std::ostream& out, const course& what) {
    for (const std::string& each : what.story) out << each << "\n";
    return out << support::in_seconds(what.end);
}

covey::task<> start_and_stop_slowly(covey::task_status<void> status) {
    co_await covey::sleep_for(1s);
    status.started();
    co_await support::obedient();
    co_await covey::sleep_for(1s);
}

covey::task<> fails_once(int* failures, covey::duration after) {
    const auto asked = co_await covey::move_on_after(after, support::obedient());
    if (!asked && (*failures)-- > 0) throw std::runtime_error("crash");
    if (!asked) co_await support::obedient();
}

course cancelled_at(covey::duration when, strategy which, std::uint64_t seed = 1) {
    support::witness log;
    course result;
    support::run_virtual(seed, [&]() -> covey::task<> {
        int failures = 1;
        const auto limited = co_await covey::move_on_after(when, [&]() -> covey::task<> {
            covey::supervisor_options options{.strategy = which};
            options.backoff.first = 2s;
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "a"}, start_and_stop_slowly);
                    co_await supervisor.start({.name = "b"}, fails_once, &failures, 4s);
                    co_await supervisor.start({.name = "c"}, start_and_stop_slowly);
                    co_await covey::sleep_forever();
                });
        });
        CHECK_FALSE(limited.finished());
        result.end = support::elapsed();
    });
    lines all = log.story();
    const auto closing = std::find_if(all.begin(), all.end(), [](const std::string& line) {
        return line.find(" closing") != std::string::npos;
    });
    result.story = {closing, all.end()};
    CHECK(log.only({kind::start}).size() > 0);
    return result;
}

}  // namespace

TEST_CASE("cancelled while a child starts for the first time (SV18, SC9)") {
    CHECK(cancelled_at(500ms, strategy::one_for_one) ==
          course{{"0.5 closing", "0.5 asked_to_stop a.1", "0.5 cancelled a.1", "0.5 stopped a.1",
                  "0.5 closed"},
                 500ms});
}

TEST_CASE("cancelled while all run (SV18, SC9)") {
    for (const auto which :
         {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one}) {
        CHECK(cancelled_at(3s, which) ==
              course{{"3 closing", "3 asked_to_stop c.1", "4 stopped c.1", "4 asked_to_stop b.1",
                      "4 stopped b.1", "4 asked_to_stop a.1", "5 stopped a.1", "5 closed"},
                     5s});
    }
}

TEST_CASE("cancelled while a child waits to be started again (SV12, SV18, SC9)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(cancelled_at(6s, strategy::one_for_one, seed) ==
              course{{"6 closing", "6 stopped b.1", "6 asked_to_stop c.1", "7 stopped c.1",
                      "7 asked_to_stop a.1", "8 stopped a.1", "8 closed"},
                     8s});
    }
}

TEST_CASE("cancelled while a group is stopped (SV12, SV18, SC9)") {
    // c is on its way down, a still runs.
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(cancelled_at(5500ms, strategy::one_for_all, seed) ==
              course{{"5.5 closing", "5.5 stopped b.1", "6 stopped c.1", "6 asked_to_stop a.1",
                      "7 stopped a.1", "7 closed"},
                     7s});
    }
    CHECK(cancelled_at(6500ms, strategy::one_for_all) ==
          course{{"6.5 closing", "6.5 stopped b.1", "6.5 stopped c.1", "7 stopped a.1", "7 closed"},
                 7s});
    CHECK(cancelled_at(5500ms, strategy::rest_for_one) ==
          course{{"5.5 closing", "5.5 stopped b.1", "6 stopped c.1", "6 asked_to_stop a.1",
                  "7 stopped a.1", "7 closed"},
                 7s});
}

TEST_CASE("cancelled while a group waits (SV12, SV18, SC9)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(cancelled_at(8s, strategy::one_for_all, seed) ==
              course{{"8 closing", "8 stopped a.1", "8 stopped b.1", "8 stopped c.1", "8 closed"},
                     8s});
    }
    CHECK(cancelled_at(7s, strategy::rest_for_one) ==
          course{{"7 closing", "7 stopped b.1", "7 stopped c.1", "7 asked_to_stop a.1",
                  "8 stopped a.1", "8 closed"},
                 8s});
}

TEST_CASE("cancelled while a group is started (SV12, SV18, SC9)") {
    // a.2 starts from 9 to 10, c.2 from 10 to 11.
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(cancelled_at(9500ms, strategy::one_for_all, seed) ==
              course{{"9.5 closing", "9.5 asked_to_stop a.2", "9.5 cancelled a.2",
                      "9.5 stopped b.1", "9.5 stopped c.1", "9.5 stopped a.2", "9.5 closed"},
                     9500ms});
        CHECK(cancelled_at(10500ms, strategy::one_for_all, seed) ==
              course{{"10.5 closing", "10.5 asked_to_stop c.2", "10.5 cancelled c.2",
                      "10.5 stopped c.2", "10.5 asked_to_stop b.2", "10.5 stopped b.2",
                      "10.5 asked_to_stop a.2", "11.5 stopped a.2", "11.5 closed"},
                     11500ms});
    }
}

TEST_CASE("cancelled again while it closes changes nothing (SV9)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        const auto outer = co_await covey::move_on_after(3s, [&]() -> covey::task<> {
            const auto inner = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await supervisor.start({.name = "a"}, support::slow_stop, 4s);
                        co_await supervisor.start({.name = "b"}, support::slow_stop, 4s);
                        co_await covey::sleep_forever();
                    });
            });
            static_cast<void>(inner);
            FAIL("passed");
        });
        CHECK_FALSE(outer.finished());
        CHECK(support::elapsed() == 9s);
    });
    CHECK(log.story_after(4) == lines{"1 closing", "1 asked_to_stop b.1", "5 stopped b.1",
                                      "5 asked_to_stop a.1", "9 stopped a.1", "9 closed"});
}

TEST_CASE("cancelled while it gives up: the errors win (SV17, SV18)") {
    support::run_virtual([]() -> covey::task<> {
        bool gave_up = false;
        const auto limited = co_await covey::move_on_after(2s, [&]() -> covey::task<> {
            try {
                co_await covey::with_supervisor(
                    observed({.intensity = 0}), [](covey::supervisor& supervisor) -> covey::task<> {
                        co_await supervisor.start({}, support::fails_after, 1s, "crash");
                        co_await supervisor.start({}, support::slow_stop, 3s);
                        co_await covey::sleep_forever();
                    });
            } catch (const covey::supervisor_gave_up&) {
                gave_up = true;
            }
        });
        CHECK(gave_up);
        CHECK(limited.finished());
        CHECK(support::elapsed() == 4s);
    });
}

TEST_CASE("incidents before a cancellation don't escalate (SV18)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        const auto limited = co_await covey::move_on_after(1020ms, [&]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "a"}, support::fails_after, 1s, "crash");
                    co_await covey::sleep_forever();
                });
        });
        CHECK_FALSE(limited.finished());
    });
    CHECK(log.story_after(2) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +0.05",
                                      "1.02 closing", "1.02 stopped a.1", "1.02 closed"});
}

TEST_CASE("a supervisor opened in a cancelled scope starts nothing (SV12)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await supervisor.start({.name = "a"}, support::obedient);
                        FAIL("started");
                    });
                FAIL("passed");
            });
        CHECK_FALSE(result.finished());
    });
    CHECK(log.story() == lines{"0 closing", "0 closed"});
}

TEST_CASE("a cancellation that comes when all is done takes nothing away (SV9)") {
    support::run_virtual([]() -> covey::task<> {
        int value = 0;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                value = co_await covey::with_supervisor(
                    observed(), [&](covey::supervisor&) -> covey::task<int> {
                        scope.cancel();
                        co_return 7;
                    });
            });
        CHECK(value == 7);
        CHECK(result.finished());
    });
}
