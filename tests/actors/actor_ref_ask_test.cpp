// SPDX-License-Identifier: BSL-1.0
// Asking actors: replies, and every way in which there is none.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using support::echo;
using support::fail;
using support::failing_echo;
using support::held_echo;
using support::hold;
using support::note;
using support::note_ask;
using support::scribe;
using support::trace;

namespace {

using scribe_ref = covey::actor_ref<scribe>;

covey::task<scribe_ref> start_scribe(covey::nursery& nursery, trace& log,
                                     covey::child_options options = {}) {
    return covey::start_actor<scribe>(nursery, options, std::ref(log));
}

}  // namespace

TEST_CASE("ask gives what the handler returns, whatever its kind") {
    struct by_value {};
    struct by_reference {};
    struct moving {};
    struct nothing {};
    struct later {};
    struct nothing_later {};
    struct all_kinds : covey::actor {
        int handle(by_value) { return 1; }
        const std::string& handle(by_reference) const { return text_; }
        std::unique_ptr<int> handle(moving) { return std::make_unique<int>(2); }
        void handle(nothing) { ++count_; }
        covey::task<std::unique_ptr<int>> handle(later) {
            co_await covey::sleep_for(1s);
            co_return std::make_unique<int>(3);
        }
        covey::task<> handle(nothing_later) { co_await covey::checkpoint(); }

        std::string text_ = "four";
        int count_ = 0;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<all_kinds>(nursery, {});
        {
            const auto got = co_await ref.ask(by_value());
            CHECK(got == 1);
        }
        {
            const auto got = co_await ref.ask(by_reference());
            CHECK(got == "four");
        }
        {
            const auto got = co_await ref.ask(moving());
            CHECK(*got == 2);
        }
        co_await ref.ask(nothing());
        {
            const auto got = co_await ref.ask(later());
            CHECK(*got == 3);
        }
        CHECK(support::elapsed() == 1s);
        co_await ref.ask(nothing_later());
        // Told, the results are dropped.
        co_await ref.tell(moving());
        co_await ref.tell(later());
        co_await ref.ask(nothing());
        CHECK(support::elapsed() == 2s);
        CHECK(support::accounts(ref) == "handled 9, queued 0, returned 0, dead 0");
        nursery.cancel();
    });
}

TEST_CASE("one handler at a time: a message waits while a handler awaits") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            covey::event gate;
            const auto ref = co_await start_scribe(nursery, log);
            std::string first, second;
            nursery.start_soon(note_ask<scribe_ref, held_echo>, ref, held_echo{&gate, "a"},
                               std::ref(first));
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(note_ask<scribe_ref, echo>, ref, echo{"b"}, std::ref(second));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(log.text() == "start a(");
            CHECK(ref.statistics().in_progress == 1);
            CHECK(ref.statistics().current_buffer_used == 1);
            gate.set();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(log.text() == "start a( )a b");
            CHECK(first == "a!");
            CHECK(second == "b!");
            nursery.cancel();
        });
    }
}

TEST_CASE("an ask waits for room in the mailbox, then for the reply") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            covey::event gate;
            const auto ref = co_await start_scribe(nursery, log, {.mailbox = 1});
            co_await ref.tell(hold{&gate});
            co_await covey::testing::wait_all_tasks_blocked();
            co_await ref.tell(note{"full"});
            std::string answer;
            nursery.start_soon(note_ask<scribe_ref, echo>, ref, echo{"a"}, std::ref(answer));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(ref.statistics().tasks_waiting_send == 1);
            CHECK(answer == "waits");
            gate.set();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(answer == "a!");
            CHECK(log.text() == "start held( )held full a");
            nursery.cancel();
        });
    }
}

