// SPDX-License-Identifier: BSL-1.0
// In which order tasks run: by the seed, batch after batch.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string>

using namespace std::chrono_literals;

namespace {

using support::trace;

covey::task<> loop(trace& order, char name, int steps) {
    for (int step = 0; step < steps; ++step) {
        order.note(std::string(1, name) + std::to_string(step));
        co_await covey::checkpoint();
    }
}

// Tasks that do a bit of everything that decides an order: yield, sleep to equal deadlines, wake
// each other, end, start others.
covey::task<> mixed_work(trace& order, int number, covey::event& gate, covey::nursery& nursery) {
    const std::string name = std::to_string(number);
    order.note("a" + name);
    co_await covey::checkpoint();
    order.note("b" + name);
    co_await covey::sleep_for(std::chrono::milliseconds(number % 3));
    order.note("c" + name);
    if (number == 4) gate.set();
    co_await gate.wait();
    order.note("d" + name);
    nursery.start_soon([&order, name] { order.note("e" + name); });
}

std::string order_of(std::uint64_t seed) {
    trace order;
    support::run_virtual(seed, [&]() -> covey::task<> {
        covey::event gate;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int number = 0; number < 6; ++number) {
                nursery.start_soon(mixed_work, std::ref(order), number, std::ref(gate),
                                   std::ref(nursery));
            }
        });
    });
    return order.text();
}

covey::task<> many_steps(std::string& order, char name) {
    for (int step = 0; step < 50; ++step) {
        order += name;
        co_await covey::checkpoint();
    }
}

std::string five_tasks_of_fifty_steps(std::uint64_t seed) {
    std::string order;
    support::run_virtual(seed, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (const char name : {'a', 'b', 'c', 'd', 'e'})
                nursery.start_soon(many_steps, std::ref(order), name);
        });
    });
    return order;
}

// FNV-1a: the same in every process.
std::uint64_t hash_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char each : text) {
        hash ^= static_cast<unsigned char>(each);
        hash *= 1099511628211U;
    }
    return hash;
}

}  // namespace

TEST_CASE("one seed gives one order, in every process and with every compiler (R22, SD02)") {
    // If the way in which a seed decides is changed on purpose, these change with it.
    CHECK(order_of(1) ==
          "a2 a5 a4 a0 a3 a1 b0 b1 b5 b4 b2 b3 c0 c3 c4 d4 c1 d1 d3 e4 d0 e1 e0 e3 c2 d2 c5 d5 e2 "
          "e5");
    CHECK(order_of(2) ==
          "a0 a5 a1 a2 a4 a3 b3 b1 b2 b0 b4 b5 c3 c0 c4 d4 c1 d1 d3 e4 e1 d0 e3 e0 c2 d2 c5 d5 e5 "
          "e2");
    CHECK(hash_of(five_tasks_of_fifty_steps(1)) == 0x7f521467888ccc87U);
    CHECK(hash_of(five_tasks_of_fifty_steps(0)) == 0x805a5e187a96513bU);
    CHECK(hash_of(five_tasks_of_fifty_steps(~std::uint64_t{0})) == 0x0686c2ff376c1b69U);
}

TEST_CASE("ten runs with one seed give one order, ten seeds give ten (R22, SD02)") {
    std::set<std::string> orders;
    for (const std::uint64_t seed : support::seeds(10)) {
        const std::string first = five_tasks_of_fifty_steps(seed);
        CHECK(first.size() == 250);
        for (int again = 0; again < 10; ++again) CHECK(five_tasks_of_fifty_steps(seed) == first);
        orders.insert(first);
    }
    CHECK(orders.size() == support::seeds(10).size());
}

TEST_CASE("the order of a seed does not depend on what ran before (SD02)") {
    const std::string first = order_of(7);
    static_cast<void>(order_of(8));
    static_cast<void>(five_tasks_of_fifty_steps(9));
    CHECK(order_of(7) == first);
}

TEST_CASE(
    "two loopers advance in lockstep, the order within a step is free (R20, R21, R23, RN07)") {
    std::set<std::string> orders;
    for (const std::uint64_t seed : support::seeds(60)) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(loop, std::ref(order), 'a', 3);
                nursery.start_soon(loop, std::ref(order), 'b', 3);
            });
        });
        REQUIRE(order.notes().size() == 6);
        for (std::size_t step = 0; step < 3; ++step) {
            std::array pair{order.notes()[2 * step], order.notes()[2 * step + 1]};
            std::sort(pair.begin(), pair.end());
            CHECK(pair[0] == "a" + std::to_string(step));
            CHECK(pair[1] == "b" + std::to_string(step));
        }
        orders.insert(order.text());
    }
    // Each of the three steps goes both ways: all eight orders occur, not only queues and stacks.
    if (support::seeds(60).size() == 60) CHECK(orders.size() == 8);
}

TEST_CASE("a task that spins delays the others by one step at most (R20)") {
    for (const std::uint64_t seed : support::seeds()) {
        int spins = 0;
        int spins_at_end = 0;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    for (;;) {
                        ++spins;
                        co_await covey::checkpoint();
                    }
                });
                nursery.start_soon([&]() -> covey::task<> {
                    for (int step = 0; step < 10; ++step) co_await covey::checkpoint();
                    spins_at_end = spins;
                    nursery.cancel();
                });
            });
        });
        CHECK(spins_at_end >= 10);
        CHECK(spins_at_end <= 11);
    }
}

TEST_CASE("a task made ready during a batch waits for the next one (R20)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int parent = 0; parent < 3; ++parent) {
                    nursery.start_soon([&] {
                        order.note("parent");
                        nursery.start_soon([&] { order.note("child"); });
                    });
                }
            });
        });
        CHECK(order.text() == "parent parent parent child child child");
    }
}

TEST_CASE("without a seed one worker runs tasks first in, first out (N2, RN68)") {
    std::vector<int> order;
    support::run_checked({.workers = 1}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int number = 0; number < 100; ++number)
                nursery.start_soon([&order, number] { order.push_back(number); });
        });
    });
    REQUIRE(order.size() == 100);
    CHECK(std::is_sorted(order.begin(), order.end()));
}
