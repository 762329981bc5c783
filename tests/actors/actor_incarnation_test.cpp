// SPDX-License-Identifier: BSL-1.0
// Incarnations of actors under supervisors: how they begin, fail and end, and what they are made
// of.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/error.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using support::with_pause;
using support::with_supervised;

namespace {

// Fails where it is told to, the first `times` times.
class fragile : public covey::actor {
 public:
    enum class place { constructor, on_start, on_stop };
    fragile(place where, int* times, support::trace& log)
        : where_(where), times_(times), log_(log) {
        log_.note("made");
        fail_at(place::constructor);
    }
    covey::task<> on_start() override {
        fail_at(place::on_start);
        co_return;
    }
    covey::task<> on_stop(covey::exit_reason) override {
        fail_at(place::on_stop);
        co_return;
    }
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }

 private:
    void fail_at(place here) {
        if (where_ != here || (*times_)-- <= 0) return;
        log_.note("fails");
        throw std::runtime_error("fragile");
    }
    place where_;
    int* times_;
    support::trace& log_;
};

}  // namespace

TEST_CASE("an actor that fails before it is ready is a failed start (SV8a, SC2)") {
    for (const auto where : {fragile::place::constructor, fragile::place::on_start}) {
        with_supervised(with_pause(),
                        [&](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
                            int times = 1;
                            bool failed = false;
                            try {
                                co_await covey::start_actor<fragile>(supervisor, {.name = "f"},
                                                                     where, &times, std::ref(log));
                            } catch (const covey::start_failed_error& error) {
                                failed = true;
                                CHECK(error.child() == "f");
                                CHECK(support::messages_of(error) == support::lines{"fragile"});
                            }
                            CHECK(failed);
                            CHECK(log.text() == "made fails");
                        });
    }
}

TEST_CASE("a restart that fails before it is ready is another incident (SV14)") {
    support::witness events;
    int times = 0;
    with_supervised(
        with_pause(), [&](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            events.watch(supervisor);
            const auto ref = co_await covey::start_actor<fragile>(
                supervisor, {.name = "f"}, fragile::place::on_start, &times, std::ref(log));
            times = 2;
            co_await ref.tell(support::fail{});
            co_await covey::sleep_for(10s);
            CHECK(ref.incarnation().number() == 4);
        });
    using kind = covey::supervision_event::kind;
    CHECK(events.only({kind::incident, kind::backoff, kind::ready}) ==
          "0 ready f.1, 0 incident f.1 #1: boom, 0 backoff f.1 +1, 1 incident f.2 #2: fragile, "
          "1 backoff f.2 +2, 3 incident f.3 #3: fragile, 3 backoff f.3 +4, 7 ready f.4");
}

TEST_CASE("what on_stop throws stands beside the error that ended the incarnation (SV13)") {
    support::witness events;
    int times = 1;
    with_supervised(
        with_pause(), [&](covey::supervisor& supervisor, support::trace& log) -> covey::task<> {
            events.watch(supervisor);
            const auto ref = co_await covey::start_actor<fragile>(
                supervisor, {.name = "f"}, fragile::place::on_stop, &times, std::ref(log));
            co_await ref.tell(support::fail{});
            co_await covey::sleep_for(10s);
            CHECK(ref.incarnation().number() == 2);
        });
    std::vector<std::string> errors;
    for (const covey::supervision_event& each : events.events()) {
        if (each.what != covey::supervision_event::kind::incident) continue;
        try {
            std::rethrow_exception(each.error);
        } catch (const covey::exception_group& group) {
            errors = support::messages_of(group);
        }
    }
    CHECK(errors == support::lines{"boom", "fragile"});
}

namespace {

class chooser : public covey::actor {
 public:
    explicit chooser(covey::verdict answer) : answer_(answer) {}
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }
    int handle(const support::echo&) { return ++handled_; }

 protected:
    covey::verdict on_error(const std::exception_ptr&) override { return answer_; }

 private:
    covey::verdict answer_;
    int handled_ = 0;
};

}  // namespace

