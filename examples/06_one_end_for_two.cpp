// SPDX-License-Identifier: BSL-1.0
// Two producers share one sending end, and each closes it when it is done, as a producer should.
// The first one to finish closes it for the other, whose next send() fails. The cure is in
// 06_clones.cpp: an end for each.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

covey::task<> produce(std::string_view name, covey::send_channel<int>& tx, int first,
                      covey::duration pause) {
    for (int number = first; number < first + 3; ++number) {
        co_await covey::sleep_for(pause);
        co_await tx.send(number);
    }
    say(fmt::format("{} is done and closes", name));
    tx.close();
}

covey::task<> consume(covey::receive_channel<int> rx) {
    while (auto number = co_await rx.next()) say(fmt::format("got {}", *number));
    say("the channel has ended");
}

covey::task<> both_through_one_end() {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(produce, "Ada", std::ref(tx), 1, 1s);
        nursery.start_soon(produce, "Ben", std::ref(tx), 100, 1400ms);
        nursery.start_soon(consume, std::move(rx));
    });
}

covey::task<> try_it() {
    const auto result = co_await covey::attempt(both_through_one_end());
    try {
        std::rethrow_exception(result.error());
    } catch (const covey::exception_group& group) {
        say(group.what());
    }
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, try_it);
}
