// SPDX-License-Identifier: BSL-1.0
// Actors under supervisors: what survives a restart, and what becomes of messages.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/error.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::observed;
using support::scribe;
using support::with_pause;
using support::with_supervised;

namespace {

std::uint64_t dead(covey::dead_letter_reason reason) { return covey::dead_letters().count(reason); }

// An actor that sends what it is given on to another, and can fail.
struct pass_on {
    covey::actor_ref<scribe> to;
    std::string text;
};
class relay : public covey::actor {
 public:
    covey::task<> handle(pass_on message) { co_await message.to.tell(support::note{message.text}); }
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }
};

}  // namespace

TEST_CASE("an address survives restarts, one of an incarnation doesn't (SV21, SV22, SC17)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref =
                co_await covey::start_actor<scribe>(supervisor, {.name = "s"}, std::ref(log));
            const auto first = ref.incarnation();
            CHECK(first.number() == 1);
            co_await first.tell(support::note{"a"});
            co_await ref.tell(support::fail{});
            co_await covey::sleep_for(2s);
            const auto second = ref.incarnation();
            CHECK(second.number() == 2);
            CHECK(ref.name() == "s");
            co_await ref.tell(support::note{"b"});
            support::note late{"c"};
            {
                const auto got = co_await support::told(first, late);
                CHECK(got == "stopped");
            }
            CHECK(late.text == "c");
            {
                const auto got = co_await support::told(second, late);
                CHECK(got == "sent");
            }
            co_await covey::sleep_for(1s);
            CHECK(log.text() == "start a failed gone start b c");
        });
}

TEST_CASE("a message for an incarnation that is over when it is reached is a dead letter (SV22)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
            const std::uint64_t before = dead(covey::dead_letter_reason::restarted);
            co_await ref.tell(support::fail{});
            co_await ref.incarnation().tell(support::note{"for the first"});
            co_await ref.tell(support::note{"for any"});
            co_await covey::sleep_for(2s);
            CHECK(log.text() == "start failed gone start for any");
            CHECK(dead(covey::dead_letter_reason::restarted) == before + 1);
            CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 2");
        });
}

TEST_CASE(
    "the mailbox is kept in order, the message in progress is not handled again (SV23, SC18, "
    "SC26)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
            const std::uint64_t failed = dead(covey::dead_letter_reason::failed);
            co_await ref.tell(support::fail{});
            for (const char* text : {"1", "2", "3"}) co_await ref.tell(support::note{text});
            co_await covey::sleep_for(500ms);
            CHECK(log.text() == "start failed gone");
            CHECK(support::accounts(ref) == "handled 0, queued 3, returned 0, dead 1");
            co_await ref.tell(support::note{"4"});  // while it is down
            co_await covey::sleep_for(1s);
            CHECK(log.text() == "start failed gone start 1 2 3 4");
            CHECK(support::accounts(ref) == "handled 4, queued 0, returned 0, dead 1");
            CHECK(dead(covey::dead_letter_reason::failed) == failed + 1);
        });
}

TEST_CASE("with on_restart drain the queue goes to dead letters at once (SV23)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(
                supervisor, {.on_restart = covey::on_restart::drain}, std::ref(log));
            std::string answer;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                co_await ref.tell(support::fail{});
                co_await ref.tell(support::note{"lost"});
                nursery.start_soon(support::note_ask<covey::actor_ref<scribe>, support::echo>, ref,
                                   support::echo{"asked"}, std::ref(answer));
                co_await covey::sleep_for(500ms);
                CHECK(answer == "callee");
                CHECK(support::accounts(ref) == "handled 0, queued 0, returned 1, dead 2");
                co_await ref.tell(support::note{"kept"});
            });
            co_await covey::sleep_for(1s);
            CHECK(log.text() == "start failed gone start kept");
        });
}

TEST_CASE("a group restart drains mailboxes that would be kept otherwise (SV24, SC18)") {
    with_supervised(with_pause({.strategy = covey::strategy::one_for_all}),
                    [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
                        const auto a = co_await covey::start_actor<scribe>(
                            supervisor, {.name = "a"}, std::ref(log));
                        const auto b =
                            co_await covey::start_actor<relay>(supervisor, {.name = "b"});
                        covey::event gate;
                        co_await a.tell(support::hold{&gate});
                        co_await a.tell(support::note{"queued"});
                        co_await b.tell(support::fail{});
                        co_await covey::sleep_for(500ms);
                        gate.set();
                        co_await covey::sleep_for(400ms);
                        CHECK(log.text() == "start held( )held restarting gone");
                        CHECK(support::accounts(a) == "handled 1, queued 0, returned 0, dead 1");
                        co_await a.tell(support::note{"later"});
                        co_await covey::sleep_for(1s);
                        CHECK(log.text() == "start held( )held restarting gone start later");
                    });
}

