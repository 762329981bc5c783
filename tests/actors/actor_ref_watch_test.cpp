// SPDX-License-Identifier: BSL-1.0
// watch(): exactly one `down` for each await, at the final end of an actor.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::hold;
using support::scribe;
using support::trace;

TEST_CASE("many watch one actor, and each is told once (SV31, SC21)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            int told = 0;
            for (int i = 0; i < 5; ++i) {
                nursery.start_soon(
                    [](covey::actor_ref<scribe> watched, int& count) -> covey::task<> {
                        const covey::down end = co_await watched.watch();
                        CHECK(end.id == watched.id());
                        CHECK(end.reason == covey::exit_reason::stopped);
                        CHECK_FALSE(end.error);
                        CHECK(support::elapsed() == 1s);
                        ++count;
                    },
                    ref, std::ref(told));
            }
            co_await covey::sleep_for(1s);
            CHECK(told == 0);
            ref.stop();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(told == 5);
            // Afterwards: at once.
            const covey::down end = co_await ref.watch();
            CHECK(end.reason == covey::exit_reason::stopped);
            CHECK(support::elapsed() == 1s);
        });
    }
}

TEST_CASE("when a watch ends, the actor and everything of it is gone (SV20)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        nursery.start_soon([&]() -> covey::task<> {
            co_await ref.watch();
            log.note("down");
        });
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        co_await ref.watch();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start stopped gone down");
    });
}

TEST_CASE("a cancelled watch leaves no trace (K17)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto end = co_await covey::move_on_after(1s, ref.watch());
        CHECK_FALSE(end.finished());
        ref.stop();
        co_await ref.watch();
        // Already over, and cancelled before it begins.
        const auto late = co_await covey::move_on_after(0s, ref.watch());
        CHECK_FALSE(late.finished());
    });
}

TEST_CASE("watching an end that comes in the same step as a cancellation gives one of them (K17)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            trace log;
            covey::event gate;
            bool told = false, finished = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
                co_await ref.tell(hold{&gate});
                covey::cancel_scope* scope = nullptr;
                nursery.start_soon([&]() -> covey::task<> {
                    finished = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& own) -> covey::task<> {
                            scope = &own;
                            co_await ref.watch();
                            told = true;
                        });
                });
                co_await covey::testing::wait_all_tasks_blocked();
                ref.stop();
                gate.set();
                for (std::uint64_t i = 0; i < 6 && !told; ++i) co_await covey::checkpoint();
                if (!told) scope->cancel();
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(told == finished);
            });
        });
    }
}

TEST_CASE("the error that an actor failed with is in its down") {
    struct failing : covey::actor {
        void handle(int) { throw std::runtime_error("boom"); }
        covey::verdict on_error(const std::exception_ptr&) override { return covey::verdict::stop; }
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<failing>(nursery, {});
        co_await ref.tell(1);
        const covey::down end = co_await ref.watch();
        CHECK(end.reason == covey::exit_reason::finished);
        CHECK(support::message_of(end.error) == "boom");
    });
}