TEST_CASE("a full mailbox that drops or refuses a request says so at once") {
    struct expected {
        covey::overflow policy;
        const char* oldest;
        const char* newest;
    };
    for (const expected& each : {expected{covey::overflow::drop_newest, "waits", "callee"},
                                 expected{covey::overflow::drop_oldest, "callee", "waits"},
                                 expected{covey::overflow::fail, "waits", "overflow"}}) {
        support::with_actors([each](covey::nursery& nursery, trace& log) -> covey::task<> {
            covey::event gate;
            const auto ref =
                co_await start_scribe(nursery, log, {.mailbox = 1, .overflow = each.policy});
            co_await ref.tell(hold{&gate});
            co_await covey::testing::wait_all_tasks_blocked();
            std::string oldest, newest;
            nursery.start_soon(note_ask<scribe_ref, echo>, ref, echo{"a"}, std::ref(oldest));
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(note_ask<scribe_ref, echo>, ref, echo{"b"}, std::ref(newest));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(oldest == each.oldest);
            CHECK(newest == each.newest);
            gate.set();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(ref.statistics().dead_letters == 0);
            CHECK(support::accounted(ref) == (each.policy == covey::overflow::fail ? 2 : 3));
            nursery.cancel();
        });
    }
}

TEST_CASE("a request that is dropped for room may be asked again: its actor goes on") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto ref = co_await start_scribe(
            nursery, log, {.mailbox = 1, .overflow = covey::overflow::drop_newest});
        co_await ref.tell(hold{&gate});
        co_await covey::testing::wait_all_tasks_blocked();
        co_await ref.tell(note{"a"});
        bool goes_on = false;
        try {
            co_await ref.ask(echo{"b"});
        } catch (const covey::callee_failed_error& error) {
            goes_on = error.restarting();
        }
        CHECK(goes_on);
        gate.set();
        co_await covey::testing::wait_all_tasks_blocked();
        co_await ref.tell(note{"c"});
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start held( )held a c");
        nursery.cancel();
    });
}

TEST_CASE("asking an actor that has ended fails and keeps the message (SV28)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await start_scribe(nursery, log, {.name = "late"});
        ref.stop();
        co_await ref.watch();
        echo message{"a text that is too long to be small"};
        std::string what;
        try {
            co_await ref.ask(std::move(message));
        } catch (const covey::actor_stopped_error& error) {
            what = error.what();
        }
        CHECK(what == "actor 'late' has stopped and takes no more messages");
        CHECK(message.text == "a text that is too long to be small");
    });
}

TEST_CASE("requests that are queued when the actor stops fail at once (SV28)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto ref = co_await start_scribe(nursery, log);
        std::string running, queued;
        nursery.start_soon(note_ask<scribe_ref, held_echo>, ref, held_echo{&gate, "a"},
                           std::ref(running));
        co_await covey::testing::wait_all_tasks_blocked();
        nursery.start_soon(note_ask<scribe_ref, echo>, ref, echo{"b"}, std::ref(queued));
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(running == "waits");  // its handler goes on
        CHECK(queued == "stopped");
        gate.set();
        co_await ref.watch();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(running == "a!");
        CHECK(log.text() == "start a( )a stopped gone");
        CHECK(support::accounts(ref) == "handled 1, queued 0, returned 1, dead 0");
    });
}

TEST_CASE("the request being handled when its actor dies fails at once (SV26, SC19)") {
    std::string what, cause;
    covey::actor_ref<scribe> ref;
    bool restarting = true;
    trace log;
    try {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await start_scribe(nursery, log, {.name = "frail"});
                try {
                    co_await ref.ask(failing_echo{"bang"});
                } catch (const covey::callee_failed_error& error) {
                    what = error.what();
                    cause = support::message_of(error.cause());
                    restarting = error.restarting();
                    CHECK(error.incarnation() == 1);
                }
            });
        });
        FAIL("nothing was thrown");
    } catch (const covey::exception_group& group) {
        CHECK(support::messages_of(group) == std::vector<std::string>{"bang"});
    }
    CHECK(what == "actor 'frail' (incarnation 1) failed while it handled the request: bang");
    CHECK(cause == "bang");
    CHECK_FALSE(restarting);
    CHECK(log.text() == "start failed gone");
    CHECK(support::accounts(ref) == "handled 0, queued 0, returned 1, dead 0");
}

TEST_CASE("the request whose handler is cut off fails at once (SV26)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event never_set;
        const auto ref = co_await start_scribe(nursery, log, {.grace = 1s});
        std::string answer;
        nursery.start_soon(note_ask<scribe_ref, held_echo>, ref, held_echo{&never_set, "a"},
                           std::ref(answer));
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(answer == "waits");
        co_await ref.watch();
        CHECK(support::elapsed() == 1s);
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(answer == "callee");
        CHECK(log.text() == "start a( stopped gone");
    });
}

