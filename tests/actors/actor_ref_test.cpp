// SPDX-License-Identifier: BSL-1.0
// Sending to actors: tell, try_tell and narrow in every state of the actor and of its mailbox.
#include <covey/actor_ref.hpp>

#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/timeout.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::carry;
using support::hold;
using support::note;
using support::scribe;
using support::trace;

namespace {

using covey::overflow;

carry cargo(int value) { return {std::make_unique<int>(value)}; }

// A scribe whose handler waits for the gate, and a mailbox full of the numbers from 1.
struct full_mailbox {
    trace& log;
    covey::event gate;
    covey::actor_ref<scribe> ref;
    std::size_t capacity;

    covey::task<> open(covey::nursery& nursery, overflow policy) {
        ref = co_await covey::start_actor<scribe>(
            nursery, {.name = "full", .mailbox = capacity, .overflow = policy}, std::ref(log));
        co_await ref.tell(hold{&gate});
        co_await covey::testing::wait_all_tasks_blocked();
        for (std::size_t i = 1; i <= capacity; ++i) co_await ref.tell(note{std::to_string(i)});
        CHECK(ref.statistics().current_buffer_used == capacity);
    }
    covey::task<> finish() {
        gate.set();
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        co_await ref.watch();
    }
};

}  // namespace

TEST_CASE("what one sender tells arrives in order (SV23)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ref =
                co_await covey::start_actor<scribe>(nursery, {.mailbox = 2}, std::ref(log));
            for (int i = 0; i < 6; ++i) co_await ref.tell(note{std::to_string(i)});
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(log.text() == "start 0 1 2 3 4 5");
            ref.stop();
            co_await ref.watch();
            CHECK(log.text() == "start 0 1 2 3 4 5 stopped gone");
        });
    }
}

TEST_CASE("what was caused by a message arrives after it, also by way of another actor") {
    // The token of a ring: main tells both, then the first one, which tells the second.
    struct relay : covey::actor {
        relay(covey::actor_ref<scribe> to, trace& log) : to_(std::move(to)), log_(log) {}
        covey::task<> handle(note message) {
            log_.note("relay");
            co_await to_.tell(std::move(message));
        }
        covey::actor_ref<scribe> to_;
        trace& log_;
    };
    for (const std::uint64_t seed : support::seeds()) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            trace relayed;
            const auto last = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            const auto first =
                co_await covey::start_actor<relay>(nursery, {}, last, std::ref(relayed));
            co_await last.tell(note{"before"});
            co_await first.tell(note{"token"});
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(log.text() == "start before token");
            nursery.cancel();
        });
    }
}

TEST_CASE("a message may move only, and stays with its sender until it is accepted") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        carry message = cargo(7);
        co_await ref.tell(std::move(message));
        CHECK(message.cargo == nullptr);
        message = cargo(8);
        CHECK(ref.try_tell(std::move(message)));
        CHECK(message.cargo == nullptr);
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start 7 8");
        ref.stop();
        co_await ref.watch();

        message = cargo(9);
        {
            const auto got = co_await support::told(ref, message);
            CHECK(got == "stopped");
        }
        REQUIRE(message.cargo != nullptr);
        CHECK(*message.cargo == 9);
        CHECK(support::try_told(ref, message) == "stopped");
        REQUIRE(message.cargo != nullptr);
        CHECK(*message.cargo == 9);
    });
}

TEST_CASE("an lvalue is copied, when it is told and when it isn't accepted") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const std::string long_text(100, 'x');
        note message{long_text};
        co_await ref.tell(message);
        CHECK(ref.try_tell(message));
        CHECK(message.text == long_text);
        const note constant{long_text};
        co_await ref.tell(std::move(constant));  // moving from a constant is copying
        CHECK(constant.text == long_text);
        ref.stop();
        co_await ref.watch();
        CHECK_THROWS_AS(ref.try_tell(message), covey::actor_stopped_error);
        CHECK(message.text == long_text);
    });
}

TEST_CASE("tell waits while the mailbox is full, first come, first served (SV25)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            full_mailbox box{log, {}, {}, 2};
            co_await box.open(nursery, overflow::block);
            std::string first, second;
            nursery.start_soon(support::note_tell<covey::actor_ref<scribe>, note>, box.ref,
                               note{"a"}, std::ref(first));
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(support::note_tell<covey::actor_ref<scribe>, note>, box.ref,
                               note{"b"}, std::ref(second));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(first == "waits");
            CHECK(second == "waits");
            CHECK(box.ref.statistics().tasks_waiting_send == 2);
            note extra{"extra"};
            CHECK(support::try_told(box.ref, extra) == "full");
            CHECK(extra.text == "extra");
            co_await box.finish();
            CHECK(first == "sent");
            CHECK(second == "sent");
            CHECK(log.text() == "start held( )held 1 2 a b stopped gone");
            CHECK(support::accounts(box.ref) == "handled 5, queued 0, returned 0, dead 0");
        });
    }
}

