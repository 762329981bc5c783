// SPDX-License-Identifier: BSL-1.0
// An actor under a nursery from its constructor to its destructor, and what becomes of its errors.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/exception_group.hpp>
#include <covey/inspect.hpp>
#include <covey/registry.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::exit_reason;
using covey::verdict;
using support::hold;
using support::note;
using support::scribe;
using support::trace;

namespace {

// What the nursery around body throws: the messages of its group, and what the watch said.
struct ending {
    std::vector<std::string> errors;
    std::optional<covey::down> end;
};

// Where an actor is told to fail.
struct plan {
    bool constructor = false, on_start = false, on_stop = false;
    verdict decided = verdict::restart;
    bool on_error = false;
};

class frail : public covey::actor {
 public:
    frail(plan planned, trace& log) : plan_(planned), log_(log) {
        log_.note("made");
        if (plan_.constructor) throw std::runtime_error("constructor");
    }
    ~frail() override { log_.note("gone"); }
    void handle(const note& message) {
        if (message.text == "fail") throw std::runtime_error("handler");
        log_.note(message.text);
    }
    covey::task<> handle(covey::duration length) {
        co_await covey::sleep_for(length);
        throw std::runtime_error("coroutine");
    }

 protected:
    covey::task<> on_start() override {
        log_.note("start");
        co_await covey::checkpoint();
        if (plan_.on_start) throw std::runtime_error("on_start");
    }
    covey::task<> on_stop(exit_reason reason) override {
        log_.note(reason == exit_reason::failed     ? "on_stop(failed)"
                  : reason == exit_reason::finished ? "on_stop(finished)"
                                                    : "on_stop");
        co_await covey::checkpoint();
        if (plan_.on_stop) throw std::runtime_error("on_stop");
    }
    verdict on_error(const std::exception_ptr& error) override {
        log_.note("on_error(" + support::message_of(error) + ")");
        if (plan_.on_error) throw std::runtime_error("on_error");
        return plan_.decided;
    }

 private:
    const plan plan_;
    trace& log_;
};

// Starts it, has it told, and waits for its end (or stops it when all is quiet).
ending live(plan planned, trace& log, std::vector<std::string> messages) {
    ending result;
    covey::actor_ref<frail> ref;
    try {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<frail>(nursery, {.name = "frail"}, planned,
                                                         std::ref(log));
                for (const std::string& each : messages) co_await ref.tell(note{each});
                co_await covey::testing::wait_all_tasks_blocked();
                ref.stop();
            });
        });
    } catch (const covey::exception_group& group) {
        result.errors = support::messages_of(group);
    } catch (const std::exception& error) {
        result.errors = {error.what()};
    }
    if (ref) {
        support::run_virtual([&]() -> covey::task<> { result.end = co_await ref.watch(); });
        CHECK(support::accounted(ref) == messages.size());
    }
    return result;
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a life without errors") {
    trace log;
    const ending end = live({}, log, {"a", "b"});
    CHECK(end.errors.empty());
    CHECK(end.end->reason == exit_reason::stopped);
    CHECK_FALSE(end.end->error);
    CHECK(log.text() == "made start a b on_stop gone");
}

TEST_CASE("what the constructor throws comes out of start_actor as it is (SV8a)") {
    trace log;
    const ending end = live({.constructor = true}, log, {});
    CHECK(end.errors == texts{"constructor"});
    CHECK(log.text() == "made");
}

TEST_CASE("what on_start throws comes out of start_actor as it is, and on_stop isn't run (SV8a)") {
    trace log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            std::string what;
            try {
                co_await covey::start_actor<frail>(nursery, {}, plan{.on_start = true},
                                                   std::ref(log));
            } catch (const std::runtime_error& error) {
                what = error.what();
            }
            CHECK(what == "on_start");
        });
    });
    CHECK(log.text() == "made start gone");
}

TEST_CASE("a handler that throws makes the actor a failed child (SV32)") {
    for (const verdict decided : {verdict::restart, verdict::escalate}) {
        trace log;
        const ending end = live({.decided = decided}, log, {"a", "fail", "b"});
        CHECK(end.errors == texts{"handler"});
        CHECK(end.end->reason == exit_reason::failed);
        CHECK(support::message_of(end.end->error) == "handler");
        CHECK(log.text() == "made start a on_error(handler) on_stop(failed) gone");
    }
}

TEST_CASE("on_error may drop the message and go on (SV32)") {
    trace log;
    const auto failed = covey::dead_letters().count(covey::dead_letter_reason::failed);
    const ending end = live({.decided = verdict::resume}, log, {"a", "fail", "b"});
    CHECK(end.errors.empty());
    CHECK(end.end->reason == exit_reason::stopped);
    CHECK(log.text() == "made start a on_error(handler) b on_stop gone");
    CHECK(covey::dead_letters().count(covey::dead_letter_reason::failed) == failed + 1);
}

