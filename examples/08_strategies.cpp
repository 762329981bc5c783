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
    const covey::backoff pause = {.first = 1s, .jitter = 0};
    const covey::child_options no_grace = {.grace = 0s};
    bool is_broken = false;
    std::vector<covey::supervision_event> events;
    co_await covey::with_supervisor({.strategy = strategy, .backoff = pause},
                                    [&](covey::supervisor& supervisor) -> covey::task<> {
                                        covey::child_options options = no_grace;
                                        options.name = "kitchen";
                                        co_await supervisor.start(options, serve);
                                        options.name = "counter";
                                        co_await supervisor.start(options, serve_and_break,
                                                                  std::ref(is_broken));
                                        options.name = "door";
                                        co_await supervisor.start(options, serve);

                                        co_await covey::sleep_for(4s);
                                        events = supervisor.events();
                                        supervisor.stop_all();
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
