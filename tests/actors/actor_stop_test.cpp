// SPDX-License-Identifier: BSL-1.0
// What an actor hears of the reason for its end.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>

using namespace std::chrono_literals;
using support::scribe;

TEST_CASE("on_stop hears that an idle actor was stopped, whoever noticed it first (SV11, SV31)") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        support::trace log;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(owner, {}, std::ref(log));
                co_await covey::sleep_for(1s);
                ref.stop();
                const covey::down end = co_await ref.watch();
                CHECK(end.reason == covey::exit_reason::stopped);
            });
        });
        CHECK(log.text() == "start stopped gone");
    }
}

TEST_CASE("a stop that follows a restart by hand is a stop for on_stop (SV11, SV19)") {
    support::trace log;
    support::run_virtual(support::default_seed, [&]() -> covey::task<> {
        co_await covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(owner, {}, std::ref(log));
            co_await owner.restart(owner.children().front().id);
            ref.stop();
            const covey::down end = co_await ref.watch();
            CHECK(end.reason == covey::exit_reason::stopped);
        });
    });
    CHECK(log.text() == "start restarting gone start stopped gone");
}
