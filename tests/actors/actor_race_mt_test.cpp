// SPDX-License-Identifier: BSL-1.0
// Actors on several workers: who tells, asks, watches, stops and cancels at the same time.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/actor.hpp>
#include <covey/registry.hpp>
#include <covey/timeout.hpp>
#include <covey/topic.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::dawdle;
using support::dice;
using support::faults;

namespace {

struct add {
    std::unique_ptr<std::uint64_t> amount;
};
struct sum {};
struct slow_sum {};

class adder : public covey::actor {
 public:
    explicit adder(std::atomic<std::uint64_t>& total) : total_(total) {}
    ~adder() override { total_ += sum_; }
    void handle(add message) { sum_ += *message.amount; }
    std::uint64_t handle(sum) {
        ++sum_;
        return sum_;
    }
    covey::task<std::uint64_t> handle(slow_sum) {
        co_await covey::checkpoint();
        ++sum_;
        co_return sum_;
    }

 private:
    std::uint64_t sum_ = 0;
    std::atomic<std::uint64_t>& total_;
};

using adder_ref = covey::actor_ref<adder>;

add one() { return {std::make_unique<std::uint64_t>(1)}; }

}  // namespace

TEST_CASE("what many senders on several workers tell arrives, each message once, tell_mt") {
    for (std::uint64_t seed = 1; seed <= support::rounds(10); ++seed) {
        std::atomic<std::uint64_t> total{0};
        constexpr std::uint64_t senders = 8, each = 200;
        support::run_mt(4, seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref =
                    co_await covey::start_actor<adder>(nursery, {.mailbox = 4}, std::ref(total));
                co_await covey::with_nursery([&](covey::nursery& clients) {
                    for (std::uint64_t i = 0; i < senders; ++i) {
                        clients.start_soon(
                            [](adder_ref to) -> covey::task<> {
                                for (std::uint64_t n = 0; n < each; ++n) {
                                    if (n % 10 == 0)
                                        co_await to.ask(sum());
                                    else
                                        co_await to.tell(one());
                                }
                            },
                            ref);
                    }
                });
                const std::uint64_t last = co_await ref.ask(slow_sum());
                CHECK(last == senders * each + 1);
                ref.stop();
            });
        });
        CHECK(total == senders * each + 1);
    }
}

TEST_CASE("messages of one sender arrive in order, order_mt") {
    struct ordered : covey::actor {
        explicit ordered(faults& wrong) : wrong_(wrong) {}
        void handle(std::pair<int, int> message) {
            auto& last = last_.at(static_cast<std::size_t>(message.first));
            wrong_.expect(message.second == last + 1, "the next of its sender's messages comes");
            last = message.second;
        }
        faults& wrong_;
        std::vector<int> last_ = std::vector<int>(4, 0);
    };
    faults wrong;
    support::run_mt(3, 1, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto ref =
                co_await covey::start_actor<ordered>(nursery, {.mailbox = 3}, std::ref(wrong));
            co_await covey::with_nursery([&](covey::nursery& clients) {
                for (int i = 0; i < 4; ++i) {
                    clients.start_soon(
                        [](covey::actor_ref<ordered> to, int me) -> covey::task<> {
                            for (int n = 1; n <= 1000; ++n) co_await to.tell(std::pair(me, n));
                        },
                        ref, i);
                }
            });
            const auto taken = ref.statistics();
            CHECK(taken.handled + taken.current_buffer_used + taken.in_progress <= 4000);
            nursery.cancel();
        });
    });
    CHECK(wrong.text() == "");
}

TEST_CASE(
    "a tell races its cancellation and the end of its actor: the message is in one place, race_mt "
    "(K17)") {
    faults wrong;
    std::uint64_t kept = 0, sent = 0;
    support::foreign_thread other;
    for (std::uint64_t seed = 1; seed <= support::rounds(300); ++seed) {
        std::atomic<std::uint64_t> total{0};
        adder_ref ref;
        bool is_kept = false, is_sent = false;
        support::run_mt(2, seed, [&]() -> covey::task<> {
            dice random(seed);
            std::optional<covey::scope_handle> scope;
            covey::event done;
            const bool stops = random.roll(2) == 0;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<adder>(nursery, {.mailbox = 1}, std::ref(total));
                for (int i = 0; i < 2; ++i) co_await ref.tell(one());
                nursery.start_soon([&]() -> covey::task<> {
                    add message = one();
                    co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& own) -> covey::task<> {
                            scope.emplace(own.handle());
                            other.post([&, seed] {
                                dice own_random(seed * 7);
                                dawdle(own_random);
                                if (stops)
                                    ref.stop();
                                else
                                    scope->cancel();
                                done.set();
                            });
                            dawdle(random);
                            try {
                                co_await ref.tell(std::move(message));
                                is_sent = true;
                            } catch (const covey::actor_stopped_error&) {
                            }
                        });
                    is_kept = message.amount != nullptr;
                });
                co_await done.wait();
                ref.stop();
            });
        });
        kept += is_kept ? 1 : 0;
        sent += is_sent ? 1 : 0;
        const auto end = ref.statistics();
        wrong.expect(is_kept != is_sent, "the message was sent or kept");
        wrong.expect(end.handled + end.dead_letters == (is_sent ? 3 : 2), "the accounts add up");
        wrong.expect(total == end.handled, "what was handled was handled once");
    }
    CHECK(wrong.text() == "");
    CHECK(kept + sent == support::rounds(300));
}

