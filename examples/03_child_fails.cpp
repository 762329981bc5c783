// SPDX-License-Identifier: BSL-1.0
// A child fails: its siblings are stopped, and when everybody has gone the nursery throws one
// exception_group with every error, also with those of siblings that failed while they were
// stopped.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

// Destroyed when its task ends, however it ends.
struct connection {
    std::string_view server;
    ~connection() { say(fmt::format("{}: connection closed", server)); }
};

covey::task<> download(std::string_view server, std::chrono::seconds length) {
    const connection open{server};
    co_await covey::sleep_for(length);
    say(fmt::format("{}: complete", server));
}

covey::task<> download_from_broken(std::string_view server) {
    const connection open{server};
    co_await covey::sleep_for(2s);
    throw std::runtime_error("no space left");
}

covey::task<> log_out() {
    co_await covey::sleep_for(1s);
    throw std::invalid_argument("session unknown");
}

covey::task<> download_and_log_out(std::string_view server) {
    co_await covey::finally(download(server, 9s), log_out);
}

covey::task<> download_everything() {
    co_await covey::with_nursery([](covey::nursery& nursery) {
        nursery.start_soon(download, "north", 1s);
        nursery.start_soon(download_from_broken, "east");
        nursery.start_soon(download, "south", 5s);
        nursery.start_soon(download_and_log_out, "west");
    });
}

covey::task<> try_it() {
    const auto result = co_await covey::attempt(download_everything());
    say("everybody has gone");
    try {
        std::rethrow_exception(result.error());
    } catch (const covey::exception_group& group) {
        fmt::print("{}\n", group.what());
        if (group.find<std::invalid_argument>()) fmt::print("one of them: a bad argument\n");
    }
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, try_it);
}
