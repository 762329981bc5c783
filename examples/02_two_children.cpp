// SPDX-License-Identifier: BSL-1.0
// A nursery is a block that owns tasks. Two children sleep at the same time, and the block ends
// when both have ended: after two seconds, not after three, and never before.

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

covey::task<> child(std::string_view name, std::chrono::seconds length) {
    say(fmt::format("{} falls asleep", name));
    co_await covey::sleep_for(length);
    say(fmt::format("{} is awake", name));
}

covey::task<> parent() {
    say("the nursery opens");
    co_await covey::with_nursery([](covey::nursery& nursery) {
        nursery.start_soon(child, "Ada", 1s);
        nursery.start_soon(child, "Ben", 2s);
        say("the body is done, the children have not begun");
    });
    say("the nursery is closed");
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, parent);
}
