// SPDX-License-Identifier: BSL-1.0
#pragma once

// Logistic Map (logmap): each worker lets its computer compute one term after the other. Handlers
// that wait for a reply while their mailbox fills.

#include "values.hpp"

#include <covey/actor.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace savina::logmap {

struct sizes {
    int series = 10;
    int terms = 25'000;
    double first_rate = 3.46;
    double increment = 0.0025;
};

struct compute {
    double term;
};
struct next_term {};
struct current_term {};

class computer : public covey::actor {
 public:
    explicit computer(double rate) : rate_(rate) {}
    double handle(compute message) const {
        const double risen = rate_ * message.term;
        const double left = 1 - message.term;
        return risen * left;
    }

 private:
    const double rate_;
};

class worker : public covey::actor {
 public:
    worker(double start, covey::actor_ref<computer> by) : term_(start), computer_(std::move(by)) {}

    // No other message is handled before the reply is here.
    covey::task<> handle(next_term) { term_ = co_await computer_.ask(compute{term_}); }
    double handle(current_term) const { return term_; }

 private:
    double term_;
    const covey::actor_ref<computer> computer_;
};

inline covey::task<values> logistic_map(sizes size) {
    std::vector<double> terms;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        std::vector<covey::actor_ref<worker>> workers;
        for (int i = 0; i < size.series; ++i) {
            const double start = i * size.increment;
            const auto by =
                co_await covey::start_actor<computer>(nursery, {}, size.first_rate + start);
            auto ref = co_await covey::start_actor<worker>(nursery, {}, start, by);
            workers.push_back(std::move(ref));
        }
        for (int term = 0; term < size.terms; ++term)
            for (const auto& each : workers) co_await each.tell(next_term{});
        for (const auto& each : workers) {
            const double last = co_await each.ask(current_term{});
            terms.push_back(last);
        }
        nursery.cancel("the series are complete");
    });
    double sum = 0;  // in the order of the series: in another one the last digit differs
    for (const double each : terms) sum += each;
    co_return values{{"sum", sum},
                     {"series 0", terms.front()},
                     {"series 1", terms[1]},
                     {"last series", terms.back()}};
}

}  // namespace savina::logmap
