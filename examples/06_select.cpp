// SPDX-License-Identifier: BSL-1.0
// One task listens to several channels: prices, a request to stop, and silence that lasts too long.

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

covey::task<> quote(covey::send_channel<double> prices) {
    for (const double price : {10.0, 10.5, 9.8}) {
        co_await covey::sleep_for(600ms);
        co_await prices.send(price);
    }
    co_await covey::sleep_for(3s);
    co_await prices.send(10.1);
}

covey::task<> listen(covey::receive_channel<double> prices, covey::receive_channel<int> stop) {
    bool listening = true;
    while (listening) {
        co_await covey::select(  //
            covey::on(prices, [](double price) { say(fmt::format("price {}", price)); }),
            covey::on(stop, [&](int /*code*/) { listening = false; }),
            covey::after(2s, [] { say("no price for 2 s"); }));
    }
    say("stopped");
}

// Each number goes to whichever of the two is free; nobody waits for the slower one.
covey::task<> share_out(covey::send_channel<int> fast, covey::send_channel<int> slow) {
    int sent_to_fast = 0;
    for (int number = 1; number <= 8; ++number) {
        const auto which =
            co_await covey::select(covey::send_to(fast, number), covey::send_to(slow, number));
        if (which.index() == 0) ++sent_to_fast;
    }
    say(fmt::format("{} of 8 went to the fast one", sent_to_fast));
}

covey::task<> take(covey::receive_channel<int> numbers, covey::duration each) {
    while (auto number = co_await numbers.next()) co_await covey::sleep_for(each);
}

// Two sources until both have ended: the one that has is switched off.
covey::task<> merge(covey::receive_channel<int> left, covey::receive_channel<int> right) {
    bool has_left = true, has_right = true;
    int sum = 0;
    while (has_left || has_right) {
        auto which = co_await covey::select(covey::receive_from(left).when(has_left),
                                            covey::receive_from(right).when(has_right));
        const auto value = which.index() == 0 ? std::get<0>(which) : std::get<1>(which);
        if (value)
            sum += *value;
        else
            (which.index() == 0 ? has_left : has_right) = false;
    }
    say(fmt::format("together {}", sum));
}

covey::task<> send_numbers(covey::send_channel<int> tx, int count) {
    for (int number = 1; number <= count; ++number) co_await tx.send(number);
}

covey::task<> demo() {
    co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
        auto [prices_in, prices] = covey::open_memory_channel<double>(0);
        auto [stop_in, stop] = covey::open_memory_channel<int>(0);
        auto stop_button = std::move(stop_in);
        nursery.start_soon(quote, prices_in.clone());
        nursery.start_soon(listen, std::move(prices), std::move(stop));
        co_await covey::sleep_for(7s);
        co_await stop_button.send(0);
    });
    co_await covey::with_nursery([](covey::nursery& nursery) {
        auto [fast_in, fast] = covey::open_memory_channel<int>(0);
        auto [slow_in, slow] = covey::open_memory_channel<int>(0);
        nursery.start_soon(take, std::move(fast), 100ms);
        nursery.start_soon(take, std::move(slow), 1s);
        nursery.start_soon(share_out, std::move(fast_in), std::move(slow_in));
    });
    co_await covey::with_nursery([](covey::nursery& nursery) {
        auto [left_in, left] = covey::open_memory_channel<int>(0);
        auto [right_in, right] = covey::open_memory_channel<int>(0);
        nursery.start_soon(send_numbers, std::move(left_in), 10);
        nursery.start_soon(send_numbers, std::move(right_in), 3);
        nursery.start_soon(merge, std::move(left), std::move(right));
    });
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock, .seed = 1}, demo);
}
