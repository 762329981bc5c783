// SPDX-License-Identifier: BSL-1.0
// What is done about a child that nothing ends, when waiting for it is not wanted.
#include "support/catch.hpp"
#include "support/own_process.hpp"
#include "support/supervision.hpp"

#include <covey/lowlevel/alarm.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

// Hears no cancellation, and no piercing, for an hour.
covey::task<> hears_nothing() {
    covey::lowlevel::alarm clock;
    co_await clock.wait(covey::time_point(1h), nullptr);
}

void stop_who_hears_nothing() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, []() -> covey::task<> {
        co_await covey::with_supervisor(
            {.name = "shop", .unresponsive = covey::unresponsive::terminate_process},
            [](covey::supervisor& supervisor) -> covey::task<> {
                const auto id = co_await supervisor.start({.name = "deaf", .grace = 1s, .hard = 2s},
                                                          hears_nothing);
                co_await supervisor.stop(id);
            });
    });
}

}  // namespace

TEST_CASE("an unresponsive child ends the process if that is wanted, with the tree (SV11, SC12)") {
    const std::string words = support::last_words_of(stop_who_hears_nothing);
    CHECK_THAT(words, Contains("covey: child 'deaf' of supervisor 'shop' doesn't end although its "
                               "shields were pierced"));
    CHECK_THAT(words, Contains("supervisor 'shop', one_for_one, 1 child"));
    CHECK_THAT(words, Contains("child 'deaf', stopping"));
}
