// SPDX-License-Identifier: BSL-1.0
//
// Actors: w10, w11, w12.

#include "measure.hpp"

#include <covey/actor.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

namespace workloads {

namespace {

struct number {
    std::uint64_t value;
};
struct total {};

class adder : public covey::actor {
 public:
    void handle(number message) { sum_ += message.value; }
    std::uint64_t handle(total) const { return sum_; }

 private:
    std::uint64_t sum_ = 0;
};

covey::task<> tell_numbers(covey::actor_ref<adder> to, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await to.tell(number{i});
}

}  // namespace

covey::task<figures> crowded_mailbox(scale size) {
    constexpr std::uint64_t senders = 20;
    const std::uint64_t count = choose(size, 500'000, 200);  // of each
    double taken = 0;
    std::uint64_t sum = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto to = co_await covey::start_actor<adder>(nursery, {.mailbox = 1024});
        const stopwatch watch;
        co_await covey::with_nursery([&](covey::nursery& sending) {
            for (std::uint64_t i = 0; i < senders; ++i) sending.start_soon(tell_numbers, to, count);
        });
        sum = co_await to.ask(total{});
        taken = watch.nanoseconds_per(senders * count);
        to.stop();
    });
    expect_equal("the sum of what was told", sum, senders * (count * (count - 1) / 2));
    co_return figures{{"ns", taken}, {"peak_bytes", peak_resident_bytes()}};
}

namespace {

// Counts the actors that are alive, up to all of them.
class roll_call {
 public:
    explicit roll_call(std::uint64_t expected) : expected_(expected) {}
    void report() {
        if (++alive_ == expected_) complete_.set();
    }
    auto complete() { return complete_.wait(); }
    [[nodiscard]] std::uint64_t alive() const { return alive_; }

 private:
    const std::uint64_t expected_;
    std::atomic<std::uint64_t> alive_ = 0;
    covey::event complete_;
};

struct grow {
    std::uint64_t levels;  // below this actor
};

class node : public covey::actor {
 public:
    explicit node(roll_call& roll) : roll_(roll) {}

    covey::task<> handle(grow message) {
        for (int i = 0; i < 2 && message.levels > 0; ++i) {
            const auto child = co_await covey::start_actor<node>(children(), {}, std::ref(roll_));
            co_await child.tell(grow{message.levels - 1});
        }
        roll_.report();
    }

 private:
    roll_call& roll_;
};

}  // namespace

covey::task<figures> tree_of_actors(scale size) {
    const std::uint64_t levels = choose(size, 18, 6);
    const std::uint64_t count = (std::uint64_t{1} << (levels + 1)) - 1;
    roll_call roll(count);
    figures result;
    const double before = resident_bytes();
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const stopwatch watch;
        const auto root = co_await covey::start_actor<node>(nursery, {}, std::ref(roll));
        co_await root.tell(grow{levels});
        co_await roll.complete();
        result.push_back({"ns", watch.nanoseconds_per(count)});
        result.push_back({"bytes", (resident_bytes() - before) / static_cast<double>(count)});
        root.stop();
    });
    expect_equal("actors alive", roll.alive(), count);
    co_return result;
}

namespace {

struct question {
    std::uint64_t number;
};

class answerer : public covey::actor {
 public:
    std::uint64_t handle(question asked) const { return asked.number + 1; }
};

struct begin {
    std::uint64_t questions;
};

class asker : public covey::actor {
 public:
    explicit asker(covey::actor_ref<answerer> whom) : whom_(std::move(whom)) {}

    // How long each question took, in nanoseconds.
    covey::task<std::vector<double>> handle(begin message) {
        std::vector<double> taken;
        taken.reserve(message.questions);
        for (std::uint64_t i = 0; i < message.questions; ++i) {
            const stopwatch watch;
            const std::uint64_t answer = co_await whom_.ask(question{i});
            taken.push_back(watch.nanoseconds());
            expect_equal("the answer", answer, i + 1);
        }
        co_return taken;
    }

 private:
    covey::actor_ref<answerer> whom_;
};

}  // namespace

covey::task<figures> questions(scale size) {
    const std::uint64_t count = choose(size, 500'000, 300);
    std::vector<double> taken;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto answers = co_await covey::start_actor<answerer>(nursery, {});
        const auto asks = co_await covey::start_actor<asker>(nursery, {}, answers);
        taken = co_await asks.ask(begin{count});
        asks.stop();
        answers.stop();
    });
    figures result;
    append_percentiles(result, "", std::move(taken));
    co_return result;
}

}  // namespace workloads
