// SPDX-License-Identifier: BSL-1.0
// Actors that refuse what is sent while they are down: child_options::reject_while_down.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/race.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>

#include <optional>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::scribe;
using support::with_pause;

namespace {

// How long to wait, as a tell says; nothing: it was sent, or waits.
std::optional<covey::duration> refusal_of(const covey::actor_ref<scribe>& ref, const char* text) {
    support::note message{text};
    try {
        const bool sent = ref.try_tell(std::move(message));
        CHECK(sent);
        return std::nullopt;
    } catch (const covey::actor_unavailable_error& error) {
        CHECK(message.text == text);  // still the sender's
        CHECK_THAT(error.what(), Contains("'s'"));
        return error.retry_after();
    }
}

}  // namespace

TEST_CASE("while it is down an actor may refuse what is sent, and says until when (SV25)") {
    support::trace log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(
                    supervisor, {.name = "s", .reject_while_down = true}, std::ref(log));
                co_await ref.tell(support::fail{});
                co_await ref.tell(support::note{"queued before"});
                co_await covey::sleep_for(250ms);
                CHECK(refusal_of(ref, "early") == 750ms);
                co_await covey::sleep_for(500ms);
                support::note told{"told"};
                bool refused = false;
                try {
                    co_await ref.tell(std::move(told));
                } catch (const covey::actor_unavailable_error& error) {
                    refused = error.retry_after() == 250ms;
                }
                CHECK(refused);
                CHECK(told.text == "told");
                refused = false;
                try {
                    static_cast<void>(co_await ref.ask(support::echo{"asked"}));
                } catch (const covey::actor_unavailable_error& error) {
                    refused = error.retry_after() == 250ms;
                }
                CHECK(refused);
                CHECK(support::accounted(ref) == 2);
                co_await covey::sleep_for(251ms);
                CHECK(refusal_of(ref, "back") == std::nullopt);
                co_await covey::checkpoint();
                ref.stop();
                co_await ref.watch();
                support::note late{"late"};
                CHECK(support::try_told(ref, late) == "stopped");
            });
    });
    CHECK(log.text() == "start failed gone start queued before back stopped gone");
}

TEST_CASE("by default the mailbox stays open while its actor is down (SV25)") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        co_await covey::with_supervisor(
            with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(
                    supervisor, {.name = "s", .mailbox = 1}, std::ref(log));
                co_await ref.tell(support::fail{});
                co_await covey::sleep_for(500ms);
                CHECK(refusal_of(ref, "queued") == std::nullopt);
                support::note message{"no room"};
                CHECK(support::try_told(ref, message) == "full");
                ref.stop();
            });
    });
}

TEST_CASE("a send that waits when its actor goes down waits on (SV25)") {
    support::trace log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<scribe>(
                    supervisor, {.mailbox = 1, .reject_while_down = true}, std::ref(log));
                covey::event gate;
                co_await ref.tell(support::hold{&gate});
                co_await covey::checkpoint();
                co_await ref.tell(support::fail{});
                std::string result;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (const char* text : {"a", "b"}) {
                        nursery.start_soon(
                            support::note_tell<covey::actor_ref<scribe>, support::note>, ref,
                            support::note{text}, std::ref(result));
                    }
                    co_await covey::sleep_for(500ms);
                    gate.set();
                });
                CHECK(result == "sent");
                co_await covey::sleep_for(1s);
                ref.stop();
            });
    });
    CHECK(log.text() == "start held( )held failed gone start a b stopped gone");
}

TEST_CASE("a member of a group that is being stopped doesn't know when it is back (SV16, SV25)") {
    support::trace log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            with_pause({.strategy = covey::strategy::one_for_all}),
            [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({}, support::slow_stop, 1s);
                const auto ref = co_await covey::start_actor<scribe>(
                    supervisor, {.name = "s", .reject_while_down = true}, std::ref(log));
                co_await ref.tell(support::fail{});
                co_await covey::sleep_for(500ms);
                CHECK(refusal_of(ref, "?") == 0s);
                co_await covey::sleep_for(1s);
                CHECK(refusal_of(ref, "?") == 500ms);
                co_await covey::sleep_for(501ms);
                CHECK(refusal_of(ref, "!") == std::nullopt);
                co_await covey::checkpoint();
                supervisor.stop_all();
            });
    });
    CHECK(log.text() == "start failed gone start ! stopped gone");
}
