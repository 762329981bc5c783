// SPDX-License-Identifier: BSL-1.0
#pragma once

// Tasks that wait for a channel each, on which nothing is ever sent: w8, w13, w14.

#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace workloads {

using silent_channels = std::vector<covey::send_channel<std::uint64_t>>;

inline covey::task<> receive_one(covey::receive_channel<std::uint64_t> rx) {
    static_cast<void>(co_await rx.receive());
}

inline void start_blocked(covey::nursery& nursery, std::size_t count, silent_channels& kept) {
    for (std::size_t i = 0; i < count; ++i) {
        auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1);
        kept.push_back(std::move(tx));
        nursery.start_soon(receive_one, std::move(rx));
    }
}

inline covey::task<> until_all_blocked(const silent_channels& channels) {
    for (const auto& each : channels)
        while (each.statistics().tasks_waiting_receive == 0) co_await covey::checkpoint();
}

// Of those that were blocked.
inline std::uint64_t count_gone(const silent_channels& channels) {
    std::uint64_t result = 0;
    for (const auto& each : channels)
        if (each.statistics().open_receive_channels == 0) ++result;
    return result;
}

}  // namespace workloads
