// SPDX-License-Identifier: BSL-1.0
// Operations made from a ref keep the actor, whatever becomes of the ref.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using support::echo;
using support::hold;
using support::note;
using support::scribe;
using support::trace;

namespace {

using scribe_ref = covey::actor_ref<scribe>;

// The only ref of an actor that has ended.
covey::task<scribe_ref> ref_of_ended(trace& log) {
    scribe_ref ref;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        ref = co_await covey::start_actor<scribe>(nursery, {.name = "clerk"}, std::ref(log));
        ref.stop();
    });
    co_return ref;
}

template <class Operation>
covey::task<std::string> error_of(Operation operation) {
    try {
        co_await std::move(operation);
    } catch (const covey::actor_stopped_error& error) {
        co_return error.what();
    }
    co_return "none";
}

}  // namespace

TEST_CASE("an operation that was kept tells of an actor that nothing else keeps (SV21)") {
    support::with_actors([](covey::nursery&, trace& log) -> covey::task<> {
        const std::string stopped = "actor 'clerk' has stopped and takes no more messages";
        const note told{"a"};  // copied: one that is moved goes back, and has to be there for it
        const echo asked{"b"};
        {
            auto ref = std::optional(co_await ref_of_ended(log));
            auto kept = ref->tell(told);
            ref.reset();
            const std::string error = co_await error_of(std::move(kept));
            CHECK(error == stopped);
        }
        {
            auto ref = co_await ref_of_ended(log);
            auto kept = ref.ask(asked);
            ref = {};
            const std::string error = co_await error_of(std::move(kept));
            CHECK(error == stopped);
        }
        {
            auto ref = co_await ref_of_ended(log);
            auto one = ref.tell(told);
            auto two = ref.tell(told);
            const scribe_ref elsewhere = std::move(ref);
            co_await covey::checkpoint();
            const std::string error = co_await error_of(std::move(two));
            CHECK(error == stopped);
        }
        CHECK(log.text() == "start stopped gone start stopped gone start stopped gone");
    });
}

TEST_CASE("an operation that was kept arrives though its ref is gone (SV21)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        auto first = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const scribe_ref other = first;
        auto told = first.tell(note{"told"});
        auto asked = first.ask(echo{"asked"});
        first = {};
        co_await covey::sleep_for(1s);
        co_await std::move(told);
        const std::string answer = co_await std::move(asked);
        CHECK(answer == "asked!");
        other.stop();
        CHECK(log.text() == "start told asked");
    });
}

TEST_CASE("operations that nobody awaits leave no trace (SV21)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        {
            auto one = ref.tell(note{"a"});
            auto two = ref.ask(echo{"b"});
            auto three = std::move(one);
            static_cast<void>(two);
            static_cast<void>(three);
        }
        static_cast<void>(covey::move_on_after(1s, ref.tell(note{"c"})));
        ref.stop();
        CHECK(ref.statistics().accepted == 0);
        CHECK(log.text() == "start");
    });
}

TEST_CASE("who waits for room keeps the actor until it is told of its end (SV28)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        auto ref = co_await covey::start_actor<scribe>(nursery, {.name = "clerk", .mailbox = 1},
                                                       std::ref(log));
        co_await ref.tell(hold{&gate});
        co_await covey::checkpoint();
        co_await ref.tell(note{"queued"});
        std::string error;
        nursery.start_soon(
            [](scribe_ref to, std::string& result) -> covey::task<> {
                const note message{"waits"};
                auto waiting = to.tell(message);
                result = co_await error_of(std::move(waiting));
            },
            ref, std::ref(error));
        co_await covey::sleep_for(1s);
        CHECK(ref.statistics().tasks_waiting_send == 1);
        ref.stop();
        ref = {};
        gate.set();
        co_await covey::sleep_for(1s);
        CHECK(error == "actor 'clerk' has stopped and takes no more messages");
        CHECK(log.text() == "start held( )held stopped gone");
    });
}

TEST_CASE("the place of a reply outlives whoever looks at the request last (SV29)") {
    struct curious : covey::actor {
        covey::task<int> handle(covey::event* gate) {
            kept.emplace(current_request());
            co_await gate->wait();
            co_return 1;
        }
        int handle(bool) const { return kept->caller_gone() ? 1 : 0; }
        std::optional<covey::request_status> kept;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        covey::event open, gate;
        open.set();
        const auto ref = co_await covey::start_actor<curious>(nursery, {});
        const int answer = co_await ref.ask(&open);
        CHECK(answer == 1);
        const int gone_when_answered = co_await ref.ask(true);
        CHECK(gone_when_answered == 0);
        const auto late = co_await covey::move_on_after(1s, ref.ask(&gate));
        CHECK(!late.finished());
        gate.set();
        const int gone = co_await ref.ask(true);
        CHECK(gone == 1);
        ref.stop();
    });
}
