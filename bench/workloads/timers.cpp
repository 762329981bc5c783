// SPDX-License-Identifier: BSL-1.0
//
// Time limits and sleeps: w9a, w9b.

#include "measure.hpp"

#include <covey/checkpoint.hpp>
#include <covey/clock.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <chrono>
#include <functional>
#include <vector>

namespace workloads {

using namespace std::chrono_literals;

namespace {

covey::task<> ends_at_once() { co_return; }

}  // namespace

covey::task<figures> time_limits(scale size) {
    const std::uint64_t count = choose(size, 1'000'000, 1'000);
    figures result;
    std::uint64_t finished = 0;
    {
        const stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            const bool in_time = co_await covey::move_on_after(1h, covey::checkpoint());
            finished += in_time ? 1 : 0;
        }
        result.push_back({"ns", watch.nanoseconds_per(count)});
    }
    {
        const stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) co_await covey::checkpoint();
        result.push_back({"ns_yield_alone", watch.nanoseconds_per(count)});
    }
    {
        const stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            const bool in_time = co_await covey::move_on_after(1h, ends_at_once);
            finished += in_time ? 1 : 0;
        }
        result.push_back({"ns_ready_inner", watch.nanoseconds_per(count)});
    }
    expect_equal("blocks that ended within their limit", finished, 2 * count);
    co_return result;
}

namespace {

double nanoseconds(covey::duration length) { return static_cast<double>(length.count()); }

covey::task<> sleep_and_note(covey::duration length, double& lateness) {
    const covey::time_point due = covey::now() + length;
    co_await covey::sleep_for(length);
    lateness = nanoseconds(covey::now() - due);
}

// The same lengths in every program and in every run.
std::vector<covey::duration> random_lengths(std::uint64_t count) {
    std::uint64_t state = 88172645463325252U;
    std::vector<covey::duration> result;
    result.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        result.emplace_back(state % 500'000'000);
    }
    return result;
}

}  // namespace

covey::task<figures> sleepers(scale size) {
    const std::uint64_t count = choose(size, 100'000, 500);
    const std::vector<covey::duration> lengths = random_lengths(count);
    std::vector<double> lateness(count);
    const double before = cpu_milliseconds();
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (std::uint64_t i = 0; i < count; ++i)
            nursery.start_soon(sleep_and_note, lengths[i], std::ref(lateness[i]));
    });
    figures result{{"cpu_ms", cpu_milliseconds() - before}};

    std::uint64_t early = 0;
    std::vector<double> lateness_of_long;  // by when starting all of them is over
    for (std::uint64_t i = 0; i < count; ++i) {
        if (lateness[i] < 0) ++early;
        if (lengths[i] >= 250ms) lateness_of_long.push_back(lateness[i]);
    }
    expect_equal("sleeps that were too short", early, 0);
    append_percentiles(result, "late_", std::move(lateness));
    append_percentiles(result, "late250_", std::move(lateness_of_long));
    co_return result;
}

}  // namespace workloads