TEST_CASE("on_error may end the actor without a failure (SV32)") {
    trace log;
    const auto stopped = covey::dead_letters().count(covey::dead_letter_reason::stopped);
    const ending end = live({.decided = verdict::stop}, log, {"a", "fail", "b"});
    CHECK(end.errors.empty());
    CHECK(end.end->reason == exit_reason::finished);
    CHECK(support::message_of(end.end->error) == "handler");
    CHECK(log.text() == "made start a on_error(handler) on_stop(finished) gone");
    CHECK(covey::dead_letters().count(covey::dead_letter_reason::stopped) == stopped + 1);
}

TEST_CASE("an on_error that throws makes the actor fail with both errors (SV4)") {
    trace log;
    const ending end = live({.on_error = true}, log, {"fail"});
    REQUIRE(end.errors.size() == 1);
    CHECK(end.errors[0] ==
          "actor 'frail' (2 errors)\n├─ std::runtime_error: handler\n"
          "╰─ std::runtime_error: on_error");
    CHECK(end.end->reason == exit_reason::failed);
}

TEST_CASE("an error of on_stop makes the actor a failed child, beside the one before it (SV14)") {
    trace log;
    ending end = live({.on_stop = true}, log, {"a"});
    CHECK(end.errors == texts{"on_stop"});
    CHECK(end.end->reason == exit_reason::failed);

    trace second;
    end = live({.on_stop = true}, second, {"fail"});
    REQUIRE(end.errors.size() == 1);
    CHECK(end.errors[0] ==
          "actor 'frail' (2 errors)\n├─ std::runtime_error: handler\n"
          "╰─ std::runtime_error: on_stop");
    CHECK(second.text() == "made start on_error(handler) on_stop(failed) gone");

    trace third;
    end = live({.on_stop = true, .decided = verdict::stop}, third, {"fail"});
    CHECK(end.errors.size() == 1);
    CHECK(end.end->reason == exit_reason::failed);
}

TEST_CASE("a coroutine handler fails like a plain one") {
    std::vector<std::string> errors;
    trace log;
    try {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref =
                    co_await covey::start_actor<frail>(nursery, {}, plan{}, std::ref(log));
                co_await ref.tell(covey::duration(2s));
                const covey::down end = co_await ref.watch();
                CHECK(end.reason == exit_reason::failed);
                CHECK(support::elapsed() == 2s);
            });
        });
    } catch (const covey::exception_group& group) {
        errors = support::messages_of(group);
    }
    CHECK(errors == texts{"coroutine"});
    CHECK(log.text() == "made start on_error(coroutine) on_stop(failed) gone");
}

TEST_CASE("the nursery stays open as long as the actor lives, and cancels it") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::run_virtual(seed, []() -> covey::task<> {
            trace log;
            covey::event never_set;
            covey::actor_ref<scribe> ref;
            const bool finished = co_await covey::move_on_after(3s, [&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
                    co_await ref.tell(hold{&never_set});
                });
            });
            CHECK_FALSE(finished);
            CHECK(support::elapsed() == 3s);
            CHECK(log.text() == "start held( cancelled gone");
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
            const covey::down end = co_await ref.watch();
            CHECK(end.reason == exit_reason::cancelled);
        });
    }
}

TEST_CASE("a start that is cancelled ends the actor (SV7, SC3)") {
    struct slow : covey::actor {
        explicit slow(trace& log) : log_(log) {}
        ~slow() override { log_.note("gone"); }
        covey::task<> on_start() override {
            log_.note("start");
            co_await covey::sleep_forever();
        }
        trace& log_;
    };
    support::run_virtual([]() -> covey::task<> {
        trace log;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::move_on_after(
                2s, covey::start_actor<slow>(nursery, {}, std::ref(log)));
            CHECK_FALSE(ref.finished());
        });
        CHECK(support::elapsed() == 2s);
        CHECK(log.text() == "start gone");
    });
}