TEST_CASE("an ask with a limit gives up then, and its handler goes on") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto ref = co_await start_scribe(nursery, log, {.name = "slow"});
        std::string what;
        try {
            co_await ref.ask(2s, held_echo{&gate, "a"});
        } catch (const covey::too_slow_error& error) {
            what = error.what();
        }
        CHECK(what == "asking actor 'slow' took longer than the time limit");
        CHECK(support::elapsed() == 2s);
        CHECK(ref.statistics().in_progress == 1);
        gate.set();
        const std::string next = co_await ref.ask(1s, echo{"b"});
        CHECK(next == "b!");
        CHECK(support::elapsed() == 2s);
        CHECK(log.text() == "start a( )a b");
        CHECK(support::accounts(ref) == "handled 2, queued 0, returned 0, dead 0");
        CHECK_THROWS_AS(static_cast<void>(ref.ask(-1s, echo{"c"})), std::invalid_argument);
        nursery.cancel();
    });
}

TEST_CASE("a request whose asker has gone is skipped, and isn't a dead letter (SV29)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto ref = co_await start_scribe(nursery, log);
        co_await ref.tell(hold{&gate});
        const auto limited = co_await covey::move_on_after(1s, ref.ask(echo{"limited"}));
        CHECK_FALSE(limited.finished());
        const auto cancelled =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                nursery.start_soon([&scope]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    scope.cancel();
                });
                co_await ref.ask(echo{"cancelled"});
            });
        CHECK_FALSE(cancelled);
        CHECK(ref.statistics().current_buffer_used == 2);
        gate.set();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start held( )held");
        CHECK(ref.statistics().abandoned == 2);
        CHECK(support::accounts(ref) == "handled 1, queued 0, returned 2, dead 0");
        nursery.cancel();
    });
}

TEST_CASE("a handler sees until when its asker waits, and whether it has gone (SV29)") {
    struct look {};
    struct watchful : covey::actor {
        explicit watchful(trace& log) : log_(log) {}
        covey::task<int> handle(look) {
            const covey::request_status asked = current_request();
            CHECK(asked.deadline() == covey::now() + 2s);
            CHECK_FALSE(asked.caller_gone());
            co_await covey::sleep_for(3s);
            CHECK(asked.caller_gone());
            log_.note("gone");
            co_return 1;
        }
        void handle(note) {
            CHECK_FALSE(current_request().caller_gone());
            CHECK(current_request().deadline() == covey::time_point::max());
            log_.note("told");
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<watchful>(nursery, {}, std::ref(log));
        // The nearer one of all limits around the ask.
        const auto answer = co_await covey::move_on_after(5s, [&]() -> covey::task<int> {
            const auto inner = co_await covey::move_on_after(2s, ref.ask(look()));
            co_return inner.finished() ? 1 : 0;
        });
        CHECK(*answer == 0);
        co_await ref.tell(note{"a"});
        co_await covey::sleep_for(5s);
        CHECK(log.text() == "gone told");
        nursery.cancel();
    });
}

TEST_CASE("a handler that asks its own actor is told that it would wait for ever") {
    struct selfish : covey::actor {
        explicit selfish(std::string& what) : what_(what) {}
        covey::task<int> handle(note) {
            try {
                co_return co_await self<selfish>().ask(5);
            } catch (const covey::would_deadlock_error& error) {
                what_ = error.what();
            }
            co_return -1;
        }
        int handle(int number) { return number; }
        std::string& what_;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        std::string what;
        const auto ref =
            co_await covey::start_actor<selfish>(nursery, {.name = "me"}, std::ref(what));
        const int answer = co_await ref.ask(note{""});
        CHECK(answer == -1);
        CHECK(what ==
              "a handler of actor 'me' asks the actor itself, which handles one message at a "
              "time: call the function instead");
        nursery.cancel();
    });
}

