// SPDX-License-Identifier: BSL-1.0
// Cancellation against completion within one step of one worker, in both orders: tell, ask, watch.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using support::trace;

namespace {

struct hold {
    covey::event* gate;
};
struct cut {
    covey::scope_handle scope;
};
struct question {
    std::string text;
};
struct word {
    std::string text;
};

// Its plain handlers run one after the other in one step while the mailbox isn't empty.
class scissors : public covey::actor {
 public:
    explicit scissors(trace& log) : log_(log) {}
    covey::task<> handle(hold message) { co_await message.gate->wait(); }
    void handle(const cut& message) {
        log_.note("cut");
        message.scope.cancel();
    }
    std::string handle(const question& message) {
        log_.note(message.text);
        return message.text + "!";
    }
    void handle(const word& message) { log_.note(message.text); }

 private:
    trace& log_;
};

using ref_type = covey::actor_ref<scissors>;

// One operation in a scope of its own, and how far its task came.
struct observed {
    std::optional<covey::scope_handle> scope;
    std::string result = "waits";
    bool passed_checkpoint = false, finished = false;

    covey::task<> run(std::function<covey::task<std::string>()> operation) {
        finished =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                scope.emplace(own.handle());
                result = co_await operation();
                co_await covey::checkpoint();
                passed_checkpoint = true;
            });
    }
};

// An actor whose handler waits for the gate; the operation waits behind it.
struct scene {
    trace log;
    covey::event gate;
    ref_type ref;
    observed seen;

    covey::task<> play(covey::nursery& nursery, std::size_t mailbox, std::function<void()> first,
                       std::function<covey::task<std::string>()> operation,
                       std::function<void()> then) {
        ref = co_await covey::start_actor<scissors>(nursery, {.mailbox = mailbox}, std::ref(log));
        co_await ref.tell(hold{&gate});
        co_await covey::testing::wait_all_tasks_blocked();
        first();
        nursery.start_soon([&] { return seen.run(operation); });
        co_await covey::testing::wait_all_tasks_blocked();
        then();
        co_await covey::testing::wait_all_tasks_blocked();
        nursery.cancel();
    }
};

template <class F>
void for_each_seed(F body) {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, [&]() -> covey::task<> {
            scene stage;
            co_await covey::with_nursery(
                [&](covey::nursery& nursery) -> covey::task<> { co_await body(nursery, stage); });
        });
    }
}

}  // namespace

TEST_CASE("an ask that was answered, then cancelled in the same step, has its answer (K17)") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        co_await stage.play(
            nursery, 8, [] {},
            [&]() -> covey::task<std::string> {
                co_return co_await stage.ref.ask(question{"asked"});
            },
            [&] {
                CHECK(stage.ref.try_tell(cut{*stage.seen.scope}));
                stage.gate.set();
            });
        CHECK(stage.log.text() == "asked cut");
        CHECK(stage.seen.result == "asked!");
        CHECK_FALSE(stage.seen.passed_checkpoint);
        CHECK_FALSE(stage.seen.finished);
        CHECK(support::accounts(stage.ref) == "handled 3, queued 0, returned 0, dead 0");
    });
}

TEST_CASE("an ask that was cancelled, then answered in the same step, has no answer (K17)") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        co_await stage.play(
            nursery, 8, [] {},
            [&]() -> covey::task<std::string> {
                CHECK(stage.ref.try_tell(cut{*stage.seen.scope}));
                co_return co_await stage.ref.ask(question{"asked"});
            },
            [&] { stage.gate.set(); });
        // The asker was claimed but not unwound when its request was begun.
        CHECK(stage.log.text() == "cut asked");
        CHECK(stage.seen.result == "waits");
        CHECK_FALSE(stage.seen.finished);
        CHECK(support::accounts(stage.ref) == "handled 3, queued 0, returned 0, dead 0");
    });
}

TEST_CASE("an ask that fails, then is cancelled in the same step, has its error (K17)") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        co_await stage.play(
            nursery, 8, [] {},
            [&]() -> covey::task<std::string> {
                try {
                    co_return co_await stage.ref.ask(question{"asked"});
                } catch (const covey::actor_stopped_error&) {
                    co_return "stopped";
                }
            },
            [&] {
                stage.ref.stop();
                stage.seen.scope->cancel();
            });
        CHECK(stage.seen.result == "stopped");
        CHECK_FALSE(stage.seen.passed_checkpoint);
        stage.gate.set();
    });
}

