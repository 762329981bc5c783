// SPDX-License-Identifier: BSL-1.0
//
// What a task costs that waits: w13.

#include "blocked.hpp"
#include "measure.hpp"

namespace workloads {

namespace {

// Its channel counts too: each of them has its own, as in the peers' programs.
covey::task<figures> memory_of_blocked(std::uint64_t count) {
    silent_channels channels;
    channels.reserve(count);
    const double before = resident_bytes();
    double bytes = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        start_blocked(nursery, count, channels);
        co_await until_all_blocked(channels);
        bytes = (resident_bytes() - before) / static_cast<double>(count);
        nursery.cancel();
    });
    expect_equal("tasks that were cancelled", count_gone(channels), count);
    co_return figures{{"bytes", bytes}};
}

}  // namespace

covey::task<figures> blocked_100k(scale size) {
    return memory_of_blocked(choose(size, 100'000, 500));
}
covey::task<figures> blocked_1m(scale size) {
    return memory_of_blocked(choose(size, 1'000'000, 1'000));
}

}  // namespace workloads
