// SPDX-License-Identifier: BSL-1.0
#include <covey/supervision_event.hpp>

#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <set>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using covey::supervision_event;
using kind = covey::supervision_event::kind;

TEST_CASE("an event reads as a line (SV2)") {
    supervision_event event{.at = covey::time_point(1050ms),
                            .what = kind::incident,
                            .child = {2},
                            .incarnation = 3,
                            .name = "worker",
                            .error = std::make_exception_ptr(std::runtime_error("disk full"))};
    CHECK(to_string(event) == "1.05 s: incident 'worker' #2, incarnation 3: disk full");
    event.error = std::make_exception_ptr(7);
    CHECK(to_string(event) ==
          "1.05 s: incident 'worker' #2, incarnation 3: an error that is no std::exception");
    event.error = nullptr;
    CHECK(to_string(event) == "1.05 s: incident 'worker' #2, incarnation 3");
    event.what = kind::backoff;
    event.delay = 100ms;
    CHECK(to_string(event) == "1.05 s: backoff 'worker' #2, incarnation 3, 0.1 s");
    CHECK(to_string(supervision_event{.at = {}, .what = kind::closing, .name = "top"}) ==
          "0 s: closing 'top'");
}

TEST_CASE("every kind of event has a name of its own") {
    std::set<std::string> names;
    for (int i = 0; i <= static_cast<int>(kind::closed); ++i)
        names.insert(to_string(static_cast<kind>(i)));
    CHECK(names.size() == 21);
    CHECK(names.count("unknown") == 0);
    CHECK(to_string(kind::closed) == std::string("closed"));
    CHECK(to_string(static_cast<kind>(99)) == std::string("unknown"));
}

TEST_CASE("the events of an incident carry its number (SV2)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 2;
        co_await covey::with_supervisor(
            support::observed({.strategy = covey::strategy::one_for_all}),
            [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::obedient);
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
    });
    std::string seen;
    for (const supervision_event& each : log.events())
        if (each.child.value == 2)
            seen += std::to_string(each.incident) + to_string(each.what) + " ";
    CHECK(seen ==
          "0start 0ready 1incident 1start 1ready 2incident 2start 2ready 2asked_to_stop 2stopped ");
}

TEST_CASE("a budget that can't be used up is worth an event (SV15)") {
    const auto first_event = [](covey::duration first) {
        support::witness log;
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_supervisor(
                support::observed({.intensity = 5, .period = 30s, .backoff = {.first = first}}),
                [&](covey::supervisor& supervisor) { log.watch(supervisor); });
        });
        return log.story().at(0);
    };
    CHECK(first_event(6s) == "0 closing");
    CHECK(first_event(6s + 1ns) == "0 unreachable_budget");
}
