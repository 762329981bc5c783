// SPDX-License-Identifier: BSL-1.0
// CAF actors as children of nurseries and supervisors.
#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/supervisor.hpp>
#include <covey/testing.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::caf_host;
using covey::nursery;
using covey::task;

namespace {

using end = caf::atom_constant<caf::atom("end")>;
using fail = caf::atom_constant<caf::atom("fail")>;

caf::behavior worker(caf::event_based_actor* self) {
    return {
        [=](end) { self->quit(); },
        [=](fail) { self->quit(caf::sec::runtime_error); },
        [](int value) { return value + 1; },
    };
}

// Doesn't end when it is asked to.
caf::behavior stubborn(caf::event_based_actor* self) {
    self->set_exit_handler([](caf::exit_msg&) {});
    return worker(self);
}

template <class F>
void with_host(F body) {
    support::run_virtual([&]() -> task<> {
        co_await covey::with_caf([&](caf_host& host) -> task<> { co_await body(host); });
    });
}

}  // namespace

TEST_CASE("an adopted CAF actor: its normal end is that of the child") {
    with_host([](caf_host& host) -> task<> {
        bool has_ended = false;
        const auto actor = host.system().spawn(worker);
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            home.start_soon([&]() -> task<> {
                co_await host.adopt(actor);
                has_ended = true;
            });
            co_await covey::sleep_for(1s);
            CHECK_FALSE(has_ended);
            caf::anon_send(actor, end::value);
        });
        CHECK(has_ended);
        co_await host.adopt(actor);  // one that has ended already: at once
    });
}

TEST_CASE("an adopted CAF actor: its failure is that of the child, and cancels the others (N20)") {
    with_host([](caf_host& host) -> task<> {
        const auto actor = host.system().spawn(worker);
        std::string text;
        bool was_cancelled = true;
        try {
            co_await covey::with_nursery([&](nursery& home) -> task<> {
                home.start_soon([&]() -> task<> { co_await host.adopt(actor); });
                home.start_soon([&]() -> task<> {
                    co_await covey::sleep_for(1h);
                    was_cancelled = false;
                });
                caf::anon_send(actor, fail::value);
                co_return;
            });
        } catch (const covey::exception_group& errors) {
            const auto* error = errors.find<covey::caf_error>();
            if (error != nullptr && error->error() == caf::sec::runtime_error) text = error->what();
        }
        CHECK_THAT(text, Contains("covey: CAF actor ") &&
                             Contains(" has ended: system_error(runtime_error)"));
        CHECK(was_cancelled);
    });
}

TEST_CASE("an adopted CAF actor is asked to end, and killed after the grace when it doesn't") {
    support::run_virtual([]() -> task<> {
        for (const bool ends_when_asked : {true, false}) {
            const auto before = covey::now();
            co_await covey::with_caf({.grace = 3s}, [&](caf_host& host) -> task<> {
                const auto actor = host.system().spawn(ends_when_asked ? worker : stubborn);
                co_await covey::with_nursery([&](nursery& home) -> task<> {
                    home.start_soon([&]() -> task<> { co_await host.adopt(actor); });
                    co_await covey::sleep_for(1s);
                    home.cancel();
                });
            });
            CHECK(covey::now() - before == (ends_when_asked ? 1s : 4s));
        }
    });
}

TEST_CASE("an adopted CAF actor is stopped by a supervisor's ladder: asked, then killed (SV11)") {
    for (const bool ends_when_asked : {true, false}) {
        with_host([&](caf_host& host) -> task<> {
            const auto before = covey::now();
            co_await covey::with_supervisor([&](covey::supervisor& keeper) -> task<> {
                const auto child =
                    co_await keeper.start({.name = "worker", .grace = 2s}, [&]() -> task<> {
                        co_await host.adopt(
                            host.system().spawn(ends_when_asked ? worker : stubborn));
                    });
                co_await covey::sleep_for(1s);
                co_await keeper.stop(child);
            });
            CHECK(covey::now() - before == (ends_when_asked ? 1s : 3s));
        });
    }
}

TEST_CASE("an adopted CAF actor that fails is started again by its supervisor (SV1)") {
    with_host([](caf_host& host) -> task<> {
        int incarnations = 0;
        co_await covey::with_supervisor([&](covey::supervisor& keeper) -> task<> {
            const auto child =
                co_await keeper.start({.restart = covey::restart::transient}, [&]() -> task<> {
                    ++incarnations;
                    const auto actor = host.system().spawn(worker);
                    if (incarnations < 3) caf::anon_send(actor, fail::value);
                    co_await host.adopt(actor);
                });
            co_await covey::sleep_for(1h);
            co_await keeper.stop(child);
        });
        CHECK(incarnations == 3);
    });
}

TEST_CASE("adopting no actor is refused") {
    with_host([](caf_host& host) -> task<> {
        std::string text;
        try {
            co_await host.adopt(caf::actor());
        } catch (const std::invalid_argument& error) {
            text = error.what();
        }
        CHECK_THAT(text, Contains("adopt() of no CAF actor"));
    });
}

TEST_CASE("adopted CAF actors on two workers: end, failure and cancellation meet") {
    const std::size_t count = support::rounds(200);
    std::size_t ended = 0;
    support::run_mt(2, 1, [&]() -> task<> {
        co_await covey::with_caf([&](caf_host& host) -> task<> {
            support::dice random(1);
            for (std::size_t round = 0; round < count; ++round) {
                const auto actor = host.system().spawn(worker);
                const bool fails = random.roll(2) == 0;
                try {
                    co_await covey::with_nursery([&](nursery& home) -> task<> {
                        home.start_soon([&]() -> task<> { co_await host.adopt(actor); });
                        if (fails)
                            caf::anon_send(actor, fail::value);
                        else
                            caf::anon_send(actor, end::value);
                        support::dawdle(random);
                        if (random.roll(2) == 0) home.cancel();
                        co_return;
                    });
                } catch (const covey::exception_group& errors) {
                    if (errors.find<covey::caf_error>() == nullptr) throw;
                }
                ++ended;
            }
        });
    });
    CHECK(ended == count);
}
