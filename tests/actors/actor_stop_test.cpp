// SPDX-License-Identifier: BSL-1.0
// What an actor hears of the reason for its end, and what becomes of its queue.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/timeout.hpp>

#include <string>

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

// ---- on_stop::finish

namespace {

// Three notes of a second each, and a request, behind a message that is being handled; then
// stop(ref, supervisor). Gives what the supervisor's log and the actor's accounts say.
struct ending {
    std::string story, accounts, answer;
    covey::duration took{};
};
struct slow_note {
    std::string text;
};
class diarist : public scribe {
 public:
    using scribe::handle;
    using scribe::scribe;
    covey::task<> handle(slow_note message) {
        co_await covey::sleep_for(1s);
        log_.note(message.text);
    }
};
template <class F>
ending stopped_while_busy(covey::child_options options, F stop) {
    ending result;
    support::trace log;
    options.on_stop = covey::on_stop::finish;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            support::observed(), [&](covey::supervisor& owner) -> covey::task<> {
                const auto ref =
                    co_await covey::start_actor<diarist>(owner, options, std::ref(log));
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (const char* text : {"1", "2", "3"}) co_await ref.tell(slow_note{text});
                    nursery.start_soon(support::note_ask<covey::actor_ref<diarist>, support::echo>,
                                       ref, support::echo{"?"}, std::ref(result.answer));
                    co_await covey::sleep_for(500ms);
                    stop(ref, owner);
                    support::note late{"late"};
                    co_await covey::checkpoint();
                    CHECK(support::try_told(ref, late) == "stopped");
                    CHECK(late.text == "late");
                    const covey::down end = co_await ref.watch();
                    CHECK(end.reason == covey::exit_reason::stopped);
                    result.took = support::elapsed() - 500ms;
                });
                support::accounted(ref);
                result.accounts = support::accounts(ref);
            });
    });
    result.story = log.text();
    return result;
}
void by_address(const covey::actor_ref<diarist>& ref, covey::supervisor&) { ref.stop(); }
void by_closing(const covey::actor_ref<diarist>&, covey::supervisor& owner) { owner.stop_all(); }

}  // namespace

TEST_CASE("with on_stop finish the queue is handled, requests fail at once (SV11, SV28)") {
    for (const auto stop : {by_address, by_closing}) {
        const ending end = stopped_while_busy({}, stop);
        CHECK(end.story == "start 1 2 3 stopped gone");
        CHECK(end.accounts == "handled 3, queued 0, returned 1, dead 0");
        CHECK(end.answer == "stopped");
        CHECK(end.took == 2500ms);
    }
}

TEST_CASE("what is not finished at the grace is a dead letter, the one in progress too (SV11)") {
    for (const auto stop : {by_address, by_closing}) {
        const ending end = stopped_while_busy({.grace = 1s}, stop);
        CHECK(end.story == "start 1 stopped gone");
        CHECK(end.accounts == "handled 1, queued 0, returned 1, dead 2");
        CHECK(end.took == 1s);
    }
}

TEST_CASE("an idle actor with on_stop finish ends at once (SV11)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(
            nursery, {.on_stop = covey::on_stop::finish}, std::ref(log));
        co_await covey::sleep_for(1s);
        ref.stop();
        co_await ref.watch();
        CHECK(support::elapsed() == 1s);
        CHECK(log.text() == "start stopped gone");
    });
}

TEST_CASE("under a nursery on_stop finish means the same (SV11, SV28)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<diarist>(
            nursery, {.grace = 3s, .on_stop = covey::on_stop::finish}, std::ref(log));
        for (const char* text : {"1", "2", "3", "4"}) co_await ref.tell(slow_note{text});
        co_await covey::sleep_for(500ms);
        ref.stop();
        co_await ref.watch();
        CHECK(support::elapsed() == 3500ms);
        CHECK(log.text() == "start 1 2 3 stopped gone");
        CHECK(support::accounts(ref) == "handled 3, queued 0, returned 0, dead 1");
    });
}

TEST_CASE("a handler that fails while its actor finishes ends it, the rest is dead (SV11, SV5)") {
    support::witness events;
    support::trace log;
    std::string accounts;
    const auto error = support::thrown_by<covey::exception_group>([&] {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_supervisor(
                support::observed(), [&](covey::supervisor& owner) -> covey::task<> {
                    events.watch(owner);
                    const auto ref = co_await covey::start_actor<scribe>(
                        owner, {.name = "s", .on_stop = covey::on_stop::finish}, std::ref(log));
                    covey::event gate;
                    co_await ref.tell(support::hold{&gate});
                    co_await ref.tell(support::fail{});
                    co_await ref.tell(support::note{"never"});
                    co_await covey::sleep_for(1s);
                    owner.stop_all();
                    co_await covey::checkpoint();
                    gate.set();
                    co_await ref.watch();
                    accounts = support::accounts(ref);
                });
        });
    });
    CHECK(support::messages_of(error) == support::lines{"boom"});
    CHECK(log.text() == "start held( )held failed gone");
    CHECK(accounts == "handled 1, queued 0, returned 0, dead 2");
}

TEST_CASE("an actor that is down has nobody to finish its queue (SV11, SV28)") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        covey::supervisor_options options = support::observed();
        options.backoff.first = 1s;
        co_await covey::with_supervisor(options, [&](covey::supervisor& owner) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(
                owner, {.on_stop = covey::on_stop::finish}, std::ref(log));
            co_await ref.tell(support::fail{});
            co_await ref.tell(support::note{"never"});
            co_await covey::sleep_for(500ms);
            ref.stop();
            co_await ref.watch();
            CHECK(support::elapsed() == 500ms);
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 2");
        });
    });
}

TEST_CASE("a restart keeps the queue of an actor that would finish it at its end (SV11, SV23)") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        co_await covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(
                owner, {.on_stop = covey::on_stop::finish}, std::ref(log));
            covey::event gate;
            co_await ref.tell(support::hold{&gate});
            co_await ref.tell(support::note{"next"});
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(
                    [&]() -> covey::task<> { co_await owner.restart(owner.children()[0].id); });
                co_await covey::sleep_for(1s);
                gate.set();
            });
            ref.stop();
            co_await ref.watch();
            CHECK(log.text() == "start held( )held restarting gone start next stopped gone");
        });
    });
}
