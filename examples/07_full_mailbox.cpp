// SPDX-License-Identifier: BSL-1.0
// A mailbox has a capacity. What happens when it is full is decided where the actor is started: the
// sender waits, or a message is dropped, or the sender gets an error.

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

struct page {
    int number;
};

class printer : public covey::actor {
 public:
    covey::task<> handle(page each) {
        co_await covey::sleep_for(1s);
        say(fmt::format("    page {} is printed", each.number));
    }
};

covey::task<> print_five(covey::overflow when_full) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto paper = co_await covey::start_actor<printer>(
            nursery, {.name = "printer", .mailbox = 2, .overflow = when_full});
        for (int number = 1; number <= 5; ++number) {
            const auto told = co_await covey::attempt(paper.tell(page{number}));
            try {
                told.value();
                say(fmt::format("  told page {}", number));
            } catch (const covey::channel_full_error& error) {
                say(fmt::format("  page {}: {}", number, error.what()));
            }
            if (number == 1) co_await covey::testing::wait_all_tasks_blocked();
        }
        co_await covey::sleep_for(5s);
        const covey::actor_statistics now = paper.statistics();
        say(fmt::format("  {} handled, {} dead letters", now.handled, now.dead_letters));
        paper.stop();
    });
}

covey::task<> print_with_each() {
    say("block");
    co_await print_five(covey::overflow::block);
    say("drop_oldest");
    co_await print_five(covey::overflow::drop_oldest);
    say("fail");
    co_await print_five(covey::overflow::fail);
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, print_with_each);
}
