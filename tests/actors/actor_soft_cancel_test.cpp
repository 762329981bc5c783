// SPDX-License-Identifier: BSL-1.0
// A soft cancellation of whatever is around an actor asks it to stop.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>

#include <optional>

using namespace std::chrono_literals;
using support::scribe;
using support::trace;

namespace {

struct sleep_long {};
struct sleep_behind_a_shield {};

// Its handlers take an hour if nobody ends them.
class sleeper : public scribe {
 public:
    using scribe::handle;
    using scribe::scribe;
    covey::task<> handle(sleep_long) {
        log_.note("busy");
        co_await covey::sleep_for(1h);
    }
    covey::task<> handle(sleep_behind_a_shield) {
        log_.note("shielded");
        co_await covey::shielded(covey::sleep_for(1h));
    }
};

double seconds() { return std::chrono::duration<double>(covey::now().time_since_epoch()).count(); }

template <class Ref>
covey::task<> note_end(Ref ref, trace& log) {
    const covey::down end = co_await ref.watch();
    log.note(std::string(to_string(end.reason)) + " at " + std::to_string(std::lround(seconds())));
}

}  // namespace

TEST_CASE("a soft cancellation of its nursery stops an idle actor (SV11, SV28)") {
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        std::optional<covey::actor_ref<scribe>> ref;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            outer.start_soon(note_end<covey::actor_ref<scribe>>, *ref, std::ref(log));
            co_await covey::sleep_for(1s);
            nursery.scope().soft_cancel("enough");
            support::note late{"late"};
            CHECK(support::try_told(*ref, late) == "stopped");
            CHECK(late.text == "late");
        });
        CHECK(seconds() == 1);
        co_await covey::checkpoint();
        CHECK(log.text() == "start stopped gone stopped at 1");
    });
}

TEST_CASE("a soft cancellation of a scope further out asks, cancels and pierces (SV11)") {
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto deaf = co_await covey::start_actor<sleeper>(
                    nursery, {.grace = 2s, .hard = 4s}, std::ref(log));
                const auto deafer = co_await covey::start_actor<sleeper>(
                    nursery, {.grace = 2s, .hard = 4s}, std::ref(log));
                outer.start_soon(note_end<covey::actor_ref<sleeper>>, deaf, std::ref(log));
                outer.start_soon(note_end<covey::actor_ref<sleeper>>, deafer, std::ref(log));
                co_await deaf.tell(sleep_long{});
                co_await covey::sleep_for(500ms);
                co_await deafer.tell(sleep_behind_a_shield{});
                co_await covey::sleep_for(500ms);
                scope.soft_cancel();
            });
        });
        co_await covey::checkpoint();
        CHECK(log.text() ==
              "start start busy shielded stopped gone stopped at 3 stopped gone stopped at 5");
    });
}

TEST_CASE("a busy actor refuses at once and finishes its message (SV11, SV28)") {
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        covey::event gate;
        std::string answer;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            co_await ref.tell(support::hold{&gate});
            co_await ref.tell(support::note{"queued"});
            outer.start_soon(support::note_ask<covey::actor_ref<scribe>, support::echo>, ref,
                             support::echo{"asked"}, std::ref(answer));
            co_await covey::sleep_for(1s);
            CHECK(answer == "waits");
            nursery.scope().soft_cancel();
            co_await covey::sleep_for(1s);
            CHECK(answer == "stopped");
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 1, dead 1");
            gate.set();
        });
        CHECK(seconds() == 2);
        CHECK(log.text() == "start held( )held stopped gone");
    });
}

TEST_CASE("the earlier of two times counts: the scope's own, or the actor's grace (SV10, SV11)") {
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<sleeper>(nursery, {}, std::ref(log));
            outer.start_soon(note_end<covey::actor_ref<sleeper>>, ref, std::ref(log));
            co_await ref.tell(sleep_long{});
            nursery.scope().soft_cancel("soon", 1s);
        });
        co_await covey::checkpoint();
        CHECK(log.text() == "start busy stopped gone stopped at 1");
    });
}

