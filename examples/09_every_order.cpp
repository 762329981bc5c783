// SPDX-License-Identifier: BSL-1.0
// A test doesn't sleep and hope. wait_all_tasks_blocked() knows when everybody waits, a seed
// decides who runs first when several could, and a sequencer states the one order that is meant.
// The same seed gives the same run, in every process.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>

namespace {

covey::task<> visitor(char name, covey::event& gate, std::string& order) {
    co_await gate.wait();
    order += name;
}

covey::task<std::string> all_through_the_gate() {
    covey::event gate;
    std::string order;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (const char name : {'A', 'B', 'C'})
            nursery.start_soon(visitor, name, std::ref(gate), std::ref(order));
        co_await covey::testing::wait_all_tasks_blocked();
        if (!order.empty()) throw std::logic_error("somebody went through a closed gate");
        gate.set();
    });
    co_return order;
}

covey::task<> in_turn(char name, covey::testing::sequencer& turns, std::size_t number,
                      std::string& order) {
    const auto turn = co_await turns(number);
    order += name;
}

covey::task<std::string> one_after_the_other() {
    covey::testing::sequencer turns;
    std::string order;
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(in_turn, 'A', std::ref(turns), 2U, std::ref(order));
        nursery.start_soon(in_turn, 'B', std::ref(turns), 0U, std::ref(order));
        nursery.start_soon(in_turn, 'C', std::ref(turns), 1U, std::ref(order));
    });
    co_return order;
}

void run_with_every_seed(covey::task<std::string> (*scenario)()) {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        covey::testing::virtual_clock clock;
        orders.insert(covey::run({.clock = &clock, .seed = seed}, scenario));
    }
    fmt::print("100 seeds, {} orders:", orders.size());
    for (const std::string& order : orders) fmt::print(" {}", order);
    fmt::print("; left behind: {}\n", covey::testing::to_string(covey::testing::leaks()));
}

}  // namespace

int main() {
    run_with_every_seed(all_through_the_gate);
    run_with_every_seed(one_after_the_other);
}