TEST_CASE("on_stop is shielded, for the grace at most") {
    struct thorough : covey::actor {
        explicit thorough(trace& log) : log_(log) {}
        covey::task<> on_stop(exit_reason) override {
            co_await covey::sleep_for(2s);
            log_.note("tidy");
            co_await covey::sleep_forever();
        }
        trace& log_;
    };
    support::run_virtual([]() -> covey::task<> {
        trace log;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            co_await covey::start_actor<thorough>(nursery, {.grace = 3s}, std::ref(log));
            nursery.cancel();
        });
        CHECK(log.text() == "tidy");
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("stop: the message in progress is finished, what is queued is discarded (SV11, SV28)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::with_actors(seed, [](covey::nursery& nursery, trace& log) -> covey::task<> {
            covey::event gate;
            const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            co_await ref.tell(hold{&gate});
            co_await covey::testing::wait_all_tasks_blocked();
            co_await ref.tell(note{"queued"});
            ref.stop();
            ref.stop();
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
            note late{"late"};
            CHECK(support::try_told(ref, late) == "stopped");
            co_await covey::sleep_for(1s);
            gate.set();
            co_await ref.watch();
            CHECK(support::elapsed() == 1s);
            CHECK(log.text() == "start held( )held stopped gone");
            CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");
        });
    }
}

TEST_CASE(
    "stop: a handler that goes on is cancelled, then cancelled through shields (SV11, SC12)") {
    struct stubborn : covey::actor {
        explicit stubborn(trace& log) : log_(log) {}
        ~stubborn() override { log_.note("gone"); }
        covey::task<> handle(note) { co_await covey::move_on_after(1h, covey::sleep_forever()); }
        covey::task<> handle(int) {
            co_await covey::shielded([]() -> covey::task<> { co_await covey::sleep_for(1h); });
        }
        covey::task<> on_stop(exit_reason) override {
            log_.note(std::to_string(support::elapsed() / 1s) + "s");
            co_return;
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const covey::child_options options{.grace = 2s, .hard = 5s};
        auto ref = co_await covey::start_actor<stubborn>(nursery, options, std::ref(log));
        co_await ref.tell(note{"wait"});
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        covey::down end = co_await ref.watch();
        CHECK(end.reason == exit_reason::stopped);
        CHECK(support::elapsed() == 2s);
        CHECK(log.text() == "2s gone");

        ref = co_await covey::start_actor<stubborn>(nursery, options, std::ref(log));
        co_await ref.tell(1);
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        end = co_await ref.watch();
        CHECK(support::elapsed() == 7s);
        CHECK(log.text() == "2s gone 7s gone");
    });
}

TEST_CASE("stop before the actor is ready: it gets ready and ends, or is cancelled (SV11)") {
    struct slow : covey::actor {
        slow(covey::duration length, trace& log) : length_(length), log_(log) {}
        void handle(int) {}
        covey::task<> on_start() override {
            covey::register_name("slow starter", self<slow>());
            co_await covey::sleep_for(length_);
            log_.note("ready");
        }
        covey::task<> on_stop(exit_reason reason) override {
            log_.note(reason == exit_reason::stopped ? "stopped" : "?");
            co_return;
        }
        covey::duration length_;
        trace& log_;
    };
    for (const covey::duration length : {covey::duration(1s), covey::duration(1h)}) {
        support::with_actors([length](covey::nursery& nursery, trace& log) -> covey::task<> {
            nursery.start_soon([]() -> covey::task<> {
                co_await covey::sleep_for(500ms);
                covey::where_is<slow>("slow starter")->stop();
            });
            bool started = true;
            try {
                co_await covey::start_actor<slow>(nursery, {.grace = 2s}, length, std::ref(log));
            } catch (const std::exception&) {
                started = false;
            }
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(started == (length == 1s));
            CHECK(log.text() == (length == 1s ? "ready stopped" : ""));
            CHECK(support::elapsed() == (length == 1s ? 1s : 2500ms));
        });
    }
}

TEST_CASE("children of an actor end before it, and a child that fails makes it fail (SV20)") {
    struct parent : covey::actor {
        explicit parent(trace& log) : log_(log) {}
        ~parent() override { log_.note("gone"); }
        void handle(const note& message) {
            children().start_soon(
                [](trace& log, std::string text) -> covey::task<> {
                    struct ending {
                        trace& log;
                        ~ending() { log.note("child"); }
                    } const noted{log};
                    co_await covey::sleep_for(1s);
                    if (text == "fail") throw std::runtime_error("child failed");
                    co_await covey::sleep_forever();
                },
                std::ref(log_), message.text);
        }
        covey::task<> handle(hold message) {
            log_.note("waits");
            co_await message.gate->wait();
        }
        covey::task<> on_stop(exit_reason reason) override {
            log_.note(reason == exit_reason::failed ? "failed" : "stopped");
            co_return;
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<parent>(nursery, {}, std::ref(log));
        co_await ref.tell(note{"a"});
        co_await covey::sleep_for(2s);
        ref.stop();
        co_await ref.watch();
        CHECK(log.text() == "stopped child gone");
    });

    trace log;
    std::vector<std::string> errors;
    covey::actor_ref<parent> ref;
    try {
        support::run_virtual([&]() -> covey::task<> {
            covey::event never_set;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<parent>(nursery, {}, std::ref(log));
                co_await ref.tell(note{"fail"});
                co_await ref.tell(hold{&never_set});
            });
        });
    } catch (const covey::exception_group& group) {
        errors = support::messages_of(group);
    }
    CHECK(errors == texts{"child failed"});
    CHECK(log.text() == "waits child failed gone");
    CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");
}

