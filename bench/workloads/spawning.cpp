// SPDX-License-Identifier: BSL-1.0
//
// Tasks that come and go: w5, w5b, w6.

#include "measure.hpp"

#include <covey/join_handle.hpp>
#include <covey/nursery.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

namespace workloads {

namespace {

// A byte of its own for each child: that all have run is seen without a counter that two workers
// would fight for.
covey::task<> mark(char& has_run) {
    has_run = 1;
    co_return;
}

}  // namespace

covey::task<figures> many_children(scale size) {
    const std::uint64_t count = choose(size, 1'000'000, 2'000);
    std::vector<char> has_run(count);
    const stopwatch watch;
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (char& each : has_run) nursery.start_soon(mark, std::ref(each));
    });
    const double taken = watch.nanoseconds_per(count);
    expect_equal("children that have run",
                 static_cast<std::uint64_t>(std::ranges::count(has_run, char{1})), count);
    co_return figures{{"ns", taken}};
}

namespace {

covey::task<std::uint64_t> give_back(std::uint64_t number) { co_return number; }

}  // namespace

covey::task<figures> one_by_one(scale size) {
    const std::uint64_t count = choose(size, 1'000'000, 1'000);
    const stopwatch watch;
    const std::uint64_t sum =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<std::uint64_t> {
            std::uint64_t total = 0;
            for (std::uint64_t i = 0; i < count; ++i) {
                const std::uint64_t number = co_await nursery.spawn(give_back, i);
                total += number;
            }
            co_return total;
        });
    const double taken = watch.nanoseconds_per(count);
    expect_equal("the sum of the results", sum, count * (count - 1) / 2);
    co_return figures{{"ns", taken}};
}

namespace {

// The sum of the numbers of the leaves below, `leaves` of them from `first` on: children leave
// their parts with their parent.
covey::task<> sum_leaves(std::uint64_t& sum, std::uint64_t first, std::uint64_t leaves) {
    sum = first;
    if (leaves == 1) co_return;
    std::array<std::uint64_t, 10> parts{};
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (std::uint64_t i = 0; i < 10; ++i)
            nursery.start_soon(sum_leaves, std::ref(parts[i]), first + i * (leaves / 10),
                               leaves / 10);
    });
    sum = std::accumulate(parts.begin(), parts.end(), std::uint64_t{0});
}

// The same with handles, which the parent awaits one after the other.
covey::task<std::uint64_t> sum_with_handles(std::uint64_t first, std::uint64_t leaves) {
    if (leaves == 1) co_return first;
    const std::uint64_t sum =
        co_await covey::with_nursery([=](covey::nursery& nursery) -> covey::task<std::uint64_t> {
            std::vector<covey::join_handle<std::uint64_t>> parts;
            parts.reserve(10);
            for (std::uint64_t i = 0; i < 10; ++i)
                parts.push_back(
                    nursery.spawn(sum_with_handles, first + i * (leaves / 10), leaves / 10));
            std::uint64_t total = 0;
            for (const auto& part : parts) {
                const std::uint64_t number = co_await part;
                total += number;
            }
            co_return total;
        });
    co_return sum;
}

}  // namespace

covey::task<figures> skynet(scale size) {
    const std::uint64_t leaves = choose(size, 1'000'000, 1'000);
    const std::uint64_t tasks = (10 * leaves - 1) / 9;
    const std::uint64_t expected = leaves * (leaves - 1) / 2;
    figures result;
    {
        std::uint64_t sum = 0;
        const stopwatch watch;
        co_await sum_leaves(sum, 0, leaves);
        result.push_back({"ns", watch.nanoseconds_per(tasks)});
        expect_equal("the sum of all leaves", sum, expected);
    }
    {
        const stopwatch watch;
        const std::uint64_t sum = co_await sum_with_handles(0, leaves);
        result.push_back({"ns_handles", watch.nanoseconds_per(tasks)});
        expect_equal("the sum of all leaves", sum, expected);
    }
    co_return result;
}

}  // namespace workloads
