// SPDX-License-Identifier: BSL-1.0
// Capacity: how far a producer may run ahead. With 0 each send() waits for its receiver, with 2 two
// values may wait in between, and a slow consumer still slows its producer: backpressure.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

covey::task<> produce(covey::send_channel<int> tx) {
    for (int number = 1; number <= 4; ++number) {
        co_await tx.send(number);
        say(fmt::format("  sent {}", number));
    }
}

covey::task<> consume(const covey::receive_channel<int>& rx) {
    for (;;) {
        co_await covey::sleep_for(1s);
        const auto number = co_await rx.next();
        if (!number) break;
        say(fmt::format("  received {}", *number));
    }
}

covey::task<> transfer(int capacity) {
    auto [tx, rx] = covey::open_memory_channel<int>(capacity);
    say(fmt::format("capacity {}", capacity));
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(produce, std::move(tx));
        nursery.start_soon(consume, std::cref(rx));
    });
    say(fmt::format("at most {} values waited inside", rx.statistics().peak_buffer_used));
}

covey::task<> compare() {
    co_await transfer(0);
    co_await transfer(2);
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, compare);
}
