// SPDX-License-Identifier: BSL-1.0
// The cures of docs/guide/traps.md: what children use lives outside their nursery, blocking calls
// go to a thread, long computations have checkpoints, and a limited receive is looked at in two
// steps.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

// The children go on after the body has returned, so what they refer to stands outside of it.
covey::task<> locals_outside() {
    int sum = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (int number = 1; number <= 3; ++number) {
            nursery.start_soon([&sum, number]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                sum += number;
            });
        }
        co_return;
    });
    say(fmt::format("the children added up to {}", sum));
}

// Parameters are copied into the frame; the captures of a lambda are not.
covey::task<> count_to(int last) {
    for (int number = 1; number <= last; ++number) co_await covey::sleep_for(1s);
    say(fmt::format("counted to {}", last));
}

std::string read_slowly() {
    std::this_thread::sleep_for(20ms);  // a file, a database, a library that knows no tasks
    return "contents";
}

covey::task<> read_on_a_thread() {
    const std::string text = co_await covey::to_thread(read_slowly);
    say(fmt::format("read '{}' while the worker did something else", text));
}

covey::task<> compute() {
    unsigned long long state = 1;
    for (int round = 0; round < 1'000'000; ++round) {
        state = state * 6364136223846793005 + 1442695040888963407;
        if (round % 1000 == 0) co_await covey::checkpoint();
    }
    say(fmt::format("computed {}", state % 1000));
}

covey::task<> receive_for_a_second() {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    tx.try_send(7);
    for (int round = 0; round < 2; ++round) {
        const auto in_time = co_await covey::move_on_after(1s, rx.next());
        if (!in_time.finished()) {
            say("nothing came for a second");
            break;
        }
        const std::optional<int> value = *in_time;
        say(value ? fmt::format("received {}", *value) : "the channel has ended");
    }
}

covey::task<> cures() {
    co_await locals_outside();
    co_await count_to(3);
    co_await read_on_a_thread();
    co_await compute();
    co_await receive_for_a_second();
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, cures);
}
