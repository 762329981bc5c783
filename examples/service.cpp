// SPDX-License-Identifier: BSL-1.0
// A service that is told to end by SIGTERM: it takes no more, finishes what it has, and ends.

#include <covey/covey.hpp>

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <utility>

using namespace std::chrono_literals;

namespace {

// Takes requests until it is cancelled. Its end of the channel goes with it.
covey::task<> accept_requests(covey::send_channel<int> requests) {
    for (int number = 1; number <= 3; ++number) co_await requests.send(number);
    fmt::print("three requests; now somebody stops the service\n");
    raise(SIGTERM);
    co_await covey::sleep_forever();
}

// What was accepted is answered, cancelled or not, as long as that takes no more than 5 s.
covey::task<> answer_requests(covey::receive_channel<int> requests) {
    co_await covey::shielded(5s, [&]() -> covey::task<> {
        while (const auto request = co_await requests.next()) {
            co_await covey::sleep_for(2ms);
            fmt::print("answered {}\n", *request);
        }
        fmt::print("no more requests\n");
    });
}

covey::task<> serve() {
    auto [accepted, requests] = covey::open_memory_channel<int>(10);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(accept_requests, std::move(accepted));
        nursery.start_soon(answer_requests, std::move(requests));
    });
}

}  // namespace

int main() {
    try {
        covey::run({.workers = 1}, serve);
    } catch (const covey::interrupted& error) {
        fmt::print("{}, in order\n", error.what());
    }
}
