// SPDX-License-Identifier: BSL-1.0
// Cancellation goes down the tree of tasks, clean-up comes up: when a limit ends, everything below
// is stopped, each level cleans up after those inside it, and only then the block around all ends.
// No catch sees any of it: destructors do, and finally(), where cleaning up takes time.

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

covey::task<> flush(std::string_view what) {
    say(fmt::format("{}: writes what it has", what));
    co_await covey::sleep_for(1s);
    say(fmt::format("{}: clean", what));
}

covey::task<> sector(std::string_view name) {
    const auto scan = []() -> covey::task<> {
        try {
            co_await covey::sleep_forever();
        } catch (...) {
            say("never printed: cancellation is no exception");
        }
    };
    co_await covey::finally(scan, [name] { return flush(name); });
}

covey::task<> survey() {
    auto sectors = covey::with_nursery([](covey::nursery& nursery) {
        nursery.start_soon(sector, "sector A");
        nursery.start_soon(sector, "sector B");
    });
    co_await covey::finally(std::move(sectors), [] { return flush("survey"); });
}

covey::task<> limited_survey() {
    const bool finished = co_await covey::move_on_after(
        10s, covey::with_nursery([](covey::nursery& nursery) { nursery.start_soon(survey); }));
    say(finished ? "finished" : "time is up, and everything is clean");
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, limited_survey);
}