TEST_CASE("with on_restart epoch a group restart drops what its own members sent (SV24, SC18)") {
    with_supervised(
        with_pause({.strategy = covey::strategy::rest_for_one}),
        [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto outside = co_await covey::start_actor<relay>(supervisor, {.name = "first"});
            const auto fails = co_await covey::start_actor<relay>(supervisor, {.name = "second"});
            const auto keeper = co_await covey::start_actor<scribe>(
                supervisor, {.name = "third", .on_restart = covey::on_restart::epoch},
                std::ref(log));
            covey::event gate;
            co_await keeper.tell(support::hold{&gate});
            co_await outside.tell(pass_on{keeper, "from first"});
            co_await fails.tell(pass_on{keeper, "from second"});
            co_await covey::sleep_for(1ms);
            co_await keeper.tell(support::note{"from outside"});
            CHECK(keeper.statistics().current_buffer_used == 3);
            co_await fails.tell(support::fail{});
            co_await covey::sleep_for(1ms);
            gate.set();
            co_await covey::sleep_for(2s);
            CHECK(log.text() == "start held( )held restarting gone start from first from outside");
            CHECK(support::accounts(keeper) == "handled 3, queued 0, returned 0, dead 1");
        });
}

TEST_CASE(
    "the ask in progress fails at once, the queued one is answered later (SV26, SV27, SC19)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                std::string queued;
                bool failed = false;
                nursery.start_soon([&]() -> covey::task<> {
                    try {
                        co_await ref.ask(support::failing_echo{"no disk"});
                    } catch (const covey::callee_failed_error& error) {
                        failed = true;
                        CHECK(error.restarting());
                        CHECK(error.incarnation() == 1);
                        CHECK_THAT(error.what(), Contains("no disk"));
                        CHECK(support::message_of(error.cause()) == "no disk");
                    }
                });
                nursery.start_soon(support::note_ask<covey::actor_ref<scribe>, support::echo>, ref,
                                   support::echo{"again"}, std::ref(queued));
                co_await covey::sleep_for(1ms);
                CHECK(failed);
                CHECK(queued == "waits");
                co_await covey::sleep_for(1s);
                CHECK(queued == "again!");
            });
        });
}

TEST_CASE("a request whose asker's time is over is skipped after the restart (SV29, SC19)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
            co_await ref.tell(support::fail{});
            bool too_slow = false;
            try {
                co_await ref.ask(300ms, support::echo{"late"});
            } catch (const covey::too_slow_error&) {
                too_slow = true;
            }
            CHECK(too_slow);
            CHECK(support::elapsed() == 300ms);
            co_await covey::sleep_for(2s);
            CHECK(log.text() == "start failed gone start");
            const covey::actor_statistics now = ref.statistics();
            CHECK(now.abandoned == 1);
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 1, dead 1");
        });
}

TEST_CASE(
    "stopped while it waits for its restart, everything queued is accounted for (SV19, SV28)") {
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                std::string asked;
                co_await ref.tell(support::fail{});
                co_await ref.tell(support::note{"x"});
                nursery.start_soon(support::note_ask<covey::actor_ref<scribe>, support::echo>, ref,
                                   support::echo{"y"}, std::ref(asked));
                co_await covey::sleep_for(500ms);
                ref.stop();
                support::note refused{"z"};
                CHECK(support::try_told(ref, refused) == "stopped");
                const covey::down end = co_await ref.watch();
                CHECK(end.reason == covey::exit_reason::stopped);
                CHECK(end.error == nullptr);
                CHECK(end.id == ref.id());
                CHECK(support::elapsed() == 500ms);
                co_await covey::checkpoint();
                CHECK(asked == "stopped");
                CHECK(support::accounts(ref) == "handled 0, queued 0, returned 1, dead 2");
            });
        });
}

TEST_CASE("an actor is watched through all its restarts to its one end (SV31, SC21)") {
    with_supervised(with_pause({.intensity = 2}),
                    [](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
                        const auto ref =
                            co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
                        std::vector<covey::down> seen;
                        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                            for (int i = 0; i < 2; ++i) {
                                nursery.start_soon([&]() -> covey::task<> {
                                    covey::down end = co_await ref.watch();
                                    seen.push_back(end);
                                });
                            }
                            for (int i = 0; i < 2; ++i) {
                                co_await ref.tell(support::fail{});
                                co_await covey::sleep_for(3s);
                                CHECK(seen.empty());
                            }
                            ref.stop();
                        });
                        CHECK(seen.size() == 2);
                        seen.push_back(co_await ref.watch());  // over already: at once
                        for (const covey::down& end : seen) {
                            CHECK(end.reason == covey::exit_reason::stopped);
                            CHECK(end.id == ref.id());
                        }
                    });
}

