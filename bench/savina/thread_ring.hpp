// SPDX-License-Identifier: BSL-1.0
#pragma once

// Thread Ring (threadring): a token around a ring, then a request to end. Latency, and causal
// delivery: an actor knows its neighbour before the token can reach it.

#include "post.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

namespace savina::threadring {

struct sizes {
    std::size_t actors = 100;
    std::int64_t hops = 100'000;
};

class member;

struct neighbour {
    covey::actor_ref<member> next;
};
struct token {
    std::int64_t hops_left;
};
struct leave {
    std::size_t members_left;
};

class member : public covey::actor {
 public:
    member(std::size_t actors, std::int64_t& hops) : actors_(actors), hops_(hops) {}

    void handle(neighbour message) { next_ = std::move(message.next); }
    void handle(token message) {
        require(static_cast<bool>(next_), "the neighbour comes before the token");
        ++hops_;
        if (message.hops_left > 1)
            post(next_, token{message.hops_left - 1});
        else
            post(next_, leave{actors_});
    }
    void handle(leave message) {
        if (message.members_left > 1) post(next_, leave{message.members_left - 1});
        stop_self();
    }

 private:
    const std::size_t actors_;
    std::int64_t& hops_;
    covey::actor_ref<member> next_;
};

inline covey::task<values> thread_ring(sizes size) {
    std::vector<std::int64_t> hops(size.actors);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        std::vector<covey::actor_ref<member>> ring;
        for (std::int64_t& each : hops) {
            auto ref =
                co_await covey::start_actor<member>(nursery, {}, size.actors, std::ref(each));
            ring.push_back(std::move(ref));
        }
        for (std::size_t i = 0; i < ring.size(); ++i)
            co_await ring[i].tell(neighbour{ring[(i + 1) % ring.size()]});
        co_await ring[0].tell(token{size.hops});
    });
    co_return values{
        {"hops", static_cast<double>(std::accumulate(hops.begin(), hops.end(), std::int64_t{0}))}};
}

}  // namespace savina::threadring