namespace {

struct pass {
    int hops;
};

// Asks the next one as long as there are hops.
class ring_member : public covey::actor {
 public:
    explicit ring_member(trace& log) : log_(log) {}
    void handle(covey::actor_ref<ring_member> next) { next_ = std::move(next); }
    covey::task<int> handle(pass token) {
        if (token.hops == 0) co_return 0;
        int below = -1;
        try {
            below = co_await next_.ask(pass{token.hops - 1});
        } catch (const covey::would_deadlock_error& error) {
            log_.note(error.what());
        }
        co_return below + 1;
    }

 private:
    covey::actor_ref<ring_member> next_;
    trace& log_;
};

covey::task<std::vector<covey::actor_ref<ring_member>>> start_ring(covey::nursery& nursery,
                                                                   trace& log) {
    std::vector<covey::actor_ref<ring_member>> ring;
    for (const char* name : {"a", "b", "c"})
        ring.push_back(
            co_await covey::start_actor<ring_member>(nursery, {.name = name}, std::ref(log)));
    for (std::size_t i = 0; i != 3; ++i) co_await ring[i].tell(ring[(i + 1) % 3]);
    co_return ring;
}

}  // namespace

TEST_CASE("handlers that would wait for each other are told so by the ask that closes the ring") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ring = co_await start_ring(nursery, log);
            const int chain = co_await ring[0].ask(pass{2});
            CHECK(chain == 2);
            CHECK(log.text() == "");
            const int cut = co_await ring[0].ask(pass{3});
            CHECK(cut == 2);
            CHECK(log.text() ==
                  "a handler of actor 'c' asks 'a', which waits for 'b', which waits for 'c': they "
                  "would wait for each other for ever; let one of them tell() instead");
            // Nothing of it is left.
            const int again = co_await ring[1].ask(pass{2});
            CHECK(again == 2);
            nursery.cancel();
        });
    }
}

TEST_CASE("a child of an actor may ask it: the handler is free meanwhile") {
    struct parent : covey::actor {
        explicit parent(std::string& answer) : answer_(answer) {}
        int handle(int number) { return number + 1; }
        void handle(note) {
            children().start_soon(
                [](covey::actor_ref<parent> me, std::string& answer) -> covey::task<> {
                    const int reply = co_await me.ask(41);
                    answer = std::to_string(reply);
                },
                self<parent>(), std::ref(answer_));
        }
        std::string& answer_;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        std::string answer;
        const auto ref = co_await covey::start_actor<parent>(nursery, {}, std::ref(answer));
        co_await ref.tell(note{"go"});
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(answer == "42");
        nursery.cancel();
    });
}

TEST_CASE("an ask that is cancelled before it begins asks nothing (K17)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await start_scribe(nursery, log);
        echo message{"a text that is too long to be small"};
        const auto answer = co_await covey::move_on_after(0s, ref.ask(std::move(message)));
        CHECK_FALSE(answer.finished());
        CHECK(message.text == "a text that is too long to be small");
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start");
        CHECK(support::accounted(ref) == 0);
        nursery.cancel();
    });
}

TEST_CASE("an answer that came first survives a cancellation in the same step (K17)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ref = co_await start_scribe(nursery, log);
            struct cancelling : covey::actor {
                explicit cancelling(covey::scope_handle scope) : scope_(scope) {}
                ~cancelling() override = default;
                covey::task<int> handle(int number) {
                    scope_.cancel();
                    co_return number;
                }
                covey::scope_handle scope_;
            };
            bool answered = false, went_on = false;
            const auto finished =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    const auto early =
                        co_await covey::start_actor<cancelling>(nursery, {}, scope.handle());
                    co_await early.ask(1);  // its cancellation comes before its reply
                    answered = true;
                });
            went_on = true;
            CHECK_FALSE(finished);
            CHECK_FALSE(answered);
            CHECK(went_on);
            nursery.cancel();
        });
    }
}

TEST_CASE("an ask is a checkpoint, and has no operation that is awaited twice") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await start_scribe(nursery, log);
        co_await covey::testing::expect_checkpoints(ref.ask(echo{"a"}));
        co_await covey::testing::expect_checkpoints(ref.tell(note{"a"}));
        auto operation = ref.ask(echo{"b"});
        const std::string reply = co_await operation;
        CHECK(reply == "b!");
        CHECK_THROWS_AS(co_await operation, std::logic_error);
        nursery.cancel();
    });
}
