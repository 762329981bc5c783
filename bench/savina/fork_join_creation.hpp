// SPDX-License-Identifier: BSL-1.0
#pragma once

// Fork-Join creation (fjcreate): an actor for each message. What an actor's life costs.

#include "values.hpp"

#include <covey/actor.hpp>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>

namespace savina::fjcreate {

struct sizes {
    std::int64_t actors = 40'000;
};

struct job {};

class one_shot : public covey::actor {
 public:
    explicit one_shot(std::atomic<std::int64_t>& completions) : completions_(completions) {}

    void handle(job) {
        const double sine = std::sin(37.2);
        result_ = sine * sine;
        ++completions_;
        stop_self();
    }

 private:
    std::atomic<std::int64_t>& completions_;
    double result_ = 0;
};

inline covey::task<values> fork_join_creation(sizes size) {
    std::atomic<std::int64_t> completions = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (std::int64_t i = 0; i < size.actors; ++i) {
            const auto each =
                co_await covey::start_actor<one_shot>(nursery, {}, std::ref(completions));
            co_await each.tell(job{});
        }
    });
    co_return values{{"completions", static_cast<double>(completions.load())}};
}

}  // namespace savina::fjcreate
