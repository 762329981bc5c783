// SPDX-License-Identifier: BSL-1.0
// send_after and send_every: messages that an actor sends itself, on the system lane.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using support::trace;

namespace {

struct tick {
    std::string text = "tick";
};
struct every {
    covey::duration period;
};
struct once {
    covey::duration delay;
    std::string text;
};
struct nap {
    covey::duration length;
};
struct word {
    std::string text;
};

class clockwork : public covey::actor {
 public:
    explicit clockwork(trace& log) : log_(log) {}
    void handle(const tick& message) { log_.note(message.text + at()); }
    void handle(every message) { send_every(message.period, tick()); }
    void handle(once message) { send_after<tick>(message.delay, {message.text}); }
    covey::task<> handle(nap message) { co_await covey::sleep_for(message.length); }
    void handle(const word& message) { log_.note(message.text); }

 private:
    static std::string at() {
        return "@" + std::to_string(support::elapsed() / std::chrono::milliseconds(1));
    }
    trace& log_;
};

}  // namespace

TEST_CASE("send_after tells the actor once, after that long") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clockwork>(nursery, {}, std::ref(log));
            co_await ref.tell(once{2s, "b"});
            co_await ref.tell(once{1s, "a"});
            co_await ref.tell(once{0s, "now"});
            co_await covey::sleep_for(10s);
            CHECK(log.text() == "now@0 a@1000 b@2000");
            CHECK(support::accounts(ref) == "handled 6, queued 0, returned 0, dead 0");
            ref.stop();
        });
    }
}

TEST_CASE("send_every tells the actor again and again, without drift") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<clockwork>(nursery, {}, std::ref(log));
        co_await ref.tell(every{1s});
        co_await covey::sleep_for(3500ms);
        CHECK(log.text() == "tick@1000 tick@2000 tick@3000");
        ref.stop();
    });
}

TEST_CASE("a tick isn't queued while the one before it is still in the mailbox") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<clockwork>(nursery, {}, std::ref(log));
        co_await ref.tell(every{1s});
        co_await ref.tell(nap{3500ms});
        co_await covey::sleep_for(3400ms);
        CHECK(ref.statistics().current_buffer_used == 1);
        co_await covey::sleep_for(2s);
        // Late once, then on time again.
        CHECK(log.text() == "tick@3500 tick@4000 tick@5000");
        ref.stop();
    });
}

TEST_CASE("timers end with their actor, and what was not due yet was never sent") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto before = covey::dead_letters().total();
        const auto ref = co_await covey::start_actor<clockwork>(nursery, {}, std::ref(log));
        co_await ref.tell(every{1s});
        co_await ref.tell(once{1h, "never"});
        co_await covey::sleep_for(1500ms);
        ref.stop();
        co_await ref.watch();
        CHECK(support::elapsed() == 1500ms);
        CHECK(log.text() == "tick@1000");
        CHECK(support::accounts(ref) == "handled 3, queued 0, returned 0, dead 0");
        CHECK(covey::dead_letters().total() == before);
    });
}

TEST_CASE("timers neither wait for room nor are dropped, whatever the overflow policy (SV31)") {
    for (const auto policy : {covey::overflow::block, covey::overflow::drop_newest,
                              covey::overflow::drop_oldest, covey::overflow::fail}) {
        support::with_actors([policy](covey::nursery& nursery, trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<clockwork>(
                nursery, {.mailbox = 2, .overflow = policy}, std::ref(log));
            co_await ref.tell(once{1s, "a"});
            co_await ref.tell(once{1s, "b"});
            co_await covey::testing::wait_all_tasks_blocked();
            co_await ref.tell(nap{5s});
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(ref.try_tell(word{"1"}));
            CHECK(ref.try_tell(word{"2"}));
            co_await covey::sleep_for(2s);
            CHECK(ref.statistics().current_buffer_used == 4);
            // The mailbox is more than full now: others meet the policy.
            bool accepted = false;
            try {
                accepted = ref.try_tell(word{"3"});
            } catch (const covey::channel_full_error&) {
                CHECK(policy == covey::overflow::fail);
            }
            CHECK(accepted == (policy == covey::overflow::drop_newest ||
                               policy == covey::overflow::drop_oldest));
            co_await covey::sleep_for(4s);
            CHECK(log.text() == (policy == covey::overflow::drop_oldest ? "2 a@5000 b@5000 3"
                                                                        : "1 2 a@5000 b@5000"));
            ref.stop();
        });
    }
}

TEST_CASE("drop_oldest puts a tick behind instead of dropping it") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<clockwork>(
            nursery, {.mailbox = 1, .overflow = covey::overflow::drop_oldest}, std::ref(log));
        co_await ref.tell(once{1s, "a"});
        co_await covey::testing::wait_all_tasks_blocked();
        co_await ref.tell(nap{5s});
        co_await covey::sleep_for(2s);
        CHECK(ref.statistics().current_buffer_used == 1);
        CHECK(ref.try_tell(word{"1"}));
        co_await covey::sleep_for(4s);
        CHECK(log.text() == "1 a@5000");
        CHECK(support::accounts(ref) == "handled 4, queued 0, returned 0, dead 0");
        ref.stop();
    });
}

