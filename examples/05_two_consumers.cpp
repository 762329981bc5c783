// SPDX-License-Identifier: BSL-1.0
// Two consumers take from one receiving end: they share the values, each value goes to one of them,
// and whoever has waited longest gets the next one.

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
    for (int number = 1; number <= 6; ++number) {
        co_await tx.send(number);
        co_await covey::sleep_for(1s);
    }
}

covey::task<> consume(std::string_view name, const covey::receive_channel<int>& rx,
                      covey::duration work) {
    while (auto number = co_await rx.next()) {
        say(fmt::format("{} takes {}", name, *number));
        co_await covey::sleep_for(work);
    }
    say(fmt::format("{} goes home", name));
}

covey::task<> share() {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(produce, std::move(tx));
        nursery.start_soon(consume, "Ada", std::cref(rx), 500ms);
        nursery.start_soon(consume, "Ben", std::cref(rx), 2500ms);
    });
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, share);
}