TEST_CASE("a supervisor's ladder reaches the actors of a task's nursery (SV11)") {
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        co_await covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
            const auto child =
                co_await owner.start({}, [&](covey::task_status<void> status) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        const auto ref =
                            co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
                        outer.start_soon(note_end<covey::actor_ref<scribe>>, ref, std::ref(log));
                        status.started();
                    });
                    log.note("nursery ended");
                });
            co_await covey::sleep_for(1s);
            co_await owner.stop(child);
            CHECK(seconds() == 1);  // without waiting for the grace
        });
        CHECK(log.text() == "start stopped gone stopped at 1 nursery ended");
    });
}

TEST_CASE("stopping an actor asks the actors among its children, too (SV11, SV20)") {
    struct parent : scribe {
        using scribe::handle;
        using scribe::scribe;
        covey::task<> on_start() override {
            static_cast<void>(co_await covey::start_actor<scribe>(children(), {}, std::ref(log_)));
            log_.note("parent");
        }
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<parent>(nursery, {}, std::ref(log));
        ref.stop();
        static_cast<void>(co_await ref.watch());
        CHECK(log.text() == "start parent stopped stopped gone gone");
    });
}

TEST_CASE("an actor behind a shield isn't asked (C4)") {
    support::with_actors([](covey::nursery&, trace& log) -> covey::task<> {
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            co_await covey::shielded([&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    const auto ref =
                        co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
                    scope.soft_cancel();
                    co_await ref.tell(support::note{"still here"});
                    co_await covey::sleep_for(1h);
                    ref.stop();
                });
            });
        });
        CHECK(log.text() == "start still here stopped gone");
    });
}

TEST_CASE("an actor that is started when its nursery was asked to stop, stops (SV7, SV11)") {
    struct slow : scribe {
        using scribe::handle;
        using scribe::scribe;
        covey::task<> on_start() override {
            log_.note("starts");
            co_await covey::sleep_for(1h);
            log_.note("never");
        }
    };
    support::with_actors([](covey::nursery& outer, trace& log) -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.scope().soft_cancel();
            const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            outer.start_soon(note_end<covey::actor_ref<scribe>>, ref, std::ref(log));
            std::string end = "ready";
            try {
                static_cast<void>(
                    co_await covey::start_actor<slow>(nursery, {.grace = 3s}, std::ref(log)));
            } catch (const covey::actor_stopped_error&) {
                end = "stopped";
            }
            CHECK(end == "stopped");
            CHECK(seconds() == 3);
        });
        CHECK(log.text() == "start stopped gone stopped at 0 starts gone");
    });
}

TEST_CASE("an actor whose task moves into a nursery that was asked to stop, stops (N40, SV11)") {
    support::with_actors([](covey::nursery&, trace& log) -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.scope().soft_cancel();
            co_await covey::shielded([&]() -> covey::task<> {
                co_await nursery.start([&](covey::task_status<void> status) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                        const auto ref =
                            co_await covey::start_actor<scribe>(inner, {}, std::ref(log));
                        co_await ref.tell(support::note{"hears nothing"});
                        co_await covey::sleep_for(1s);
                        log.note("moves");
                        status.started();
                    });
                });
            });
        });
        CHECK(seconds() == 1);
        CHECK(log.text() == "start hears nothing moves stopped gone");
    });
}

TEST_CASE("what is queued is destroyed with no lock held, whoever asks (SV28)") {
    // A message that uses the scope's handle when it is gone.
    struct nosy {
        explicit nosy(covey::scope_handle handle) : scope(std::move(handle)) {}
        nosy(nosy&& other) noexcept : scope(other.scope), is_last(other.is_last) {
            other.is_last = false;
        }
        nosy& operator=(nosy&&) = delete;
        ~nosy() {
            if (is_last) scope.soft_cancel();
        }
        covey::scope_handle scope;
        bool is_last = true;
    };
    struct holder : scribe {
        using scribe::handle;
        using scribe::scribe;
        void handle(const nosy&) { log_.note("never"); }
    };
    support::with_actors([](covey::nursery&, trace& log) -> covey::task<> {
        covey::event gate;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<holder>(nursery, {}, std::ref(log));
            const covey::scope_handle handle = nursery.scope().handle();
            co_await ref.tell(support::hold{&gate});
            co_await ref.tell(nosy(handle));
            co_await covey::checkpoint();
            handle.soft_cancel();
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
            gate.set();
        });
        CHECK(log.text() == "start held( )held stopped gone");
    });
}