TEST_CASE("a full mailbox drops the new message, the oldest one, or refuses") {
    struct expected {
        overflow policy;
        const char* tell;
        const char* handled;
        std::uint64_t dead;
    };
    for (const expected& each :
         {expected{overflow::drop_newest, "sent", "start held( )held 1 2 stopped gone", 2},
          expected{overflow::drop_oldest, "sent", "start held( )held a b stopped gone", 2},
          expected{overflow::fail, "overflow", "start held( )held 1 2 stopped gone", 0}}) {
        support::with_actors([each](covey::nursery& nursery, trace& log) -> covey::task<> {
            full_mailbox box{log, {}, {}, 2};
            co_await box.open(nursery, each.policy);
            const auto before = covey::dead_letters().count(covey::dead_letter_reason::overflow);
            note a{"a"}, b{"b"};
            {
                const auto got = co_await support::told(box.ref, a);
                CHECK(got == each.tell);
            }
            CHECK(support::try_told(box.ref, b) == each.tell);
            const bool stays = each.policy == overflow::fail;
            CHECK(a.text == (stays ? "a" : ""));
            CHECK(b.text == (stays ? "b" : ""));
            CHECK(box.ref.statistics().dead_letters == each.dead);
            CHECK(covey::dead_letters().count(covey::dead_letter_reason::overflow) ==
                  before + each.dead);
            co_await box.finish();
            CHECK(log.text() == each.handled);
        });
    }
}

TEST_CASE("a tell that waits for room ends when the actor stops, and keeps its message (SV28)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        full_mailbox box{log, {}, {}, 1};
        co_await box.open(nursery, overflow::block);
        carry message = cargo(3);
        std::string result = "waits";
        nursery.start_soon(
            [&]() -> covey::task<> { result = co_await support::told(box.ref, message); });
        co_await covey::testing::wait_all_tasks_blocked();
        box.ref.stop();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(result == "stopped");
        REQUIRE(message.cargo != nullptr);
        CHECK(*message.cargo == 3);
        CHECK(box.ref.statistics().dead_letters == 1);  // what was queued
        box.gate.set();
    });
}

TEST_CASE("a cancelled tell has sent nothing and gives its message back") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            full_mailbox box{log, {}, {}, 1};
            co_await box.open(nursery, overflow::block);
            carry message = cargo(3);
            const bool finished =
                co_await covey::move_on_after(1s, box.ref.tell(std::move(message)));
            CHECK_FALSE(finished);
            REQUIRE(message.cargo != nullptr);
            CHECK(*message.cargo == 3);
            CHECK(box.ref.statistics().tasks_waiting_send == 0);
            // Cancelled before it begins.
            const bool begun = co_await covey::move_on_after(0s, box.ref.tell(std::move(message)));
            CHECK_FALSE(begun);
            REQUIRE(message.cargo != nullptr);
            co_await box.finish();
            CHECK(log.text() == "start held( )held 1 stopped gone");
        });
    }
}

TEST_CASE("the operation may be made in a function and awaited outside") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto reply = co_await covey::move_on_after(
            1s, [&] { return ref.ask(support::echo{"a text that is not small at all"}); });
        REQUIRE(reply.finished());
        CHECK(*reply == "a text that is not small at all!");
        nursery.cancel();
    });
}

TEST_CASE("a handler that tells its own full actor is told so instead of waiting for ever") {
    struct talker : covey::actor {
        explicit talker(trace& log) : log_(log) {}
        covey::task<> handle(note message) {
            log_.note(message.text);
            if (message.text != "start") co_return;
            const auto me = self<talker>();
            for (const char* each : {"a", "b", "c"}) {
                note next{each};
                const std::string result = co_await support::told(me, next);
                log_.note(result + next.text);
            }
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref =
            co_await covey::start_actor<talker>(nursery, {.mailbox = 2}, std::ref(log));
        co_await ref.tell(note{"start"});
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "start sent sent deadlockc a b");
        nursery.cancel();
    });
}

