// SPDX-License-Identifier: BSL-1.0
#pragma once

// Fork-Join throughput (fjthrput): messages in turn to actors that compute a little. Scheduling
// under load.

#include "values.hpp"

#include <covey/actor.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace savina::fjthrput {

struct sizes {
    std::int64_t messages = 10'000;  // for each actor
    std::size_t actors = 60;
};

struct job {};

class worker : public covey::actor {
 public:
    worker(std::int64_t jobs, std::int64_t& done) : jobs_(jobs), done_(done) {}

    void handle(job) {
        const double sine = std::sin(37.2);
        result_ += sine * sine;
        if (++done_ == jobs_) stop_self();
    }

 private:
    const std::int64_t jobs_;
    std::int64_t& done_;
    double result_ = 0;
};

inline covey::task<values> fork_join_throughput(sizes size) {
    std::vector<std::int64_t> done(size.actors);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        std::vector<covey::actor_ref<worker>> workers;
        for (std::int64_t& each : done) {
            auto ref =
                co_await covey::start_actor<worker>(nursery, {}, size.messages, std::ref(each));
            workers.push_back(std::move(ref));
        }
        for (std::int64_t i = 0; i < size.messages; ++i)
            for (const auto& each : workers) co_await each.tell(job{});
    });
    for (const std::int64_t each : done)
        require(each == size.messages, "each actor stops after its share");
    co_return values{
        {"jobs", static_cast<double>(std::accumulate(done.begin(), done.end(), std::int64_t{0}))}};
}

}  // namespace savina::fjthrput