TEST_CASE("an actor can cancel its own scope, and stop itself") {
    struct quitter : covey::actor {
        explicit quitter(trace& log) : log_(log) {}
        void handle(const note& message) {
            log_.note(message.text);
            if (message.text == "cancel") scope().cancel("enough");
            if (message.text == "stop") stop_self();
        }
        covey::task<> handle(int) {
            scope().cancel();
            co_await covey::checkpoint();
            log_.note("not reached");
        }
        trace& log_;
    };
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        auto ref = co_await covey::start_actor<quitter>(nursery, {}, std::ref(log));
        co_await ref.tell(note{"stop"});
        co_await ref.tell(note{"more"});
        covey::down end = co_await ref.watch();
        CHECK(end.reason == exit_reason::stopped);
        CHECK(log.text() == "stop");
        CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");

        ref = co_await covey::start_actor<quitter>(nursery, {}, std::ref(log));
        co_await ref.tell(note{"cancel"});
        co_await ref.tell(note{"more"});
        end = co_await ref.watch();
        CHECK(end.reason == exit_reason::cancelled);
        CHECK(log.text() == "stop cancel");
        CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");

        ref = co_await covey::start_actor<quitter>(nursery, {}, std::ref(log));
        co_await ref.tell(1);
        end = co_await ref.watch();
        CHECK(end.reason == exit_reason::cancelled);
        CHECK(log.text() == "stop cancel");
        CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
    });
}

TEST_CASE("members that need an incarnation say so in a constructor") {
    struct hasty : covey::actor {
        hasty() { children().cancel(); }
    };
    struct impostor : covey::actor {
        std::string handle(int) const {
            try {
                static_cast<void>(self<hasty>());
            } catch (const std::logic_error& error) {
                return error.what();
            }
            return "";
        }
    };
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            std::string what;
            try {
                co_await covey::start_actor<hasty>(nursery, {});
            } catch (const std::logic_error& error) {
                what = error.what();
            }
            CHECK_THAT(what, Catch::Matchers::Contains("'children' in the constructor"));
            const auto ref = co_await covey::start_actor<impostor>(nursery, {.name = "fake"});
            what = co_await ref.ask(1);
            CHECK_THAT(what, Catch::Matchers::Contains("self<A>() in actor 'fake'"));
            nursery.cancel();
        });
    });
}

TEST_CASE("bad options are refused") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        CHECK_THROWS_AS(covey::start_actor<scribe>(nursery, {.grace = -1s}, std::ref(log)),
                        std::invalid_argument);
        CHECK_THROWS_AS(
            covey::start_actor<scribe>(nursery, {.mailbox = std::size_t{1} << 60}, std::ref(log)),
            std::invalid_argument);
        co_return;
    });
}

TEST_CASE("arguments are moved, names are copied at the call") {
    struct owner : covey::actor {
        explicit owner(std::unique_ptr<int> value) : value_(std::move(value)) {}
        int handle(int) const { return *value_; }
        std::unique_ptr<int> value_;
    };
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        auto name = std::make_unique<std::string>("a name that is not small at all");
        auto starting =
            covey::start_actor<owner>(nursery, {.name = *name}, std::make_unique<int>(7));
        name.reset();
        const auto ref = co_await std::move(starting);
        CHECK(ref.name() == "a name that is not small at all");
        const int value = co_await ref.ask(0);
        CHECK(value == 7);
        nursery.cancel();
    });
}

TEST_CASE("the task tree shows actors, their mailboxes, and what they wait for") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto ref =
            co_await covey::start_actor<scribe>(nursery, {.name = "bank"}, std::ref(log));
        co_await ref.tell(hold{&gate});
        co_await covey::testing::wait_all_tasks_blocked();
        co_await ref.tell(note{"a"});
        const std::string tree = covey::dump_task_tree();
        CHECK_THAT(tree, Catch::Matchers::Contains("actor 'bank', incarnation 1"));
        CHECK_THAT(tree, Catch::Matchers::Contains("mailbox 1 of 64, 0 handled"));
        CHECK_THAT(tree, Catch::Matchers::Contains("waits for event"));
        gate.set();
        co_await covey::testing::wait_all_tasks_blocked();
        nursery.cancel();
    });
}
