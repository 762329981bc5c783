// SPDX-License-Identifier: BSL-1.0
#pragma once

// Chameneos (chameneos): a mall pairs creatures, which change their colours. Contention on one
// mailbox.

#include "post.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace savina::chameneos {

struct sizes {
    std::int64_t creatures = 100;
    std::int64_t meetings = 200'000;
};

enum class colour { red, yellow, blue, faded };

// What both become who meet: the same colour stays, two different ones become the third.
constexpr colour complement(colour one, colour other) {
    if (one == colour::faded || other == colour::faded) return colour::faded;
    if (one == other) return one;
    return static_cast<colour>(3 - static_cast<int>(one) - static_cast<int>(other));
}

class creature;

struct begin {};
struct meet {  // a creature to the mall, and the mall to the one that waits there
    colour own;
    covey::actor_ref<creature> from;
};
struct change {  // the one that waited, to the other one
    colour to;
};
struct close {};
struct meeting_count {
    std::int64_t meetings;
};

class mall : public covey::actor {
 public:
    mall(sizes size, std::int64_t& sum) : left_(size.meetings), open_(size.creatures), sum_(sum) {}

    void handle(meet message);
    void handle(meeting_count message) {
        sum_ += message.meetings;
        if (--open_ == 0) stop_self();
    }

 private:
    std::int64_t left_;
    std::int64_t open_;  // creatures that haven't told their count
    std::int64_t& sum_;
    covey::actor_ref<creature> waiting_;
};

class creature : public covey::actor {
 public:
    creature(covey::actor_ref<mall> place, colour own) : mall_(std::move(place)), own_(own) {}

    void handle(begin) { go_to_the_mall(); }
    void handle(const meet& other) {
        own_ = complement(own_, other.own);
        ++meetings_;
        post(other.from, change{own_});
        go_to_the_mall();
    }
    void handle(change message) {
        own_ = message.to;
        ++meetings_;
        go_to_the_mall();
    }
    void handle(close) {
        own_ = colour::faded;
        post(mall_, meeting_count{meetings_});
        stop_self();
    }

 private:
    void go_to_the_mall() { post(mall_, meet{own_, self<creature>()}); }

    const covey::actor_ref<mall> mall_;
    colour own_;
    std::int64_t meetings_ = 0;
};

inline void mall::handle(meet message) {
    if (left_ == 0) {
        post(message.from, close{});
    } else if (!waiting_) {
        waiting_ = std::move(message.from);
    } else {
        --left_;
        const auto partner = std::exchange(waiting_, {});
        post(partner, std::move(message));
    }
}

inline covey::task<values> chameneos(sizes size) {
    std::int64_t sum = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto room = static_cast<std::size_t>(size.creatures);  // each has one message there
        const auto place =
            co_await covey::start_actor<mall>(nursery, {.mailbox = room}, size, std::ref(sum));
        std::vector<covey::actor_ref<creature>> creatures;
        for (std::int64_t i = 0; i < size.creatures; ++i) {
            auto ref = co_await covey::start_actor<creature>(nursery, {}, place,
                                                             static_cast<colour>(i % 3));
            creatures.push_back(std::move(ref));
        }
        for (const auto& each : creatures) co_await each.tell(begin{});
    });
    co_return values{{"sum of meetings", static_cast<double>(sum)}};
}

}  // namespace savina::chameneos
