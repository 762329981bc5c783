// SPDX-License-Identifier: BSL-1.0
//
// What one costs when there are n of them: tasks, channels, timers.

#include "measure.hpp"

#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

namespace workloads {

using namespace std::chrono_literals;

namespace {

// Makes few of them measurable: about a million operations in all.
std::uint64_t repeats(std::uint64_t n, scale size) {
    return std::max<std::uint64_t>(choose(size, 1'000'000, 1'000) / n, 1);
}

covey::task<> yield_and_count(std::uint32_t& runs) {
    co_await covey::checkpoint();
    ++runs;
}

}  // namespace

covey::task<figures> scale_tasks(std::uint64_t n, scale size) {
    const std::uint64_t rounds = repeats(n, size);
    std::vector<std::uint32_t> runs(n);
    const stopwatch watch;
    for (std::uint64_t i = 0; i < rounds; ++i)
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (std::uint32_t& each : runs) nursery.start_soon(yield_and_count, std::ref(each));
        });
    const double taken = watch.nanoseconds_per(n * rounds);
    for (const std::uint32_t each : runs) expect_equal("runs of a task", each, rounds);
    co_return figures{{"ns", taken}};
}

covey::task<figures> scale_channels(std::uint64_t n, scale size) {
    const std::uint64_t rounds = repeats(n, size);
    using ends =
        std::pair<covey::send_channel<std::uint64_t>, covey::receive_channel<std::uint64_t>>;
    const double before = resident_bytes();
    std::vector<ends> channels;
    channels.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i)
        channels.push_back(covey::open_memory_channel<std::uint64_t>(1));
    figures result{{"bytes", (resident_bytes() - before) / static_cast<double>(n)}};

    std::uint64_t sum = 0;
    const stopwatch watch;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::uint64_t i = 0; i < n; ++i) co_await channels[i].first.send(i);
        for (const auto& [tx, rx] : channels) {
            const std::uint64_t value = co_await rx.receive();
            sum += value;
        }
    }
    result.push_back({"ns", watch.nanoseconds_per(n * rounds)});
    expect_equal("the sum of what was received", sum, rounds * (n * (n - 1) / 2));
    co_return result;
}

namespace {

covey::task<> sleep_long(covey::duration length) { co_await covey::sleep_for(length); }

}  // namespace

covey::task<figures> scale_timers(std::uint64_t n, scale size) {
    const std::uint64_t operations = choose(size, 200'000, 500);
    std::uint64_t in_time = 0;
    double taken = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (std::uint64_t i = 0; i < n; ++i)
            nursery.start_soon(sleep_long, 1h + std::chrono::milliseconds(i));
        co_await covey::testing::wait_all_tasks_blocked();
        const stopwatch watch;
        for (std::uint64_t i = 0; i < operations; ++i) {
            const auto limit = 1h + std::chrono::milliseconds(i * 7919 % (n + 1));
            const bool finished = co_await covey::move_on_after(limit, covey::checkpoint());
            in_time += finished ? 1 : 0;
        }
        taken = watch.nanoseconds_per(operations);
        nursery.cancel();
    });
    expect_equal("blocks that ended within their limit", in_time, operations);
    co_return figures{{"ns", taken}};
}

}  // namespace workloads
