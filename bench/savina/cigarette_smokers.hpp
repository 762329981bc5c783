// SPDX-License-Identifier: BSL-1.0
#pragma once

// Cigarette Smokers (cigsmok): an arbiter lets one smoker after the other begin, each of which says
// so and then is busy.

#include "post.hpp"
#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace savina::cigsmok {

struct sizes {
    std::int32_t rounds = 1'000;
    std::int32_t smokers = 200;
};

class smoker;

struct introduce {
    std::vector<covey::actor_ref<smoker>> smokers;
};
struct smoke {
    std::int32_t busy;
};
struct started {};

class arbiter : public covey::actor {
 public:
    arbiter(sizes size, std::int64_t& rounds)
        : sizes_(size), random_(std::int64_t{size.rounds} * size.smokers), rounds_(rounds) {}

    void handle(introduce message) {
        smokers_ = std::move(message.smokers);
        choose();
    }
    void handle(started);

 private:
    void choose();

    const sizes sizes_;
    savina_random random_;
    std::int64_t& rounds_;
    std::vector<covey::actor_ref<smoker>> smokers_;
};

class smoker : public covey::actor {
 public:
    smoker(covey::actor_ref<arbiter> by, std::int64_t& smoked)
        : arbiter_(std::move(by)), smoked_(smoked) {}

    void handle(smoke message) {
        ++smoked_;
        post(arbiter_, started{});
        steps_ += busy_wait(random_, message.busy);
    }

 private:
    const covey::actor_ref<arbiter> arbiter_;
    std::int64_t& smoked_;
    savina_random random_{74755};
    double steps_ = 0;
};

inline void arbiter::handle(started) {
    if (++rounds_ < sizes_.rounds) {
        choose();
        return;
    }
    for (const auto& each : smokers_) each.stop();
    stop_self();
}

inline void arbiter::choose() {
    const auto chosen = static_cast<std::size_t>(random_.next_int(sizes_.smokers));
    post(smokers_[chosen], smoke{random_.next_int(1000) + 10});
}

inline covey::task<values> cigarette_smokers(sizes size) {
    std::int64_t rounds = 0;
    std::vector<std::int64_t> smoked(static_cast<std::size_t>(size.smokers));
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto by = co_await covey::start_actor<arbiter>(nursery, {}, size, std::ref(rounds));
        introduce all;
        for (std::int64_t& each : smoked) {
            auto ref = co_await covey::start_actor<smoker>(nursery, {}, by, std::ref(each));
            all.smokers.push_back(std::move(ref));
        }
        co_await by.tell(std::move(all));
    });
    std::int64_t distinct = 0;
    for (const std::int64_t each : smoked) distinct += each > 0 ? 1 : 0;
    co_return values{{"rounds", static_cast<double>(rounds)},
                     {"distinct smokers", static_cast<double>(distinct)}};
}

}  // namespace savina::cigsmok
