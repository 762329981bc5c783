// SPDX-License-Identifier: BSL-1.0
//
// Nothing to do, and a wake-up from outside: w14.

#include "blocked.hpp"
#include "measure.hpp"

#include <covey/checkpoint.hpp>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace workloads {

using namespace std::chrono_literals;

namespace {

// For an ordinary thread, which knows nothing of the run: sends every millisecond what time it is.
void send_times(covey::send_channel<stopwatch> tx, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        std::this_thread::sleep_for(1ms);
        tx.send_blocking(stopwatch());
    }
}

covey::task<std::vector<double>> wake_up_times(std::uint64_t count) {
    auto [tx, rx] = covey::open_memory_channel<stopwatch>(1);
    const std::jthread sender(send_times, std::move(tx), count);
    std::vector<double> result;
    while (const auto sent = co_await rx.next()) result.push_back(sent->nanoseconds());
    co_return result;
}

}  // namespace

covey::task<figures> idle_and_woken(scale size) {
    const auto idle_time = size == scale::full ? 3000ms : 50ms;
    const std::uint64_t count = choose(size, 1'000, 20);
    silent_channels channels;
    figures result;
    std::vector<double> taken;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        start_blocked(nursery, 1'000, channels);
        co_await until_all_blocked(channels);
        co_await covey::sleep_for(100ms);
        const double before = cpu_milliseconds();
        co_await covey::sleep_for(idle_time);
        result.push_back({"idle_cpu_ms", cpu_milliseconds() - before});
        taken = co_await wake_up_times(count);
        nursery.cancel();
    });
    expect_equal("wake-ups", taken.size(), count);
    append_percentiles(result, "wake_", std::move(taken));
    co_return result;
}

}  // namespace workloads
