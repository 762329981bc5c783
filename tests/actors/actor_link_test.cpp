// SPDX-License-Identifier: BSL-1.0
// What others hear of restarts, and actors that end with each other: watch_restart() and link().
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::scribe;

namespace {

covey::supervisor_options with_pause(covey::supervisor_options options = {}) {
    options.backoff = {.first = 1s, .factor = 1, .max = 1s};
    return support::observed(options);
}

// "2 at 1 s, 3 at 2 s, end at 5 s": every restart of the actor, and its end.
covey::task<> note_restarts(covey::actor_ref<scribe> ref, support::trace& seen) {
    std::uint32_t last = 0;
    for (;;) {
        const auto restarted = co_await ref.watch_restart(last);
        const std::string at = fmt::format(" at {:g} s", support::in_seconds(support::elapsed()));
        seen.note(restarted ? std::to_string(*restarted) + at : "end" + at);
        if (!restarted) co_return;
        last = *restarted;
    }
}

// What note_restarts() sees of a supervised actor while body(ref) runs, which stops it in the end.
template <class F>
std::string restarts_noted_during(F body) {
    support::trace log;
    support::trace seen;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(note_restarts, ref, std::ref(seen));
                    co_await body(ref);
                });
            });
    });
    return seen.text();
}

// Fails in on_start where it is told to.
class slow_to_start : public scribe {
 public:
    slow_to_start(support::trace& log, int* failures) : scribe(log), failures_(failures) {}

 protected:
    covey::task<> on_start() override {
        co_await covey::sleep_for(2s);
        if ((*failures_)-- > 0) throw std::runtime_error("no start");
    }

 private:
    int* failures_;
};

// How two linked actors end: "failed, stopped".
std::string ends_of(const covey::down& one, const covey::down& other) {
    return fmt::format("{}, {}", to_string(one.reason), to_string(other.reason));
}

}  // namespace

TEST_CASE("every restart is told once, in order, and then the end (SV31)") {
    const std::string seen =
        restarts_noted_during([](covey::actor_ref<scribe> ref) -> covey::task<> {
            co_await covey::checkpoint();
            for (int i = 0; i < 2; ++i) co_await ref.tell(support::fail{});
            co_await covey::sleep_for(5s);
            ref.stop();
            static_cast<void>(co_await ref.watch());
            const auto after_the_end = co_await ref.watch_restart(1);
            CHECK(after_the_end == std::nullopt);
        });
    CHECK(seen == "2 at 1 s 3 at 2 s end at 5 s");
}

TEST_CASE("a restart is told when the actor is ready again, not while it tries (SV31, SV7)") {
    support::trace log;
    support::trace seen;
    int failures = 0;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<slow_to_start>(
                    supervisor, {}, std::ref(log), &failures);
                failures = 1;
                co_await ref.tell(support::fail{});  // at 2 s
                co_await covey::sleep_for(2s);       // the second one starts
                CHECK(ref.incarnation().number() == 2);
                const auto restarted = co_await ref.watch_restart();
                CHECK(restarted == std::uint32_t{3});
                CHECK(support::elapsed() == 2s + 1s + 2s + 1s + 2s);
                const auto at_once = co_await ref.watch_restart(1);
                CHECK(at_once == std::uint32_t{3});
                supervisor.stop_all();
            });
    });
}

TEST_CASE("waiting for a restart is cancelled without a trace, others are told (SV31)") {
    const std::string seen =
        restarts_noted_during([](covey::actor_ref<scribe> ref) -> covey::task<> {
            const auto first = co_await covey::move_on_after(1s, ref.watch_restart());
            CHECK_FALSE(first.finished());
            co_await ref.tell(support::fail{});
            // The restart and the limit come in the same instant: one of them counts.
            const auto second = co_await covey::move_on_after(1s, ref.watch_restart());
            CHECK((second.finished() || support::elapsed() == 2s));
            co_await covey::sleep_for(1s);
            ref.stop();
        });
    CHECK(seen == "2 at 2 s end at 3 s");
    CHECK(support::left_behind() == "");
}

TEST_CASE("a linked actor that fails takes the other along, whatever that is doing (SV31)") {
    covey::event never_set;
    support::with_actors([&](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        std::string ends;
        try {
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                const auto busy =
                    co_await covey::start_actor<scribe>(nursery, {.name = "busy"}, std::ref(log));
                const auto fails =
                    co_await covey::start_actor<scribe>(inner, {.name = "fails"}, std::ref(log));
                nursery.start_soon([&log, &ends, busy, fails]() -> covey::task<> {
                    co_await covey::link(fails, busy);
                    log.note("linked no more");
                    const covey::down one = co_await fails.watch();
                    const covey::down other = co_await busy.watch();
                    ends = ends_of(one, other);
                    CHECK(support::elapsed() == 1s);  // no grace for the busy one
                });
                co_await busy.tell(support::hold{&never_set});
                co_await busy.tell(support::note{"queued"});
                co_await covey::sleep_for(1s);
                co_await fails.tell(support::fail{});
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group&) {
        }
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(ends == "failed, stopped");
        CHECK_THAT(log.text(), Contains("linked no more"));
    });
}