TEST_CASE("messages of any size and kind arrive whole") {
    struct large {
        std::string text[4];
    };
    struct throwing_move {
        std::string text;
        explicit throwing_move(std::string what) : text(std::move(what)) {}
        throwing_move(throwing_move&& other) noexcept(false) : text(std::move(other.text)) {}
        throwing_move& operator=(throwing_move&& other) noexcept(false) {
            text = std::move(other.text);
            return *this;
        }
    };
    struct alignas(32) aligned {
        int value;
    };
    struct reader : covey::actor {
        explicit reader(trace& log) : log_(log) {}
        void handle(large message) { log_.note(message.text[3]); }
        void handle(throwing_move&& message) { log_.note(message.text); }
        void handle(const aligned& message) {
            CHECK(reinterpret_cast<std::uintptr_t>(&message) % 32 == 0);
            log_.note(std::to_string(message.value));
        }
        void handle(int message) { log_.note(std::to_string(message)); }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<reader>(nursery, {}, std::ref(log));
        co_await ref.tell(large{{"1", "2", "3", "four"}});
        co_await ref.tell(throwing_move("moved"));
        co_await ref.tell(aligned{5});
        co_await ref.tell(6);
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(log.text() == "four moved 5 6");
        ref.stop();
        co_await ref.watch();
        throwing_move back("back");
        CHECK(support::try_told(ref, back) == "stopped");
        CHECK(back.text == "back");
    });
}

TEST_CASE("a recipient takes messages for an actor whose class it doesn't know") {
    struct other : covey::actor {
        explicit other(trace& log) : log_(log) {}
        void handle(const note& message) { log_.note("other:" + message.text); }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto one = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto two = co_await covey::start_actor<other>(nursery, {}, std::ref(log));
        const std::vector<covey::recipient<note>> all{one.narrow<note>(), two.narrow<note>()};
        for (const auto& each : all) co_await each.tell(note{"a"});
        const note kept{"b"};
        for (const auto& each : all) CHECK(each.try_tell(kept));
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(all[0] == one.narrow<note>());
        CHECK_FALSE(all[0] == all[1]);
        CHECK(all[0].id() == one.id());
        CHECK(log.notes().size() == 5);
        all[0].stop();
        co_await one.watch();
        CHECK_THROWS_AS(all[0].try_tell(note{"c"}), covey::actor_stopped_error);
        nursery.cancel();
    });
}

TEST_CASE("an incarnation_ref pins the incarnation (SV22)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const covey::incarnation_ref<scribe> first = ref.incarnation();
        CHECK(first.number() == 1);
        CHECK(first == ref.incarnation());
        co_await first.tell(note{"a"});
        CHECK(first.try_tell(note{"b"}));
        const std::string reply = co_await first.ask(support::echo{"c"});
        CHECK(reply == "c!");
        CHECK(log.text() == "start a b c");
        ref.stop();
        co_await ref.watch();
        CHECK_THROWS_AS(first.try_tell(note{"d"}), covey::actor_stopped_error);
    });
}

TEST_CASE("refs are equal when they are of the same actor, and may be without one") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto one = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        const auto two = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        auto copy = one;
        CHECK(copy == one);
        CHECK_FALSE(one == two);
        CHECK(one.id() != two.id());
        CHECK(one.name() == "support::scribe#" + std::to_string(one.id().value));
        const auto moved = std::move(copy);
        CHECK(moved == one);
        CHECK_FALSE(static_cast<bool>(copy));
        CHECK_THROWS_AS(copy.try_tell(note{"a"}), std::logic_error);
        CHECK_THROWS_AS(static_cast<void>(copy.name()), std::logic_error);
        covey::actor_ref<scribe> none;
        CHECK_FALSE(static_cast<bool>(none));
        none.stop();
        none = one;
        CHECK(none == one);
        nursery.cancel();
    });
}

TEST_CASE("refs outlive their actor and its run") {
    covey::actor_ref<scribe> ref;
    covey::recipient<note> narrow;
    trace log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            ref = co_await covey::start_actor<scribe>(nursery, {.name = "old"}, std::ref(log));
            narrow = ref.narrow<note>();
            co_await ref.tell(note{"a"});
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.cancel();
        });
        CHECK(log.text() == "start a cancelled gone");
    });
    CHECK(ref.name() == "old");
    CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 0");
    CHECK_THROWS_AS(ref.try_tell(note{"b"}), covey::actor_stopped_error);
    CHECK_THROWS_AS(narrow.try_tell(note{"b"}), covey::actor_stopped_error);
    ref.stop();
    support::run_virtual([&]() -> covey::task<> {
        const covey::down end = co_await ref.watch();
        CHECK(end.reason == covey::exit_reason::cancelled);
        note message{"c"};
        {
            const auto got = co_await support::told(ref, message);
            CHECK(got == "stopped");
        }
        CHECK(message.text == "c");
    });
}