TEST_CASE(
    "an actor whose budget is spent is down with gave_up, the others are stopped (SV17, SV28)") {
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        std::optional<covey::actor_ref<relay>> failing;
        std::optional<covey::actor_ref<scribe>> other;
        bool gave_up = false;
        try {
            co_await covey::with_supervisor(
                with_pause({.intensity = 1}), [&](covey::supervisor& supervisor) -> covey::task<> {
                    other = co_await covey::start_actor<scribe>(supervisor, {}, std::ref(log));
                    failing = co_await covey::start_actor<relay>(supervisor, {.name = "r"});
                    co_await failing->tell(support::fail{"one"});
                    co_await failing->tell(support::fail{"two"});
                    co_await covey::sleep_forever();
                });
        } catch (const covey::supervisor_gave_up& error) {
            gave_up = true;
            CHECK(support::messages_of(error) == support::lines{"two", "one"});
            CHECK(error.failures().front().path == "top/r");
        }
        CHECK(gave_up);
        const covey::down first = co_await failing->watch();
        CHECK(first.reason == covey::exit_reason::gave_up);
        CHECK(support::message_of(first.error) == "two");
        const covey::down second = co_await other->watch();
        CHECK(second.reason == covey::exit_reason::stopped);
        CHECK(log.text() == "start stopped gone");
    });
}

namespace {

struct close_down {
    covey::supervisor_handle of;
    std::string* answer;
};
class caller : public covey::actor {
 public:
    covey::task<> handle(close_down message) {
        message.of.stop_all();
        co_await covey::sleep_for(1s);
        try {
            co_await message.of.stop({1});
        } catch (const covey::closed_nursery_error& error) {
            *message.answer = error.what();
        }
    }
};

}  // namespace

TEST_CASE("a child that calls its closing supervisor is answered at once (SV8, SV19, SC20)") {
    support::run_virtual([]() -> covey::task<> {
        std::string answer;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "other"}, support::obedient);
                const auto ref = co_await covey::start_actor<caller>(supervisor, {});
                co_await ref.tell(close_down{supervisor.handle(), &answer});
            });
        CHECK_THAT(answer, Contains("top"));
        CHECK_THAT(answer, Contains("closing"));
        CHECK(support::elapsed() == 1s);
    });
}

namespace {

// Its second start doesn't end.
class late_once : public covey::actor {
 public:
    late_once(int& starts, int& words) : starts_(starts), words_(words) {}
    covey::task<> on_start() override {
        if (++starts_ == 2) co_await covey::sleep_forever();
    }
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }
    void handle(const support::note&) { ++words_; }

 private:
    int& starts_;
    int& words_;
};

}  // namespace

namespace {

// Thrown away, it sends another one to the same actor.
class undying {
 public:
    explicit undying(std::function<void()> last_words) : last_words_(std::move(last_words)) {}
    undying(undying&& other) noexcept : last_words_(std::exchange(other.last_words_, nullptr)) {}
    undying& operator=(undying&&) = delete;
    ~undying() {
        if (last_words_) last_words_();
    }
    void rest() noexcept { last_words_ = nullptr; }

 private:
    std::function<void()> last_words_;
};

class undertaker : public covey::actor {
 public:
    explicit undertaker(int& buried) : buried_(buried) {}
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }
    void handle(undying message) {
        message.rest();
        ++buried_;
    }

 private:
    int& buried_;
};

}  // namespace

TEST_CASE("a restart discards what was sent before it, and nothing that comes meanwhile (SV24)") {
    int buried = 0, sent = 0;
    with_supervised(
        with_pause(), [&](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
            const auto ref = co_await covey::start_actor<undertaker>(
                supervisor,
                {.name = "u", .mailbox = 100'000, .on_restart = covey::on_restart::drain},
                std::ref(buried));
            std::function<void()> send_one = [&] {
                if (++sent < 1000) static_cast<void>(ref.try_tell(undying(send_one)));
            };
            co_await ref.tell(support::fail{});
            co_await ref.tell(undying(send_one));
            co_await covey::sleep_for(10s);
            CHECK(sent == 1);
            CHECK(buried == 1);
        });
}

TEST_CASE("an actor that restarts too late keeps its address and its mailbox (SV7, SV24)") {
    int starts = 0, words = 0;
    with_supervised(
        with_pause(), [&](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
            const auto ref = co_await covey::start_actor<late_once>(
                supervisor, {.name = "late", .start_limit = 1s}, std::ref(starts), std::ref(words));
            co_await ref.tell(support::fail{});
            co_await covey::sleep_for(10s);
            CHECK(starts == 3);
            co_await ref.tell(support::note{"a"});
            co_await covey::sleep_for(1s);
            CHECK(words == 1);
        });
}
