// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ping Pong (pingpong): two actors, one message under way. Latency.

#include "post.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace savina::pingpong {

struct sizes {
    std::int64_t rounds = 40'000;
};

class pinger;

struct start_round {};
struct ping {
    covey::actor_ref<pinger> from;
};
struct pong {};

class ponger : public covey::actor {
 public:
    void handle(const ping& message);
};

class pinger : public covey::actor {
 public:
    pinger(std::int64_t rounds, covey::actor_ref<ponger> other, std::int64_t& pongs)
        : rounds_(rounds), other_(std::move(other)), pongs_(pongs) {}

    void handle(start_round) { post(other_, ping{self<pinger>()}); }
    void handle(pong) {
        if (++pongs_ < rounds_) {
            post(self<pinger>(), start_round{});
        } else {
            other_.stop();
            stop_self();
        }
    }

 private:
    const std::int64_t rounds_;
    const covey::actor_ref<ponger> other_;
    std::int64_t& pongs_;
};

inline void ponger::handle(const ping& message) { post(message.from, pong{}); }

inline covey::task<values> ping_pong(sizes size) {
    std::int64_t pongs = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto other = co_await covey::start_actor<ponger>(nursery, {});
        const auto first =
            co_await covey::start_actor<pinger>(nursery, {}, size.rounds, other, std::ref(pongs));
        co_await first.tell(start_round{});
    });
    co_return values{{"pongs", static_cast<double>(pongs)}};
}

}  // namespace savina::pingpong
