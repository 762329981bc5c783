// SPDX-License-Identifier: BSL-1.0
// Soft cancellations that meet actors at their start, at work and at their end.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/actors.hpp>
#include <covey/event.hpp>

#include <atomic>
#include <optional>
#include <string>

using support::dawdle;
using support::dice;

namespace {

struct add {
    int amount = 1;
};

class adder : public covey::actor {
 public:
    explicit adder(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
    ~adder() override { --alive_; }
    covey::task<> handle(add message) {
        sum_ += message.amount;
        co_await covey::checkpoint();
    }

 protected:
    covey::task<> on_start() override { co_await covey::checkpoint(); }

 private:
    std::atomic<int>& alive_;
    int sum_ = 0;
};

// "" or what was thrown instead of a reference to a started actor.
covey::task<std::string> work_with_an_actor(covey::nursery& nursery, dice& random,
                                            std::atomic<int>& alive,
                                            covey::actor_ref<adder>& started) {
    try {
        started = co_await covey::start_actor<adder>(nursery, {.mailbox = 2}, std::ref(alive));
        dawdle(random);
        for (int i = 0; i < 4; ++i) co_await started.tell(add{});
        if (random.roll(2) == 0) started.stop();
    } catch (const covey::actor_stopped_error&) {
        co_return "stopped";
    }
    co_return "";
}

}  // namespace

TEST_CASE(
    "a soft cancellation races start, messages and stop of an actor: it ends once, race_mt (SV11, "
    "SV28)") {
    support::faults wrong;
    std::size_t cut_short = 0;
    support::foreign_thread other;
    for (std::uint64_t seed = 1; seed <= support::rounds(300); ++seed) {
        std::atomic<int> alive{0};
        covey::actor_ref<adder> ref;
        std::string end;
        bool was_last = false;
        support::run_mt(2, seed, [&]() -> covey::task<> {
            dice random(seed);
            covey::event asked;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const covey::scope_handle scope = nursery.scope().handle();
                other.post([&, scope, seed] {
                    dice own_random(seed * 7);
                    dawdle(own_random);
                    scope.soft_cancel("race");
                    asked.set();
                });
                end = co_await work_with_an_actor(nursery, random, alive, ref);
            });
            was_last = alive == 0;  // whoever asked may still be about to tell it
            co_await asked.wait();
        });
        cut_short += end.empty() ? 0 : 1;
        wrong.expect(was_last, "the actor is gone when its nursery is");
        if (!ref) continue;
        const covey::actor_statistics now = ref.statistics();
        wrong.expect(now.accepted == now.handled + now.dead_letters, "the accounts add up");
        wrong.expect(now.current_buffer_used == 0, "an ended actor's mailbox is empty");
    }
    CHECK(wrong.text() == "");
    CHECK(cut_short <= support::rounds(300));
}
