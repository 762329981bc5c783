// SPDX-License-Identifier: BSL-1.0
// A channel ends when its last sending end is closed. Here somebody keeps one without using it: the
// consumer waits for ever, and the nursery for the consumer; only a time limit gets us out. Then
// the same with the end handed over.

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

covey::task<> produce(covey::send_channel<int> tx) {
    for (int number = 1; number <= 2; ++number) {
        co_await tx.send(number);
        co_await covey::sleep_for(1s);
    }
    say("produced everything");
}

covey::task<> consume(covey::receive_channel<int> rx) {
    while (auto number = co_await rx.next()) say(fmt::format("got {}", *number));
    say("the channel has ended");
}

covey::task<> hanging() {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(produce, tx.clone());  // and tx stays open to the end of hanging()
        nursery.start_soon(consume, std::move(rx));
        co_await covey::sleep_for(9s);
        const auto seen = tx.statistics();
        say(fmt::format("{} sender is open, {} receiver waits", seen.open_send_channels,
                        seen.tasks_waiting_receive));
    });
}

covey::task<> ending() {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(produce, std::move(tx));
        nursery.start_soon(consume, std::move(rx));
    });
}

covey::task<> try_both() {
    const bool finished = co_await covey::move_on_after(10s, hanging());
    say(finished ? "finished" : "it hung");
    co_await ending();
    say("finished");
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, try_both);
}
