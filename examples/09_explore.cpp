// SPDX-License-Identifier: BSL-1.0
//
// Two deposits at once, which work on the desk: some orders lose one. explore() finds such an
// order, says what happened in it, and replay() runs it again.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <functional>
#include <stdexcept>

covey::task<> deposit(int& balance, int amount) {
    const int before = balance;
    co_await covey::checkpoint();  // as if it asked a database
    balance = before + amount;
}

covey::task<> two_deposits() {
    int balance = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(deposit, std::ref(balance), 10);
        nursery.start_soon(deposit, std::ref(balance), 20);
        co_return;
    });
    if (balance != 30) throw std::runtime_error(fmt::format("balance {}, not 30", balance));
}

int main() {
    const auto found = covey::testing::explore({.schedules = 1000}, two_deposits);
    fmt::print("{}\n", found.report());

    try {
        covey::testing::replay(found.seed, two_deposits);
    } catch (const std::runtime_error& error) {
        fmt::print("once more: {}\n", error.what());
    }

    const auto cut_off = covey::testing::sweep_cancellation(two_deposits);
    fmt::print("cancelled before each step in turn: {}\n", cut_off.report());
}
