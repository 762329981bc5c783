// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counting (count): a producer floods a counter, then asks how far it has come. Throughput of one
// mailbox; the question must not overtake.

#include "values.hpp"

#include <covey/actor.hpp>

#include <cstdint>
#include <utility>

namespace savina::count {

struct sizes {
    std::int64_t messages = 1'000'000;
};

struct increment {};
struct retrieve {};
struct produce {};

class counter : public covey::actor {
 public:
    void handle(increment) { ++count_; }
    std::int64_t handle(retrieve) const { return count_; }

 private:
    std::int64_t count_ = 0;
};

class producer : public covey::actor {
 public:
    producer(std::int64_t messages, covey::actor_ref<counter> to)
        : messages_(messages), counter_(std::move(to)) {}

    covey::task<std::int64_t> handle(produce) {
        for (std::int64_t i = 0; i < messages_; ++i) co_await counter_.tell(increment{});
        const std::int64_t counted = co_await counter_.ask(retrieve{});
        co_return counted;
    }

 private:
    const std::int64_t messages_;
    const covey::actor_ref<counter> counter_;
};

inline covey::task<values> counting(sizes size) {
    const std::int64_t counted =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<std::int64_t> {
            const auto to = co_await covey::start_actor<counter>(nursery, {});
            const auto from = co_await covey::start_actor<producer>(nursery, {}, size.messages, to);
            const std::int64_t result = co_await from.ask(produce{});
            from.stop();
            to.stop();
            co_return result;
        });
    co_return values{{"counted", static_cast<double>(counted)}};
}

}  // namespace savina::count
