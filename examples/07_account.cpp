// SPDX-License-Identifier: BSL-1.0
// An actor: state that only its own handlers touch, one at a time. It is told things, and asked
// questions; both wait in its mailbox for their turn.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

struct deposit {
    int amount;
};
struct get_balance {};

class account : public covey::actor {
 public:
    // Reads, waits, writes: between the two nobody else gets a turn.
    covey::task<> handle(deposit order) {
        const int before = balance_;
        co_await covey::sleep_for(1s);
        balance_ = before + order.amount;
        say(fmt::format("  the account has {}", balance_));
    }
    int handle(get_balance) const { return balance_; }

 private:
    int balance_ = 0;
};

covey::task<> earn(std::string_view name, covey::actor_ref<account> savings, int amount) {
    for (int day = 1; day <= 2; ++day) co_await savings.tell(deposit{amount});
    say(fmt::format("{} has told everything", name));
    const int balance = co_await savings.ask(get_balance{});
    say(fmt::format("{} hears of {}", name, balance));
}

covey::task<> save() {
    co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
        const auto savings = co_await covey::start_actor<account>(nursery, {.name = "savings"});
        co_await covey::with_nursery([&](covey::nursery& earners) {
            earners.start_soon(earn, "Ada", savings, 10);
            earners.start_soon(earn, "Ben", savings, 100);
        });
        savings.stop();
    });
    say("the nursery is closed");
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, save);
}