TEST_CASE("a message that no handler takes can't be sent by a timer, and zero is no period") {
    struct unknown {};
    struct confused : covey::actor {
        int handle(int number) {
            try {
                if (number == 0) send_every(0s, 1);
                if (number == 1) send_after(-1s, 1);
                if (number == 2) send_after(1s, unknown());
            } catch (const std::invalid_argument&) {
                return 1;
            } catch (const std::logic_error& error) {
                what_ = error.what();
                return 2;
            }
            return 0;
        }
        std::string handle(char) { return what_; }
        std::string what_;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<confused>(nursery, {.name = "c"});
        {
            const auto got = co_await ref.ask(0);
            CHECK(got == 1);
        }
        {
            const auto got = co_await ref.ask(1);
            CHECK(got == 1);
        }
        {
            const auto got = co_await ref.ask(2);
            CHECK(got == 2);
        }
        const std::string what = co_await ref.ask('?');
        CHECK_THAT(what, Catch::Matchers::Contains("covey: send_after of a message of type"));
        CHECK_THAT(what, Catch::Matchers::Contains("unknown' in actor 'c', which has no handle()"));
        {
            const auto got = co_await ref.ask(3);
            CHECK(got == 0);
        }
        nursery.cancel();
    });
}

TEST_CASE("timers may be set in on_start, and by the tasks of the actor") {
    struct early : covey::actor {
        explicit early(trace& log) : log_(log) {}
        void handle(const tick& message) { log_.note(message.text); }
        covey::task<> on_start() override {
            send_after(1s, tick{"early"});
            children().start_soon([this]() -> covey::task<> {
                co_await covey::sleep_for(1500ms);
                send_after(500ms, tick{"late"});
            });
            co_return;
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<early>(nursery, {}, std::ref(log));
        co_await covey::sleep_for(3s);
        CHECK(log.text() == "early late");
        ref.stop();
    });
}

TEST_CASE("a tick in the mailbox of an actor that stops is no dead letter: nobody sent it (SV28)") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<clockwork>(nursery, {}, std::ref(log));
        co_await ref.tell(every{1s});
        co_await ref.tell(nap{4s});
        co_await ref.tell(word{"queued"});
        co_await covey::sleep_for(2s);
        CHECK(support::accounts(ref) == "handled 1, queued 2, returned 0, dead 0");
        CHECK(support::accounted(ref) == 4);  // the one in progress
        ref.stop();
        CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");
        CHECK(support::accounted(ref) == 3);
        static_cast<void>(co_await ref.watch());
        CHECK(support::accounts(ref) == "handled 2, queued 0, returned 0, dead 1");
        CHECK(support::accounted(ref) == 3);
    });
}

TEST_CASE("a tick for an incarnation that has failed is no dead letter, one that fails is (SC26)") {
    struct fragile : clockwork {
        using clockwork::clockwork;
        using clockwork::handle;
        void handle(int) { throw std::runtime_error("broken by a tick"); }

     protected:
        covey::task<> on_start() override {
            send_every(1s, 1);
            co_return;
        }
    };
    support::run_virtual([]() -> covey::task<> {
        trace log;
        co_await covey::with_supervisor(
            {.backoff = covey::backoff::none()}, [&](covey::supervisor& owner) -> covey::task<> {
                const auto ref = co_await covey::start_actor<fragile>(owner, {}, std::ref(log));
                co_await covey::sleep_for(1500ms);
                CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
                co_await ref.tell(nap{3s});
                co_await covey::sleep_for(2s);
                co_await owner.stop(owner.children().front().id);
                CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");
                CHECK(support::accounted(ref) == 2);
            });
    });
}

namespace {

class slow_clock : public covey::actor {
 public:
    covey::task<> on_start() override {
        send_every(1s, tick());
        co_return;
    }
    covey::task<> handle(tick) { co_await covey::sleep_for(1500ms); }
    covey::task<> handle(nap message) { co_await covey::sleep_for(message.length); }
};

}  // namespace

TEST_CASE("of each send_every one tick is queued at most, however slow the handlers are") {
    support::with_actors(1, [](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<slow_clock>(nursery, {});
        for (int i = 0; i < 20; ++i) {
            co_await covey::sleep_for(1100ms);
            if (i % 5 == 0) co_await ref.tell(nap{3s});
            CHECK(ref.statistics().current_buffer_used <= 2);  // a nap and a tick
        }
        ref.stop();
    });
}

// Only what isn't exempt is dropped, however often what is has been passed over.
TEST_CASE("a timer's message in a full mailbox doesn't make it grow, drop_oldest") {
    support::with_actors(1, [](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<clockwork>(
            nursery, {.mailbox = 2, .overflow = covey::overflow::drop_oldest}, std::ref(log));
        co_await ref.tell(once{1s, "timer"});
        co_await covey::sleep_for(1ms);
        co_await ref.tell(nap{10s});
        co_await covey::sleep_for(5s);
        for (int i = 0; i < 1000; ++i) co_await ref.tell(word{std::to_string(i)});
        CHECK(ref.statistics().current_buffer_used <= 3);
        CHECK(ref.statistics().dropped >= 998);
        co_await covey::sleep_for(10s);
        CHECK_THAT(log.text(),
                   Catch::Matchers::Contains("timer") && Catch::Matchers::Contains("999"));
        ref.stop();
    });
}
