// SPDX-License-Identifier: BSL-1.0
// Each producer has an end of its own, a clone, and closes it by leaving: the channel ends when the
// last one is closed. The end that was cloned from is handed over as well, so nobody keeps one.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

covey::task<> produce(std::string_view name, covey::send_channel<int> tx, int first,
                      covey::duration pause) {
    for (int number = first; number < first + 3; ++number) {
        co_await covey::sleep_for(pause);
        co_await tx.send(number);
    }
    say(fmt::format("{} is done", name));
}

covey::task<> consume(covey::receive_channel<int> rx) {
    while (auto number = co_await rx.next()) say(fmt::format("got {}", *number));
    say("the channel has ended");
}

covey::task<> an_end_for_each() {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(produce, "Ada", tx.clone(), 1, 1s);
        nursery.start_soon(produce, "Ben", std::move(tx), 100, 1400ms);
        nursery.start_soon(consume, std::move(rx));
    });
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, an_end_for_each);
}
