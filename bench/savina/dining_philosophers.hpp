// SPDX-License-Identifier: BSL-1.0
#pragma once

// Dining Philosophers (philosopher): an arbiter gives forks, a philosopher that is refused asks
// again at once. Fairness.

#include "post.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace savina::philosopher {

struct sizes {
    std::size_t philosophers = 20;
    std::int64_t meals = 10'000;  // of each
};

class philosopher;

struct begin {};
struct hungry {
    std::size_t seat;
    covey::actor_ref<philosopher> who;
};
struct denied {};
struct eat {};
struct done {
    std::size_t seat;
};
struct leave {};

// Whether a fork is in use: the arbiter's own view is not what checks it.
using forks = std::vector<std::atomic<bool>>;

class arbiter : public covey::actor {
 public:
    explicit arbiter(std::size_t seats) : used_(seats), present_(seats) {}

    void handle(const hungry& message);
    void handle(done message) { set(message.seat, false); }
    void handle(leave) {
        if (--present_ == 0) stop_self();
    }

 private:
    [[nodiscard]] std::size_t right_of(std::size_t seat) const { return (seat + 1) % used_.size(); }
    void set(std::size_t seat, bool used) { used_[seat] = used_[right_of(seat)] = used; }

    std::vector<bool> used_;
    std::size_t present_;
};

struct tally {
    std::int64_t meals = 0;
    std::int64_t denials = 0;
};

class philosopher : public covey::actor {
 public:
    philosopher(std::size_t seat, std::int64_t meals, covey::actor_ref<arbiter> host, forks& table,
                tally& counted)
        : seat_(seat), meals_(meals), arbiter_(std::move(host)), table_(table), tally_(counted) {}

    void handle(begin) { ask_for_forks(); }
    void handle(denied) {
        ++tally_.denials;
        ask_for_forks();
    }
    void handle(eat) {
        have_a_meal();
        post(arbiter_, done{seat_});
        if (++tally_.meals < meals_) {
            post(self<philosopher>(), begin{});
        } else {
            post(arbiter_, leave{});
            stop_self();
        }
    }

 private:
    void ask_for_forks() { post(arbiter_, hungry{seat_, self<philosopher>()}); }
    void have_a_meal() {
        std::atomic<bool>& left = table_[seat_];
        std::atomic<bool>& right = table_[(seat_ + 1) % table_.size()];
        require(!left.exchange(true) && !right.exchange(true), "neighbours don't eat together");
        left = right = false;
    }

    const std::size_t seat_;
    const std::int64_t meals_;
    const covey::actor_ref<arbiter> arbiter_;
    forks& table_;
    tally& tally_;
};

inline void arbiter::handle(const hungry& message) {
    if (used_[message.seat] || used_[right_of(message.seat)]) {
        post(message.who, denied{});
    } else {
        set(message.seat, true);
        post(message.who, eat{});
    }
}

inline covey::task<values> dining_philosophers(sizes size) {
    forks table(size.philosophers);
    std::vector<tally> tallies(size.philosophers);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        // Of each: that it is done, and that it is hungry again or leaves.
        const auto host = co_await covey::start_actor<arbiter>(
            nursery, {.mailbox = 2 * size.philosophers}, size.philosophers);
        for (std::size_t seat = 0; seat < size.philosophers; ++seat) {
            const auto each = co_await covey::start_actor<philosopher>(
                nursery, {}, seat, size.meals, host, std::ref(table), std::ref(tallies[seat]));
            co_await each.tell(begin{});
        }
    });
    tally sum;
    for (const tally& each : tallies) {
        sum.meals += each.meals;
        sum.denials += each.denials;
    }
    co_return values{{"meals", static_cast<double>(sum.meals)},
                     {"denials", static_cast<double>(sum.denials)}};
}

}  // namespace savina::philosopher
