// SPDX-License-Identifier: BSL-1.0
// A child of a supervisor fails, and is started again: from its prototypes, after a pause that
// grows. What the supervisor has done stands in its log.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

// What outlives every crash: the pictures that are on the disk.
struct album {
    int pictures = 0;
};

// No try, no catch, no retry: it takes ten pictures, and its cable is bad.
covey::task<> watch(std::string_view target, album& disk) {
    say(fmt::format("  camera on {}", target));
    for (int since_start = 0; disk.pictures < 10; ++since_start) {
        co_await covey::sleep_for(1s);
        if (since_start == 3) throw std::runtime_error("cable lost");
        ++disk.pictures;
    }
    say(fmt::format("  {} pictures of {}", disk.pictures, target));
}

covey::task<> observe(std::optional<covey::supervisor_handle>& observatory) {
    album disk;
    const covey::supervisor_options options = {
        .backoff = {.first = 500ms, .jitter = 0},
        .name = "observatory",
    };
    co_await covey::with_supervisor(options, [&](covey::supervisor& supervisor) -> covey::task<> {
        observatory = supervisor.handle();
        co_await supervisor.start({.name = "camera"}, watch, "Saturn", std::ref(disk));
        say("the camera is ready, the body is done");
    });
    say("the supervisor has closed");
}

covey::task<> observe_and_print() {
    std::optional<covey::supervisor_handle> observatory;
    co_await observe(observatory);
    fmt::print("\nthe log\n");
    for (const covey::supervision_event& event : observatory->events())
        fmt::print("{}\n", covey::to_string(event));
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, observe_and_print);
}