TEST_CASE("under a supervisor a link holds through restarts, to the end of one for good (SV31)") {
    support::trace log;
    support::witness events;
    covey::event never_set;
    support::run_virtual([&]() -> covey::task<> {
        covey::actor_ref<scribe> other;
        covey::actor_ref<scribe> fails;
        co_await covey::with_nursery([&](covey::nursery& around) -> covey::task<> {
            covey::event linked;
            around.start_soon([&]() -> covey::task<> {
                co_await covey::with_supervisor(
                    with_pause({.name = "other"}),
                    [&](covey::supervisor& supervisor) -> covey::task<> {
                        events.watch(supervisor);
                        other = co_await covey::start_actor<scribe>(
                            supervisor, {.name = "o", .grace = 1min}, std::ref(log));
                        co_await other.tell(support::hold{&never_set});
                        linked.set();
                        co_await covey::sleep_forever();
                    });
            });
            co_await linked.wait();
            try {
                co_await covey::with_supervisor(
                    with_pause({.intensity = 1, .name = "failing"}),
                    [&](covey::supervisor& supervisor) -> covey::task<> {
                        fails = co_await covey::start_actor<scribe>(supervisor, {.name = "f"},
                                                                    std::ref(log));
                        around.start_soon(covey::link, fails, other);
                        co_await fails.tell(support::fail{});
                        co_await covey::sleep_for(2s);
                        CHECK(other.statistics().in_progress == 1);
                        co_await fails.tell(support::fail{});
                        co_await covey::sleep_forever();
                    });
            } catch (const covey::supervisor_gave_up&) {
            }
            const covey::down one = co_await fails.watch();
            const covey::down two = co_await other.watch();
            CHECK(ends_of(one, two) == "gave_up, stopped");
            CHECK(support::elapsed() == 2s);
            around.cancel();
        });
    });
    using kind = covey::supervision_event::kind;
    CHECK(events.only({kind::cancelled, kind::stopped, kind::start}) ==
          "0 start o.1, 2 cancelled o.1, 2 stopped o.1");
}

TEST_CASE(
    "an actor that ends without failing leaves the other alone, and the link is over (SV31)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        const auto one = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto other = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        covey::event over;
        nursery.start_soon([&]() -> covey::task<> {
            co_await covey::link(one, other);
            over.set();
        });
        co_await covey::sleep_for(1s);
        CHECK_FALSE(over.is_set());
        one.stop();
        co_await over.wait();
        co_await other.tell(support::note{"alive"});
        other.stop();
        co_await other.watch();
        CHECK_THAT(log.text(), Contains("alive stopped"));
    });
}

TEST_CASE("a link to an actor that has failed already ends the other at once (SV31)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        covey::actor_ref<scribe> gone;
        try {
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                gone = co_await covey::start_actor<scribe>(inner, {}, std::ref(log));
                co_await gone.tell(support::fail{});
            });
        } catch (const covey::exception_group&) {
        }
        const auto other = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        co_await covey::link(other, gone);
        const covey::down end = co_await other.watch();
        CHECK(end.reason == covey::exit_reason::stopped);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("a link that is cancelled changes nothing (SV31)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        const auto one = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto other = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto linked = co_await covey::move_on_after(1s, covey::link(one, other));
        CHECK_FALSE(linked);
        co_await one.tell(support::note{"one"});
        co_await other.tell(support::note{"other"});
        co_await covey::checkpoint();
        one.stop();
        other.stop();
    });
    CHECK(support::left_behind() == "");
}

TEST_CASE("restarts, their watchers and cancellations race on several workers, race_mt (SV31)") {
    for (std::size_t round = 0; round < support::rounds(20); ++round) {
        support::faults wrong;
        support::run_mt(3, round, [&]() -> covey::task<> {
            support::trace log;
            covey::supervisor_options options{.intensity = 1'000'000};
            options.backoff = covey::backoff::none();
            co_await covey::with_supervisor(
                options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    const auto ref =
                        co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        for (int i = 0; i < 3; ++i) {
                            nursery.start_soon([&, i]() -> covey::task<> {
                                std::uint32_t last = 0;
                                for (;;) {
                                    if (i == 0)
                                        co_await covey::move_on_after(5us, ref.watch_restart(last));
                                    const auto next = co_await ref.watch_restart(last);
                                    if (!next) co_return;
                                    wrong.expect(*next > last, "restarts are told in order");
                                    last = *next;
                                }
                            });
                        }
                        for (int i = 0; i < 20; ++i) {
                            co_await ref.tell(support::fail{});
                            co_await covey::checkpoint();
                        }
                        ref.stop();
                    });
                });
        });
        CHECK(wrong.text() == "");
    }
    CHECK(support::left_behind() == "");
}
