// SPDX-License-Identifier: BSL-1.0
#include "timer_wheel.hpp"

#include "support/catch.hpp"
#include "support/race.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using covey::detail::timer;
using covey::detail::timer_wheel;

class node final : public timer {
 public:
    std::int64_t when = 0;
    std::uint64_t armed_as = 0;

    void fire(covey::detail::ready_chain&) noexcept override {}
    [[nodiscard]] bool fires_inside() const noexcept override { return true; }
};

// What a wheel is to do, the simple way: all of them in order.
class model {
 public:
    void arm(node& armed, std::int64_t when) {
        armed.when = when;
        armed.armed_as = ++armed_so_far_;
        order_.insert(&armed);
    }
    void disarm(node& armed) { order_.erase(&armed); }
    [[nodiscard]] node* take_due(std::int64_t now) {
        if (order_.empty() || (*order_.begin())->when > now) return nullptr;
        node* const due = *order_.begin();
        order_.erase(order_.begin());
        return due;
    }
    [[nodiscard]] std::int64_t next() const {
        return order_.empty() ? timer_wheel::nothing : (*order_.begin())->when;
    }

 private:
    struct is_before {
        bool operator()(const node* a, const node* b) const {
            return std::pair(a->when, a->armed_as) < std::pair(b->when, b->armed_as);
        }
    };
    std::set<node*, is_before> order_;
    std::uint64_t armed_so_far_ = 0;
};

// Lengths of all magnitudes: of a nanosecond as well as of years.
std::int64_t some_length(support::dice& random) {
    const std::uint64_t most = std::uint64_t(1) << random.roll(57);
    return static_cast<std::int64_t>(random.roll(most));
}

// A wheel and its model, side by side. What each step has shown to differ, by its number.
std::vector<std::size_t> compare(std::uint64_t seed, std::int64_t start, std::size_t steps) {
    support::dice random(seed);
    timer_wheel wheel(start);
    model expected;
    std::vector<std::unique_ptr<node>> nodes(60);
    for (auto& each : nodes) each = std::make_unique<node>();
    std::vector<std::size_t> different;
    std::int64_t now = start;
    for (std::size_t step = 0; step < steps; ++step) {
        node& some = *nodes[random.roll(nodes.size())];
        bool as_expected = true;
        switch (random.roll(4)) {
            case 0:
            case 1:
                if (some.is_armed()) {
                    expected.disarm(some);
                    wheel.disarm(some);
                } else {
                    // Now and then at a time that another one has, or one that is past.
                    std::int64_t when = now + some_length(random);
                    if (random.roll(4) == 0) when = nodes[random.roll(nodes.size())]->when;
                    const bool is_before_next = when < wheel.next();
                    expected.arm(some, when);
                    as_expected = wheel.arm(some, when) == is_before_next;
                }
                break;
            case 2:
                wheel.find_next();
                as_expected = wheel.is_exact() && wheel.next() == expected.next();
                break;
            default:
                now += random.roll(3) == 0 ? some_length(random) / 2 : 1000;
                for (;;) {
                    node* const due = expected.take_due(now);
                    if (wheel.take_due(now) != due) as_expected = false;
                    if (due == nullptr || !as_expected) break;
                }
        }
        if (wheel.next() > expected.next()) as_expected = false;  // somebody would sleep too long
        if (!as_expected) different.push_back(step);
    }
    for (const auto& each : nodes) wheel.disarm(*each);
    if (wheel.next() != timer_wheel::nothing) different.push_back(steps);
    return different;
}

}  // namespace

TEST_CASE("a timer wheel takes random timers in the order of a sorted list") {
    for (const std::uint64_t seed : support::seeds(40)) {
        INFO("COVEY_SEED=" << seed);
        CHECK(compare(seed, 0, 4000).empty());
        CHECK(compare(seed, 190'000'123'456'789, 4000).empty());
        CHECK(compare(seed, -5'000'000'000, 4000).empty());
    }
}

TEST_CASE("timers of equal times fire in the order of arming, whatever slot they came through") {
    timer_wheel wheel(0);
    constexpr std::int64_t hour = 3'600'000'000'000;
    std::vector<std::unique_ptr<node>> nodes;
    for (int i = 0; i < 5; ++i) {
        // Later ones are armed nearer to the time, and so in finer slots.
        nodes.push_back(std::make_unique<node>());
        static_cast<void>(wheel.arm(*nodes.back(), hour));
        CHECK(wheel.take_due(hour - (hour >> (7 * (i + 1)))) == nullptr);
    }
    CHECK(wheel.next() == hour);
    for (const auto& each : nodes) CHECK(wheel.take_due(hour) == each.get());
    CHECK(wheel.take_due(hour) == nullptr);
}

TEST_CASE("the last moment of all is a time too") {
    timer_wheel wheel(0);
    node last, next;
    constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max() - 1;
    CHECK(wheel.arm(last, end));
    CHECK(wheel.arm(next, end - 1));
    wheel.disarm(next);
    CHECK(wheel.next() <= end);
    wheel.find_next();
    CHECK(wheel.next() == end);
    CHECK(wheel.take_due(end) == &last);
}

// Who sleeps until the earliest time is told of an earlier one: also when the earliest timer itself
// was taken away meanwhile, whose slot begins long before it.
TEST_CASE("a timer that is armed anew for an earlier time is the first") {
    constexpr std::int64_t ms = 1'000'000;
    for (const auto& [first, other, earlier] :
         {std::tuple{2000 * ms, 2050 * ms, 1500 * ms},
          std::tuple{600'000 * ms, 610'000 * ms, 560'000 * ms},
          std::tuple{5 * ms, 6 * ms, 1 * ms}}) {
        timer_wheel wheel(0);
        node moved, stays;
        CHECK(wheel.arm(moved, first));
        CHECK_FALSE(wheel.arm(stays, other));
        const std::int64_t sleeping_until = wheel.next();
        wheel.disarm(moved);
        CHECK(wheel.next() >= sleeping_until);
        CHECK(wheel.arm(moved, earlier));
        CHECK(wheel.next() == earlier);
        CHECK(wheel.take_due(earlier) == &moved);
        wheel.find_next();
        CHECK(wheel.next() == other);
        wheel.disarm(stays);
    }
}