TEST_CASE("a tell that was taken, then cancelled in the same step, has been sent (K17)") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        word message{"a message that is long enough to be moved"};
        co_await stage.play(
            nursery, 1, [] {},
            [&]() -> covey::task<std::string> {
                CHECK(stage.ref.try_tell(cut{*stage.seen.scope}));
                co_await stage.ref.tell(std::move(message));
                co_return "sent";
            },
            [&] { stage.gate.set(); });
        // Its place was freed by the message whose handler cancels it.
        CHECK(stage.log.text() == "cut a message that is long enough to be moved");
        CHECK(stage.seen.result == "sent");
        CHECK_FALSE(stage.seen.passed_checkpoint);
        CHECK(message.text.empty());
    });
}

TEST_CASE("a tell that was cancelled, then could be taken in the same step, sends nothing (K17)") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        word message{"a message that is long enough to be moved"};
        co_await stage.play(
            nursery, 1, [&] { CHECK(stage.ref.try_tell(word{"full"})); },
            [&]() -> covey::task<std::string> {
                co_await stage.ref.tell(std::move(message));
                co_return "sent";
            },
            [&] {
                stage.seen.scope->cancel();
                stage.gate.set();
            });
        CHECK(stage.log.text() == "full");
        CHECK(stage.seen.result == "waits");
        CHECK_FALSE(stage.seen.finished);
        CHECK(message.text == "a message that is long enough to be moved");
        CHECK(support::accounts(stage.ref) == "handled 2, queued 0, returned 0, dead 0");
    });
}

TEST_CASE("an ask that waits for room is cancelled without a trace, and keeps its message") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        question message{"a message that is long enough to be moved"};
        co_await stage.play(
            nursery, 1, [&] { CHECK(stage.ref.try_tell(word{"full"})); },
            [&]() -> covey::task<std::string> {
                co_return co_await stage.ref.ask(std::move(message));
            },
            [&] {
                stage.seen.scope->cancel();
                stage.gate.set();
            });
        CHECK(stage.log.text() == "full");
        CHECK(stage.seen.result == "waits");
        CHECK(message.text == "a message that is long enough to be moved");
    });
}

TEST_CASE("an ask that waits for room keeps its message when the actor stops") {
    for_each_seed([](covey::nursery& nursery, scene& stage) -> covey::task<> {
        question message{"a message that is long enough to be moved"};
        co_await stage.play(
            nursery, 1, [&] { CHECK(stage.ref.try_tell(word{"full"})); },
            [&]() -> covey::task<std::string> {
                try {
                    co_return co_await stage.ref.ask(std::move(message));
                } catch (const covey::actor_stopped_error&) {
                    co_return "stopped";
                }
            },
            [&] {
                stage.ref.stop();
                stage.gate.set();
            });
        CHECK(stage.seen.result == "stopped");
        CHECK(stage.seen.finished);
        CHECK(message.text == "a message that is long enough to be moved");
        CHECK(support::accounts(stage.ref) == "handled 1, queued 0, returned 0, dead 1");
    });
}

TEST_CASE("the end of an actor and the cancellation of who watches it, in one step (K17)") {
    for (const bool ends_first : {true, false}) {
        for_each_seed([ends_first](covey::nursery& nursery, scene& stage) -> covey::task<> {
            // on_stop runs in the step in which the actor ends, or before it.
            struct ending : covey::actor {
                ending(observed& watcher, bool cancels) : watcher_(watcher), cancels_(cancels) {}
                ~ending() override {
                    if (cancels_) watcher_.scope->cancel();
                }
                void handle(int) { stop_self(); }
                observed& watcher_;
                const bool cancels_;
            };
            const auto ref =
                co_await covey::start_actor<ending>(nursery, {}, std::ref(stage.seen), !ends_first);
            nursery.start_soon([&] {
                return stage.seen.run([&]() -> covey::task<std::string> {
                    co_await ref.watch();
                    co_return "down";
                });
            });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(ref.try_tell(1));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(stage.seen.result == (ends_first ? "down" : "waits"));
            CHECK(stage.seen.finished == ends_first);
        });
    }
}
