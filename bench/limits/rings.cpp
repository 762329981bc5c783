// SPDX-License-Identifier: BSL-1.0
#include "rings.hpp"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace limits {

namespace {

constexpr u64 count = 20'000'000;

void own_ring(std::string_view name, int pauses) {
    static spsc_ring ring;
    pass(
        name, count, [](u64 value) { return ring.push(value); },
        [](u64& value) { return ring.pop(value); }, {.pauses = pauses});
}

void own_ring_published_lazily() {
    static_assert(count % 16 == 0, "the last values are published");
    static spsc_ring ring;
    pass(
        "spsc_ring_published_every_16", count, [](u64 value) { return ring.push_lazily(value); },
        [](u64& value) { return ring.pop(value); });
}

void one_thread() {
    static spsc_ring ring;
    u64 value = 0;
    std::thread([&] {
        pin(0);
        measure("spsc_ring_one_thread", 5 * count, [&] {
            ring.push(value);
            ring.pop(value);
        });
    }).join();
}

void boost_lockfree() {
    using boost::lockfree::capacity;
    static boost::lockfree::spsc_queue<u64, capacity<1024>> one_to_one;
    pass(
        "boost_spsc_queue", count, [](u64 value) { return one_to_one.push(value); },
        [](u64& value) { return one_to_one.pop(value); });
    static boost::lockfree::queue<u64, capacity<1024>> many;
    const auto push = [](u64 value) { return many.bounded_push(value); };
    const auto pop = [](u64& value) { return many.pop(value); };
    pass("boost_queue_1_to_1", count / 10, push, pop);
    pass("boost_queue_2_to_2", count / 10, push, pop, {.producers = 2, .consumers = 2});
}

// What most programs have: a lock and two conditions.
void lock_and_conditions() {
    std::mutex mutex;
    std::condition_variable not_empty;
    std::condition_variable not_full;
    std::deque<u64> values;
    pass(
        "mutex_and_conditions", count / 20,
        [&](u64 value) {
            std::unique_lock lock(mutex);
            not_full.wait(lock, [&] { return values.size() < 1024; });
            values.push_back(value);
            if (values.size() == 1) not_empty.notify_one();
            return true;
        },
        [&](u64& value) {
            std::unique_lock lock(mutex);
            not_empty.wait(lock, [&] { return !values.empty(); });
            value = values.front();
            values.pop_front();
            if (values.size() == 1023) not_full.notify_one();
            return true;
        });
}

}  // namespace

void rings() {
    own_ring("spsc_ring_no_pause", 0);
    own_ring("spsc_ring", 1);
    own_ring("spsc_ring_32_pauses", 32);
    own_ring_published_lazily();
    one_thread();
    boost_lockfree();
    lock_and_conditions();
}

}  // namespace limits
