// SPDX-License-Identifier: BSL-1.0
#pragma once

// Big (big): everybody pings random others, one ping at a time. Many to many.

#include "post.hpp"
#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace savina::big {

struct sizes {
    std::int32_t actors = 120;
    std::int64_t pings = 20'000;  // from each
};

class worker;
using crowd = std::vector<covey::actor_ref<worker>>;

struct neighbours {
    std::shared_ptr<const crowd> all;
};
struct ping {
    std::int32_t from;
};
struct pong {
    std::int32_t from;
};
struct begin {};
struct finished {};

class sink : public covey::actor {
 public:
    explicit sink(std::int32_t actors) : left_(actors) {}
    void handle(const neighbours& message) { crowd_ = message.all; }
    void handle(finished);

 private:
    std::int32_t left_;
    std::shared_ptr<const crowd> crowd_;
};

struct tally {
    std::int64_t pings = 0;  // received
    std::int64_t pongs = 0;
};

class worker : public covey::actor {
 public:
    worker(std::int32_t id, std::int64_t pings, covey::actor_ref<sink> end, tally& counted)
        : id_(id), pings_left_(pings), sink_(std::move(end)), random_(id), tally_(counted) {}

    void handle(const neighbours& message) { crowd_ = message.all; }
    void handle(begin) { go_on(); }
    void handle(ping message) {
        ++tally_.pings;
        post(at(message.from), pong{id_});
    }
    void handle(pong message) {
        ++tally_.pongs;
        require(message.from == pinged_, "a pong comes from whom the ping went to");
        go_on();
    }

 private:
    void go_on() {
        if (pings_left_-- == 0) {
            post(sink_, finished{});
            return;
        }
        pinged_ = random_.next_int(static_cast<std::int32_t>(crowd_->size()));
        post(at(pinged_), ping{id_});
    }
    [[nodiscard]] const covey::actor_ref<worker>& at(std::int32_t id) const {
        return (*crowd_)[static_cast<std::size_t>(id)];
    }

    const std::int32_t id_;
    std::int64_t pings_left_;
    const covey::actor_ref<sink> sink_;
    savina_random random_;
    tally& tally_;
    std::shared_ptr<const crowd> crowd_;
    std::int32_t pinged_ = -1;
};

inline void sink::handle(finished) {
    if (--left_ != 0) return;
    for (const auto& each : *crowd_) each.stop();
    stop_self();
}

inline covey::task<values> big(sizes size) {
    std::vector<tally> tallies(static_cast<std::size_t>(size.actors));
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        // Everybody may have pinged the same one, which waits for its own pong.
        const auto room = static_cast<std::size_t>(size.actors) + 1;
        const auto end = co_await covey::start_actor<sink>(nursery, {.mailbox = room}, size.actors);
        const auto all = std::make_shared<crowd>();
        for (std::int32_t id = 0; id < size.actors; ++id) {
            auto ref = co_await covey::start_actor<worker>(
                nursery, {.mailbox = room}, id, size.pings, end,
                std::ref(tallies[static_cast<std::size_t>(id)]));
            all->push_back(std::move(ref));
        }
        co_await end.tell(neighbours{all});
        for (const auto& each : *all) co_await each.tell(neighbours{all});
        for (const auto& each : *all) co_await each.tell(begin{});
    });
    tally sum;
    for (const tally& each : tallies) {
        sum.pings += each.pings;
        sum.pongs += each.pongs;
    }
    co_return values{{"pings", static_cast<double>(sum.pings)},
                     {"pongs", static_cast<double>(sum.pongs)}};
}

}  // namespace savina::big