TEST_CASE("an ask races its cancellation and the end of its actor, race_mt (K17, SV26)") {
    faults wrong;
    support::foreign_thread other;
    for (std::uint64_t seed = 1; seed <= support::rounds(300); ++seed) {
        std::atomic<std::uint64_t> total{0};
        adder_ref ref;
        bool answered = false, failed = false, finished = false;
        support::run_mt(3, seed, [&]() -> covey::task<> {
            dice random(seed);
            std::optional<covey::scope_handle> scope;
            covey::event done;
            const bool stops = random.roll(2) == 0;
            const bool slow = random.roll(2) == 0;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<adder>(nursery, {.mailbox = 1}, std::ref(total));
                nursery.start_soon([&]() -> covey::task<> {
                    finished = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& own) -> covey::task<> {
                            scope.emplace(own.handle());
                            other.post([&, seed] {
                                dice own_random(seed * 7);
                                dawdle(own_random);
                                if (stops)
                                    ref.stop();
                                else
                                    scope->cancel();
                                done.set();
                            });
                            dawdle(random);
                            try {
                                if (slow)
                                    co_await ref.ask(slow_sum());
                                else
                                    co_await ref.ask(sum());
                                answered = true;
                            } catch (const covey::actor_stopped_error&) {
                                failed = true;
                            }
                        });
                });
                co_await done.wait();
                ref.stop();
            });
        });
        const auto end = ref.statistics();
        wrong.expect(!(answered && failed), "an answer or an error");
        wrong.expect(!finished || answered || failed, "an ask that finished has an end");
        wrong.expect(end.handled + end.returned <= 1, "there was one request");
        wrong.expect(!answered || end.handled == 1, "an answer comes from the handler");
        wrong.expect(end.dead_letters == 0, "a request is no dead letter");
        wrong.expect(total == end.handled, "what was handled was handled once");
    }
    CHECK(wrong.text() == "");
}

TEST_CASE("a watch races the end of its actor and its cancellation, race_mt (SV31)") {
    faults wrong;
    support::foreign_thread other;
    for (std::uint64_t seed = 1; seed <= support::rounds(300); ++seed) {
        std::atomic<std::uint64_t> total{0};
        std::atomic<int> told{0};
        support::run_mt(3, seed, [&]() -> covey::task<> {
            dice random(seed);
            adder_ref ref;
            covey::event done;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<adder>(nursery, {}, std::ref(total));
                for (int i = 0; i < 3; ++i) {
                    nursery.start_soon([&, seed, i]() -> covey::task<> {
                        dice own(seed * 31 + static_cast<std::uint64_t>(i));
                        dawdle(own);
                        if (i == 0) {
                            co_await covey::move_on_after(10us, ref.watch());
                            co_return;
                        }
                        const covey::down end = co_await ref.watch();
                        wrong.expect(end.reason == covey::exit_reason::stopped, "it was stopped");
                        ++told;
                    });
                }
                other.post([&, seed] {
                    dice own_random(seed * 7);
                    dawdle(own_random);
                    ref.stop();
                    done.set();
                });
                dawdle(random);
                co_await done.wait();
            });
        });
        wrong.expect(told == 2, "who watches is told");
    }
    CHECK(wrong.text() == "");
}

TEST_CASE("names, topics and timers from several workers, tools_mt") {
    struct ticking : covey::actor {
        explicit ticking(covey::topic<int>& topic) : topic_(topic) {}
        covey::task<> on_start() override {
            send_every(50us, 1);
            for (int i = 0; i < 20; ++i) send_after(10us, 2);
            co_return;
        }
        covey::task<> handle(int number) { co_await topic_.publish(number); }
        covey::topic<int>& topic_;
    };
    faults wrong;
    support::run_mt(4, 1, [&]() -> covey::task<> {
        covey::topic<int> topic;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 6; ++i) {
                nursery.start_soon([&, i]() -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                        const auto ref =
                            co_await covey::start_actor<ticking>(inner, {}, std::ref(topic));
                        const std::string name = "ticking " + std::to_string(i);
                        covey::register_name(name, ref);
                        auto rx = topic.subscribe(2, covey::overflow::drop_oldest);
                        for (int n = 0; n < 30; ++n) {
                            const int number = co_await rx.receive();
                            wrong.expect(number == 1 || number == 2, "a number that was sent");
                            wrong.expect(*covey::where_is<ticking>(name) == ref, "its name");
                        }
                        ref.stop();
                        co_await ref.watch();
                        wrong.expect(!covey::where_is<ticking>(name), "no name after the end");
                    });
                });
            }
        });
    });
    CHECK(wrong.text() == "");
}
