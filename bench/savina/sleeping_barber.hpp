// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sleeping Barber (barber): customers enter a waiting room, and are sent there again when it was
// full. One slow server.

#include "post.hpp"
#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace savina::barber {

struct sizes {
    std::size_t customers = 5'000;
    std::size_t waiting_room = 1'000;
    std::int32_t production = 1'000;  // the most steps between two customers, nearly
    std::int32_t haircut = 1'000;
};

class room;
class customer;
class factory;

struct enter {
    covey::actor_ref<customer> who;
};
struct seat {  // the room to the barber
    covey::actor_ref<customer> who;
    covey::actor_ref<room> from;
};
struct next {};
struct full {};
struct wait {};
struct begin {};
struct done {};
struct close {};  // nobody comes any more
struct returned {
    covey::actor_ref<customer> who;
};

struct totals {
    std::int64_t haircuts = 0;
    std::int64_t attempts = 0;
    double idle_steps = 0;  // what the busy waiting came to, so that it isn't optimised away
};

class barber : public covey::actor {
 public:
    explicit barber(std::int32_t haircut) : haircut_(haircut) {}

    void handle(const seat& message);
    void handle(wait) {}

 private:
    const std::int32_t haircut_;
    savina_random random_{74755};
    double steps_ = 0;
};

class room : public covey::actor {
 public:
    room(std::size_t capacity, covey::actor_ref<barber> inside)
        : capacity_(capacity), barber_(std::move(inside)) {}

    void handle(enter message);
    void handle(next);
    void handle(close) {
        is_closing_ = true;
        close_if_quiet();
    }

 private:
    // The barber sends nothing while it sleeps.
    void close_if_quiet() {
        if (!is_closing_ || !barber_sleeps_) return;
        barber_.stop();
        stop_self();
    }

    const std::size_t capacity_;
    const covey::actor_ref<barber> barber_;
    std::deque<covey::actor_ref<customer>> waiting_;
    bool barber_sleeps_ = true;
    bool is_closing_ = false;
};

class factory : public covey::actor {
 public:
    factory(sizes size, covey::actor_ref<room> to, totals& result)
        : sizes_(size), room_(std::move(to)), totals_(result) {}

    covey::task<> handle(begin);
    void handle(returned message) { send(std::move(message.who)); }
    void handle(done) {
        if (++totals_.haircuts < static_cast<std::int64_t>(sizes_.customers)) return;
        post(room_, close{});
        stop_self();
    }

 private:
    void send(covey::actor_ref<customer> who) {
        ++totals_.attempts;
        post(room_, enter{std::move(who)});
    }

    const sizes sizes_;
    const covey::actor_ref<room> room_;
    savina_random random_{74755};
    totals& totals_;
};

class customer : public covey::actor {
 public:
    explicit customer(covey::actor_ref<factory> from) : factory_(std::move(from)) {}

    void handle(full) { post(factory_, returned{self<customer>()}); }
    void handle(wait) {}
    void handle(begin) {}
    void handle(done) {
        post(factory_, done{});
        stop_self();
    }

 private:
    const covey::actor_ref<factory> factory_;
};

inline void barber::handle(const seat& message) {
    post(message.who, begin{});
    steps_ += busy_wait(random_, random_.next_int(haircut_) + 10);
    post(message.who, done{});
    post(message.from, next{});
}

inline void room::handle(enter message) {
    if (waiting_.size() == capacity_) {
        post(message.who, full{});
        return;
    }
    if (std::exchange(barber_sleeps_, false))
        post(self<room>(), next{});
    else
        post(message.who, wait{});
    waiting_.push_back(std::move(message.who));
}

inline void room::handle(next) {
    if (waiting_.empty()) {
        barber_sleeps_ = true;
        post(barber_, wait{});
        close_if_quiet();
        return;
    }
    post(barber_, seat{std::move(waiting_.front()), self<room>()});
    waiting_.pop_front();
}

inline covey::task<> factory::handle(begin) {
    for (std::size_t i = 0; i < sizes_.customers; ++i) {
        auto ref = co_await covey::start_actor<customer>(children(), {}, self<factory>());
        send(std::move(ref));
        totals_.idle_steps += busy_wait(random_, random_.next_int(sizes_.production) + 10);
    }
}

inline covey::task<values> sleeping_barber(sizes size) {
    totals result;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        // Each customer has one message in the room or in the factory.
        const std::size_t mailbox = size.customers + 2;
        const auto inside = co_await covey::start_actor<barber>(nursery, {}, size.haircut);
        const auto place = co_await covey::start_actor<room>(nursery, {.mailbox = mailbox},
                                                             size.waiting_room, inside);
        const auto source = co_await covey::start_actor<factory>(nursery, {.mailbox = mailbox},
                                                                 size, place, std::ref(result));
        co_await source.tell(begin{});
    });
    require(result.attempts >= result.haircuts, "nobody gets a haircut without having entered");
    co_return values{{"haircuts", static_cast<double>(result.haircuts)},
                     {"attempts", static_cast<double>(result.attempts)}};
}

}  // namespace savina::barber
