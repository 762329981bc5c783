// SPDX-License-Identifier: BSL-1.0
//
// Values that go through channels: w1, w2, w2_64, w3, w4, w4_batches, w7.

#include "measure.hpp"

#include <covey/channel.hpp>
#include <covey/join_handle.hpp>
#include <covey/nursery.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace workloads {

namespace {

using numbers_out = covey::send_channel<std::uint64_t>;
using numbers_in = covey::receive_channel<std::uint64_t>;

constexpr std::uint64_t sum_below(std::uint64_t count) { return count * (count - 1) / 2; }

covey::task<> produce(numbers_out tx, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await tx.send(i);
}

covey::task<std::uint64_t> consume(numbers_in rx) {
    std::uint64_t sum = 0;
    while (const auto value = co_await rx.next()) sum += *value;
    co_return sum;
}

covey::task<> echo(numbers_in requests, numbers_out replies) {
    while (const auto value = co_await requests.next()) co_await replies.send(*value);
}

}  // namespace

covey::task<figures> round_trips(scale size) {
    const std::uint64_t count = choose(size, 2'000'000, 500);
    auto [request_tx, request_rx] = covey::open_memory_channel<std::uint64_t>(0);
    auto [reply_tx, reply_rx] = covey::open_memory_channel<std::uint64_t>(0);
    double taken = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(echo, std::move(request_rx), std::move(reply_tx));
        const stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            co_await request_tx.send(i);
            const std::uint64_t reply = co_await reply_rx.receive();
            expect_equal("the reply", reply, i);
        }
        taken = watch.nanoseconds_per(count);
        request_tx.close();
    });
    co_return figures{{"ns", taken}};
}

namespace {

covey::task<figures> through_a_channel_of(std::size_t capacity, scale size) {
    const std::uint64_t count = choose(size, 10'000'000, 5'000);
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(capacity);
    const stopwatch watch;
    const std::uint64_t sum =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<std::uint64_t> {
            nursery.start_soon(produce, std::move(tx), count);
            const std::uint64_t received = co_await consume(std::move(rx));
            co_return received;
        });
    const double taken = watch.nanoseconds_per(count);
    expect_equal("the sum of what was received", sum, sum_below(count));
    co_return figures{{"ns", taken}};
}

}  // namespace

covey::task<figures> one_to_one(scale size) { return through_a_channel_of(1024, size); }
covey::task<figures> one_to_one_64(scale size) { return through_a_channel_of(64, size); }

covey::task<figures> many_to_many(scale size) {
    constexpr std::uint64_t producers = 4;
    constexpr std::uint64_t consumers = 4;
    const std::uint64_t count = choose(size, 2'000'000, 1'000);  // of each producer
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1024);
    const stopwatch watch;
    const std::uint64_t sum =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<std::uint64_t> {
            for (std::uint64_t i = 0; i < producers; ++i)
                nursery.start_soon(produce, tx.clone(), count);
            tx.close();
            std::vector<covey::join_handle<std::uint64_t>> parts;
            for (std::uint64_t i = 0; i < consumers; ++i)
                parts.push_back(nursery.spawn(consume, rx.clone()));
            std::uint64_t total = 0;
            for (const auto& part : parts) {
                const std::uint64_t received = co_await part;
                total += received;
            }
            co_return total;
        });
    const double taken = watch.nanoseconds_per(producers * count);
    expect_equal("the sum of what was received", sum, producers * sum_below(count));
    co_return figures{{"ns", taken}};
}

namespace {

// About 95 ns of work: each step depends on the one before it.
std::uint64_t hash(std::uint64_t x) {
    for (int i = 0; i < 80; ++i) {
        x ^= x >> 33;
        x *= 0xff51afd7ed558ccdU;
    }
    return x;
}

covey::task<> hash_all(numbers_in rx, numbers_out tx) {
    while (const auto value = co_await rx.next()) co_await tx.send(hash(*value));
}

struct digest {
    std::uint64_t count = 0;
    std::uint64_t bits = 0;  // the exclusive or, which no order changes
};

void expect_all_hashes(const digest& found, std::uint64_t count) {
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0; i < count; ++i) expected ^= hash(i);
    expect_equal("hashes that arrived", found.count, count);
    expect_equal("all hashes combined", found.bits, expected);
}

covey::task<digest> combine(numbers_in rx) {
    digest result;
    while (const auto value = co_await rx.next()) {
        ++result.count;
        result.bits ^= *value;
    }
    co_return result;
}

}  // namespace

