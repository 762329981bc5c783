// SPDX-License-Identifier: BSL-1.0
// Supervisors below supervisors: who may cut whose shutdown short.
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/supervisor.hpp>
#include <covey/timeout.hpp>

#include <string>

using namespace std::chrono_literals;
using support::lines;
using support::observed;

namespace {

// A supervisor of three children that need that long to stop.
covey::task<> inner(support::witness& log, covey::supervisor_options options,
                    covey::duration each) {
    options.name = "inner";
    co_await covey::with_supervisor(
        observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
            log.watch(supervisor);
            for (const char* name : {"a", "b", "c"})
                co_await supervisor.start({.name = name}, support::slow_stop, each);
        });
}

}  // namespace

TEST_CASE("a child in which a supervisor closes isn't pierced before that has closed (SV10)") {
    support::witness below;
    support::witness above;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                above.watch(supervisor);
                co_await supervisor.start({.name = "i", .grace = 1s}, inner, std::ref(below),
                                          covey::supervisor_options{}, 4s);
                co_await covey::sleep_for(1s);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 13s);
    });
    CHECK(below.story_after(6) == lines{"1 closing", "1 asked_to_stop c.1", "5 stopped c.1",
                                        "5 asked_to_stop b.1", "9 stopped b.1",
                                        "9 asked_to_stop a.1", "13 stopped a.1", "13 closed"});
    CHECK(above.story_after(2) == lines{"1 closing", "1 asked_to_stop i.1", "2 cancelled i.1",
                                        "13 stopped i.1", "13 closed"});
}

TEST_CASE("what such a child does afterwards is pierced at once (SV10, SV11)") {
    support::witness below;
    support::witness above;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                above.watch(supervisor);
                co_await supervisor.start({.name = "i", .grace = 1s}, [&]() -> covey::task<> {
                    co_await covey::finally(inner(below, {}, 4s),
                                            [] { return covey::shielded(covey::sleep_for(1h)); });
                });
                co_await covey::sleep_for(1s);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 13s);
    });
    CHECK(above.story_after(2) == lines{"1 closing", "1 asked_to_stop i.1", "2 cancelled i.1",
                                        "13 pierced i.1", "13 stopped i.1", "13 closed"});
}

TEST_CASE("an outer close_deadline reaches through the supervisors below (SV10, SC13)") {
    support::witness below;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed({.close_deadline = 6s}), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "i"}, inner, std::ref(below),
                                          covey::supervisor_options{}, 4s);
                co_await covey::sleep_for(1s);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 7s);
    });
    CHECK(below.only({covey::supervision_event::kind::stopped}) ==
          "5 stopped c.1, 7 stopped a.1, 7 stopped b.1");
}

// Its body was just starting children: the refusal is how it hears of the stop.
TEST_CASE("a supervisor that is asked to stop while it starts children hasn't failed (SV12)") {
    support::witness below;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "i"}, inner, std::ref(below),
                                          covey::supervisor_options{}, 4s);
                supervisor.stop_all();
            });
        CHECK(support::elapsed() == 4s);
    });
    CHECK(below.story() == lines{"0 start a.1", "0 ready a.1", "0 closing", "0 asked_to_stop a.1",
                                 "4 stopped a.1", "4 closed"});
}
