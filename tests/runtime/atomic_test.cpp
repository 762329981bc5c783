// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/atomic.hpp>

#include "support/catch.hpp"

#include <covey/lowlevel/thread.hpp>

#include <cstdint>
#include <vector>

using covey::lowlevel::atomic;
using covey::lowlevel::order;

TEST_CASE("an atomic loads, stores and exchanges") {
    atomic<int> number(7);
    CHECK(number.load(order::acquire) == 7);
    number.store(8, order::release);
    CHECK(number.exchange(9, order::acq_rel) == 8);
    CHECK(number.load(order::relaxed) == 9);
}

TEST_CASE("a compare-exchange tells what it found when it fails") {
    atomic<std::uint64_t> number(1);
    std::uint64_t expected = 2;
    CHECK_FALSE(number.compare_exchange(expected, 3, order::acq_rel, order::acquire));
    CHECK(expected == 1);
    CHECK(number.compare_exchange(expected, 3, order::acq_rel, order::acquire));
    CHECK(number.load(order::relaxed) == 3);
}

TEST_CASE("arithmetic and bits give what was there before") {
    atomic<unsigned> number(0b0110);
    CHECK(number.fetch_or(0b0001, order::acq_rel) == 0b0110);
    CHECK(number.fetch_and(0b0011, order::acq_rel) == 0b0111);
    CHECK(number.fetch_add(4, order::acq_rel) == 0b0011);
    CHECK(number.fetch_sub(1, order::acq_rel) == 7);
    CHECK(number.load(order::relaxed) == 6);
}

TEST_CASE("a spin lock lets one in at a time, lock_mt") {
    constexpr int threads = 4;
    constexpr int rounds = 20'000;
    covey::lowlevel::spin_lock lock;
    int inside = 0;  // guarded by the lock, as the sum is
    int most_inside = 0;
    int sum = 0;
    std::vector<covey::lowlevel::thread> workers;
    for (int i = 0; i < threads; ++i) {
        workers.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                const covey::lowlevel::locked held(lock);
                ++inside;
                if (inside > most_inside) most_inside = inside;
                ++sum;
                --inside;
            }
        });
    }
    for (covey::lowlevel::thread& each : workers) each.join();
    CHECK(most_inside == 1);
    CHECK(sum == threads * rounds);
}
