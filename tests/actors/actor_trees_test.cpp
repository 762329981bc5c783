// SPDX-License-Identifier: BSL-1.0
// Actors, nurseries and supervisors in each other.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/own_process.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/inspect.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::observed;
using support::scribe;

namespace {

struct who {};

// Has a supervisor of its own with an actor below it, and talks to that one.
class manager : public covey::actor {
 public:
    manager(support::witness& events, support::trace& log) : events_(events), log_(log) {}

    covey::task<std::string> handle(who) { co_return co_await clerk_.ask(support::echo{"clerk"}); }
    covey::task<> handle(support::fail message) { co_await clerk_.tell(message); }

 protected:
    covey::task<> on_start() override {
        co_await children().start([this](covey::task_status<void> status) { return lead(status); });
    }

 private:
    covey::task<> lead(covey::task_status<void> status) {
        co_await covey::with_supervisor(
            observed({.name = "office"}), [&](covey::supervisor& office) -> covey::task<> {
                events_.watch(office);
                clerk_ =
                    co_await covey::start_actor<scribe>(office, {.name = "clerk"}, std::ref(log_));
                status.started();
                co_await covey::sleep_forever();
            });
    }

    support::witness& events_;
    support::trace& log_;
    covey::actor_ref<scribe> clerk_;
};

}  // namespace

TEST_CASE("a supervisor inside an actor restarts its children and closes with it (SV9, SV20)") {
    support::witness inner;
    support::witness outer;
    support::run_virtual([&]() -> covey::task<> {
        support::trace log;
        co_await covey::with_supervisor(
            observed({.name = "firm"}), [&](covey::supervisor& firm) -> covey::task<> {
                outer.watch(firm);
                const auto boss = co_await covey::start_actor<manager>(
                    firm, {.name = "boss"}, std::ref(inner), std::ref(log));
                {
                    const auto got = co_await boss.ask(who{});
                    CHECK(got == "clerk!");
                }
                co_await boss.tell(support::fail{});
                {
                    const auto got = co_await boss.ask(who{});
                    CHECK(got == "clerk!");
                }
                co_await covey::sleep_for(1s);

                const std::string tree = covey::dump_task_tree();
                CHECK_THAT(tree, Contains("supervisor 'firm', one_for_one, 1 child"));
                CHECK_THAT(tree, Contains("child 'boss', running, incarnation 1, 0 restarts"));
                CHECK_THAT(tree, Contains("actor 'boss', incarnation 1"));
                CHECK_THAT(tree, Contains("supervisor 'office', one_for_one, 1 child"));
                CHECK_THAT(tree, Contains("child 'clerk', running, incarnation 2, 1 restart"));
                CHECK_THAT(tree, Contains("actor 'clerk', incarnation 2"));
                firm.stop_all();
            });
        CHECK(log.text() == "start clerk failed gone start clerk stopped gone");
    });
    using kind = covey::supervision_event::kind;
    CHECK(inner.only({kind::incident, kind::stopped, kind::closed}) ==
          "0 incident clerk.1 #1: boom, 1.05 stopped clerk.2, 1.05 closed");
    CHECK(outer.only({kind::incident, kind::stopped, kind::closed}) ==
          "1.05 stopped boss.1, 1.05 closed");
}

TEST_CASE(
    "an inner supervisor that gives up is a crash of its actor, which starts anew (SV17, SV20)") {
    support::witness inner;
    support::witness outer;
    support::run_virtual([&]() -> covey::task<> {
        support::trace log;
        co_await covey::with_supervisor(
            observed({.name = "firm"}), [&](covey::supervisor& firm) -> covey::task<> {
                outer.watch(firm);
                const auto boss = co_await covey::start_actor<manager>(
                    firm, {.name = "boss"}, std::ref(inner), std::ref(log));
                for (int i = 0; i < 6; ++i) {
                    co_await boss.tell(support::fail{});
                    co_await covey::sleep_for(3s);
                }
                CHECK(boss.incarnation().number() == 2);
                {
                    const auto got = co_await boss.ask(who{});
                    CHECK(got == "clerk!");
                }
                firm.stop_all();
            });
    });
    using kind = covey::supervision_event::kind;
    bool gave_up = false;
    for (const covey::supervision_event& each : outer.events()) {
        if (each.what != kind::incident) continue;
        CHECK_THAT(support::message_of(each.error), Contains("supervisor 'office' gave up"));
        gave_up = true;
    }
    CHECK(gave_up);
}

namespace {

// Keeps an actor in its own nursery.
class keeper : public covey::actor {
 public:
    explicit keeper(support::trace& log) : log_(log) {}
    covey::task<> handle(support::note message) { co_await inner_.tell(std::move(message)); }

 protected:
    covey::task<> on_start() override {
        inner_ = co_await covey::start_actor<scribe>(children(), {}, std::ref(log_));
    }

 private:
    support::trace& log_;
    covey::actor_ref<scribe> inner_;
};

}  // namespace

TEST_CASE("an actor in the nursery of an actor ends before it (SV20)") {
    support::with_actors([](covey::nursery& nursery, support::trace& log) -> covey::task<> {
        const auto outer = co_await covey::start_actor<keeper>(nursery, {}, std::ref(log));
        co_await outer.tell(support::note{"hello"});
        co_await covey::sleep_for(1s);
        outer.stop();
        const covey::down end = co_await outer.watch();
        CHECK(end.reason == covey::exit_reason::stopped);
        CHECK(log.text() == "start hello stopped gone");
    });
}

namespace {

void light_a_match() { throw std::runtime_error("left the gas on"); }

class explosive : public covey::actor {
 public:
    ~explosive() override { light_a_match(); }
    void handle(int) {}
};

void end_the_explosive() {
    covey::run({.workers = 1}, []() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<explosive>(nursery, {});
            ref.stop();
        });
    });
}

}  // namespace

// The language ends the process at once; what was thrown is told.
TEST_CASE("a destructor of an actor that throws ends the process, with its words") {
    CHECK_THAT(support::last_words_of(end_the_explosive), Contains("left the gas on"));
}