TEST_CASE("on_error decides what a failed handler means for the supervisor (SV32)") {
    SECTION("resume keeps the state") {
        with_supervised(
            with_pause(), [](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
                const auto ref =
                    co_await covey::start_actor<chooser>(supervisor, {}, covey::verdict::resume);
                {
                    const auto got = co_await ref.ask(support::echo{});
                    CHECK(got == 1);
                }
                co_await ref.tell(support::fail{});
                {
                    const auto got = co_await ref.ask(support::echo{});
                    CHECK(got == 2);
                }
                CHECK(supervisor.children().front().restarts == 0);
            });
    }
    SECTION("stop ends the actor alone") {
        with_supervised(
            with_pause(), [](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
                const auto ref =
                    co_await covey::start_actor<chooser>(supervisor, {}, covey::verdict::stop);
                co_await ref.tell(support::fail{"why"});
                const covey::down end = co_await ref.watch();
                CHECK(support::message_of(end.error) == "why");
                CHECK(support::elapsed() == 0s);
            });
    }
    SECTION("escalate fails the supervisor") {
        support::run_virtual([]() -> covey::task<> {
            bool failed = false;
            try {
                co_await covey::with_supervisor(
                    with_pause(), [](covey::supervisor& supervisor) -> covey::task<> {
                        const auto ref = co_await covey::start_actor<chooser>(
                            supervisor, {}, covey::verdict::escalate);
                        co_await ref.tell(support::fail{"too bad"});
                        co_await covey::sleep_forever();
                    });
            } catch (const covey::exception_group& group) {
                failed = true;
                CHECK(support::messages_of(group) == support::lines{"too bad"});
            }
            CHECK(failed);
        });
    }
}

namespace {

class slow_server : public covey::actor {
 public:
    covey::task<> handle(support::note) { co_await covey::shielded(covey::sleep_for(60s)); }
};

}  // namespace

TEST_CASE("a handler that ignores its stop climbs the whole ladder (SV11, SC12)") {
    support::witness events;
    with_supervised(with_pause(),
                    [&](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
                        events.watch(supervisor);
                        const auto ref = co_await covey::start_actor<slow_server>(
                            supervisor, {.name = "s", .grace = 2s, .hard = 5s});
                        co_await ref.tell(support::note{});
                        co_await ref.tell(support::note{});
                        co_await covey::sleep_for(1s);
                        ref.stop();
                        const covey::down end = co_await ref.watch();
                        CHECK(end.reason == covey::exit_reason::stopped);
                        CHECK(support::elapsed() == 6s);
                        CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 2");
                    });
    CHECK(events.story_after(2) == support::lines{"1 asked_to_stop s.1", "3 cancelled s.1",
                                                  "6 pierced s.1", "6 stopped s.1", "6 closing",
                                                  "6 closed"});
}

TEST_CASE("each incarnation gets its own copy or clone of the arguments (SV3)") {
    class worker : public covey::actor {
     public:
        worker(covey::send_channel<int> out, std::shared_ptr<int> kept)
            : out_(std::move(out)), kept_(std::move(kept)) {}
        covey::task<> handle(support::note) {
            co_await out_.send(static_cast<int>(kept_.use_count()));
        }
        void handle(const support::fail& message) { throw std::runtime_error(message.what); }

     private:
        covey::send_channel<int> out_;
        std::shared_ptr<int> kept_;
    };
    with_supervised(
        with_pause(), [](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(8);
            const auto kept = std::make_shared<int>(0);
            const auto ref =
                co_await covey::start_actor<worker>(supervisor, {}, std::move(tx), kept);
            CHECK(rx.statistics().open_send_channels == 2);  // the prototype's and the actor's
            co_await ref.tell(support::fail{});
            co_await covey::sleep_for(500ms);
            CHECK(rx.statistics().open_send_channels == 1);
            CHECK(kept.use_count() == 2);
            co_await ref.tell(support::note{});
            {
                const auto got = co_await rx.receive();
                CHECK(got == 3);
            }
            ref.stop();
            {
                const auto got = co_await rx.next();
                CHECK(got == std::nullopt);  // the end: nobody sends any more
            }
            CHECK(kept.use_count() == 1);
        });
}

TEST_CASE("an argument wrapped in once makes the actor temporary (SV3)") {
    class owner : public covey::actor {
     public:
        explicit owner(std::unique_ptr<int> value) : value_(std::move(value)) {}
        int handle(support::echo) { return *value_; }
        void handle(const support::fail& message) { throw std::runtime_error(message.what); }

     private:
        std::unique_ptr<int> value_;
    };
    with_supervised(with_pause(),
                    [](covey::supervisor& supervisor, support::trace&) -> covey::task<> {
                        const auto ref = co_await covey::start_actor<owner>(
                            supervisor, {}, covey::once(std::make_unique<int>(7)));
                        {
                            const auto got = co_await ref.ask(support::echo{});
                            CHECK(got == 7);
                        }
                        co_await ref.tell(support::fail{"for good"});
                        const covey::down end = co_await ref.watch();
                        CHECK(end.reason == covey::exit_reason::failed);
                        CHECK(support::message_of(end.error) == "for good");
                    });
}
