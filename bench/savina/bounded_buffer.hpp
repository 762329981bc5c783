// SPDX-License-Identifier: BSL-1.0
#pragma once

// Producer-Consumer with a bounded buffer (bndbuffer): a manager asks producers for items as long
// as there is room, and gives items to consumers. Everybody computes.

#include "post.hpp"
#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace savina::bndbuffer {

struct sizes {
    std::size_t buffer = 50;
    std::size_t producers = 40;
    std::size_t consumers = 40;
    std::int64_t items = 1'000;  // from each producer
    int producing = 25;          // cost of an item, in hundreds of logarithms
    int consuming = 25;
};

// Some hundred logarithms.
inline double compute(double start, int cost) {
    java_random random(cost);
    double result = start;
    for (int i = 0; i < cost * 100; ++i) result += std::log(random.next_double() + 0.01);
    return result;
}

class producer;
class consumer;

struct produce {};
struct item {
    double content;
    covey::actor_ref<producer> from;
};
struct delivery {
    double content;
};
struct available {
    covey::actor_ref<consumer> who;
};
struct producer_done {};

struct totals {
    std::size_t fullest = 0;
    std::int64_t producers_done = 0;
};

class manager : public covey::actor {
 public:
    manager(sizes size, totals& result) : sizes_(size), totals_(result) {}

    void handle(item message);
    void handle(available message);
    void handle(producer_done) {
        ++totals_.producers_done;
        end_if_done();
    }

 private:
    void end_if_done();

    const sizes sizes_;
    totals& totals_;
    std::deque<double> buffer_;
    std::deque<covey::actor_ref<producer>> idle_producers_;
    std::deque<covey::actor_ref<consumer>> idle_consumers_;
};

class producer : public covey::actor {
 public:
    producer(sizes size, covey::actor_ref<manager> to) : sizes_(size), manager_(std::move(to)) {}

    void handle(produce) {
        if (produced_++ < sizes_.items) {
            last_ = compute(last_, sizes_.producing);
            post(manager_, item{last_, self<producer>()});
        } else {
            post(manager_, producer_done{});
            stop_self();
        }
    }

 private:
    const sizes sizes_;
    const covey::actor_ref<manager> manager_;
    std::int64_t produced_ = 0;
    double last_ = 0;
};

class consumer : public covey::actor {
 public:
    consumer(int cost, covey::actor_ref<manager> from, std::int64_t& consumed)
        : cost_(cost), manager_(std::move(from)), consumed_(consumed) {}

    void handle(delivery message) {
        last_ = compute(last_ + message.content, cost_);
        ++consumed_;
        post(manager_, available{self<consumer>()});
    }

 private:
    const int cost_;
    const covey::actor_ref<manager> manager_;
    std::int64_t& consumed_;
    double last_ = 0;
};

inline void manager::handle(item message) {
    if (idle_consumers_.empty()) {
        buffer_.push_back(message.content);
    } else {
        post(idle_consumers_.front(), delivery{message.content});
        idle_consumers_.pop_front();
    }
    totals_.fullest = std::max(totals_.fullest, buffer_.size());
    // Every other producer may have an item on its way.
    if (buffer_.size() + sizes_.producers >= sizes_.buffer)
        idle_producers_.push_back(std::move(message.from));
    else
        post(message.from, produce{});
}

inline void manager::handle(available message) {
    if (buffer_.empty()) {
        idle_consumers_.push_back(std::move(message.who));
        end_if_done();
        return;
    }
    post(message.who, delivery{buffer_.front()});
    buffer_.pop_front();
    if (idle_producers_.empty()) return;
    post(idle_producers_.front(), produce{});
    idle_producers_.pop_front();
}

inline void manager::end_if_done() {
    if (totals_.producers_done != static_cast<std::int64_t>(sizes_.producers)) return;
    if (idle_consumers_.size() != sizes_.consumers) return;
    for (const auto& each : idle_consumers_) each.stop();
    stop_self();
}

inline covey::task<values> bounded_buffer(sizes size) {
    totals result;
    std::vector<std::int64_t> consumed(size.consumers);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const std::size_t room = size.producers + size.consumers;  // each has one message there
        const auto between = co_await covey::start_actor<manager>(nursery, {.mailbox = room}, size,
                                                                  std::ref(result));
        for (std::int64_t& each : consumed) {
            const auto ref = co_await covey::start_actor<consumer>(nursery, {}, size.consuming,
                                                                   between, std::ref(each));
            co_await between.tell(available{ref});
        }
        for (std::size_t i = 0; i < size.producers; ++i) {
            const auto ref = co_await covey::start_actor<producer>(nursery, {}, size, between);
            co_await ref.tell(produce{});
        }
    });
    require(result.fullest <= size.buffer, "the buffer is never above its bound");
    std::int64_t items = 0;
    for (const std::int64_t each : consumed) items += each;
    co_return values{{"items consumed", static_cast<double>(items)},
                     {"producers done", static_cast<double>(result.producers_done)},
                     {"fullest", static_cast<double>(result.fullest)}};
}

}  // namespace savina::bndbuffer