covey::task<figures> shared_work(scale size) {
    const std::uint64_t count = choose(size, 3'000'000, 2'000);
    auto [source_tx, source_rx] = covey::open_memory_channel<std::uint64_t>(64);
    auto [sink_tx, sink_rx] = covey::open_memory_channel<std::uint64_t>(64);
    const stopwatch watch;
    const digest found =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<digest> {
            nursery.start_soon(produce, std::move(source_tx), count);
            for (int i = 0; i < 4; ++i)
                nursery.start_soon(hash_all, source_rx.clone(), sink_tx.clone());
            source_rx.close();
            sink_tx.close();
            const digest result = co_await combine(std::move(sink_rx));
            co_return result;
        });
    const double taken = watch.nanoseconds_per(count);

    expect_all_hashes(found, count);
    co_return figures{{"ns", taken}};
}

namespace {

using batch = std::vector<std::uint64_t>;

covey::task<> produce_batches(covey::send_channel<batch> tx, std::uint64_t count) {
    constexpr std::uint64_t in_batch = 256;
    for (std::uint64_t first = 0; first < count; first += in_batch) {
        batch numbers(std::min(in_batch, count - first));
        std::iota(numbers.begin(), numbers.end(), first);
        co_await tx.send(std::move(numbers));
    }
}

covey::task<> hash_batches(covey::receive_channel<batch> rx, covey::send_channel<batch> tx) {
    while (auto numbers = co_await rx.next()) {
        for (std::uint64_t& each : *numbers) each = hash(each);
        co_await tx.send(std::move(*numbers));
    }
}

covey::task<digest> combine_batches(covey::receive_channel<batch> rx) {
    digest result;
    while (const auto hashes = co_await rx.next()) {
        result.count += hashes->size();
        for (const std::uint64_t each : *hashes) result.bits ^= each;
    }
    co_return result;
}

}  // namespace

covey::task<figures> shared_batches(scale size) {
    const std::uint64_t count = choose(size, 3'000'000, 2'000);
    auto [source_tx, source_rx] = covey::open_memory_channel<batch>(64);
    auto [sink_tx, sink_rx] = covey::open_memory_channel<batch>(64);
    const stopwatch watch;
    const digest found =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<digest> {
            nursery.start_soon(produce_batches, std::move(source_tx), count);
            for (int i = 0; i < 4; ++i)
                nursery.start_soon(hash_batches, source_rx.clone(), sink_tx.clone());
            source_rx.close();
            sink_tx.close();
            const digest result = co_await combine_batches(std::move(sink_rx));
            co_return result;
        });
    const double taken = watch.nanoseconds_per(count);
    expect_all_hashes(found, count);
    co_return figures{{"ns", taken}};
}

namespace {

// Passes the token on, one less. Who gets 0 says so and leaves, and then everybody leaves, each
// when its neighbour has closed the channel between them.
covey::task<> pass_on(numbers_in from, numbers_out to, numbers_out stopped) {
    while (const auto token = co_await from.next()) {
        if (*token == 0) {
            co_await stopped.send(1);
            co_return;
        }
        co_await to.send(*token - 1);
    }
}

}  // namespace

covey::task<figures> ring_of_tasks(scale size) {
    const std::size_t length = choose(size, 503, 7);
    const std::uint64_t hops = choose(size, 3'000'000, 500);
    auto [stopped_tx, stopped_rx] = covey::open_memory_channel<std::uint64_t>(0);
    double taken = 0;
    std::uint64_t stopped = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        auto [first_tx, rx] = covey::open_memory_channel<std::uint64_t>(0);
        for (std::size_t i = 1; i < length; ++i) {
            auto [tx, next_rx] = covey::open_memory_channel<std::uint64_t>(0);
            nursery.start_soon(pass_on, std::move(rx), std::move(tx), stopped_tx.clone());
            rx = std::move(next_rx);
        }
        nursery.start_soon(pass_on, std::move(rx), first_tx.clone(), std::move(stopped_tx));

        const stopwatch watch;
        co_await first_tx.send(hops);
        stopped = co_await stopped_rx.receive();
        taken = watch.nanoseconds_per(hops);
        first_tx.close();
        while (const auto another = co_await stopped_rx.next()) stopped += *another;
    });
    expect_equal("tasks that saw the token stop", stopped, 1);
    co_return figures{{"ns", taken}};
}

}  // namespace workloads
