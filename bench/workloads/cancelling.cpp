// SPDX-License-Identifier: BSL-1.0
//
// Many tasks that are cancelled at once: w8.

#include "blocked.hpp"
#include "measure.hpp"

#include <optional>

namespace workloads {

covey::task<figures> cancel_blocked(scale size) {
    const std::uint64_t count = choose(size, 100'000, 500);
    silent_channels channels;
    channels.reserve(count);
    std::optional<stopwatch> watch;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        start_blocked(nursery, count, channels);
        co_await until_all_blocked(channels);
        watch.emplace();
        nursery.cancel();
    });
    const double taken = watch->nanoseconds_per(count);
    expect_equal("tasks that were cancelled", count_gone(channels), count);
    co_return figures{{"ns", taken}};
}

}  // namespace workloads
