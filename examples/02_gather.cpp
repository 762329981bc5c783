// SPDX-License-Identifier: BSL-1.0
// Results of children: spawn() gives a handle, and awaiting the handle gives what the child
// returned. Three answers that take a second each are there after one second, not after three.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

covey::task<int> slow_square(int number) {
    co_await covey::sleep_for(1s);
    co_return number* number;
}

covey::task<int> one_after_the_other() {
    const int a = co_await slow_square(1);
    const int b = co_await slow_square(2);
    const int c = co_await slow_square(3);
    co_return a + b + c;
}

covey::task<int> all_at_once() {
    co_return co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
        const auto first = nursery.spawn(slow_square, 1);
        const auto second = nursery.spawn(slow_square, 2);
        const auto third = nursery.spawn(slow_square, 3);
        const int a = co_await first;
        const int b = co_await second;
        const int c = co_await third;
        co_return a + b + c;
    });
}

covey::task<> compare() {
    const int slowly = co_await one_after_the_other();
    say(fmt::format("one after the other: {}", slowly));
    const int quickly = co_await all_at_once();
    say(fmt::format("all at once: {}", quickly));
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, compare);
}
