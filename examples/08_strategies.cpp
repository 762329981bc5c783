// SPDX-License-Identifier: BSL-1.0
// Whom the failure of one child concerns: the same crash under each strategy, drawn from the
// supervisor's log.

#include "timeline.hpp"

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;

namespace {

covey::task<> serve() { co_await covey::sleep_forever(); }

// Breaks once, two seconds after the start.
covey::task<> serve_and_break(bool& is_broken) {
    if (is_broken) co_await covey::sleep_forever();
    co_await covey::sleep_for(2s);
    is_broken = true;
    throw std::runtime_error("out of cups");
}

covey::task<> show(const char* title, covey::strategy strategy) {
    const covey::supervisor_options options = {
        .strategy = strategy,
        .backoff = {.first = 1s, .jitter = 0},
    };
    bool is_broken = false;
    std::vector<covey::supervision_event> events;
    co_await covey::with_supervisor(options, [&](covey::supervisor& cafe) -> covey::task<> {
        co_await cafe.start({.name = "kitchen", .grace = 0s}, serve);
        co_await cafe.start({.name = "counter", .grace = 0s}, serve_and_break, std::ref(is_broken));
        co_await cafe.start({.name = "door", .grace = 0s}, serve);

        co_await covey::sleep_for(4s);
        events = cafe.events();
        cafe.stop_all();
    });
    fmt::print("{}\n", title);
    timeline::draw(events, 125ms, events.front().at + 4s);
}

covey::task<> show_all() {
    co_await show("one_for_one", covey::strategy::one_for_one);
    co_await show("rest_for_one", covey::strategy::rest_for_one);
    co_await show("one_for_all", covey::strategy::one_for_all);
    fmt::print("{}\n", timeline::legend);
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, show_all);
}
