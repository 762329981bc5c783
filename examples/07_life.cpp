// SPDX-License-Identifier: BSL-1.0
// The life of an actor: on_start, messages and ticks, on_stop; and what becomes of messages that
// are still queued.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

struct letter {
    std::string to;
};
struct look_at_clock {};

class post_office : public covey::actor {
 public:
    covey::task<> handle(letter each) {
        say(fmt::format("  stamps the letter to {}", each.to));
        co_await covey::sleep_for(1500ms);
        say(fmt::format("  the letter to {} is on its way", each.to));
    }
    void handle(look_at_clock) { say("  looks at the clock"); }

 protected:
    covey::task<> on_start() override {
        co_await covey::sleep_for(1s);
        send_every(2s, look_at_clock{});
        say("  opens");
    }
    covey::task<> on_stop(covey::exit_reason reason) override {
        say(fmt::format("  closes: {}", covey::to_string(reason)));
        co_return;
    }
};

covey::task<> wait_for_end(covey::actor_ref<post_office> office) {
    const covey::down ended = co_await office.watch();
    say(fmt::format("{} is down: {}", office.name(), covey::to_string(ended.reason)));
}

covey::task<> write_letters() {
    const auto undelivered = covey::dead_letters().sample();
    co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
        const auto office = co_await covey::start_actor<post_office>(nursery, {.name = "office"});
        say("ready");
        nursery.start_soon(wait_for_end, office);
        for (const char* name : {"Ada", "Ben"}) co_await office.tell(letter{name});
        co_await covey::sleep_for(3500ms);
        for (const char* name : {"Cleo", "Dan"}) co_await office.tell(letter{name});
        co_await covey::sleep_for(250ms);

        say("stop");
        office.stop();
        const auto told = co_await covey::attempt(office.tell(letter{"Eve"}));
        try {
            told.value();
        } catch (const covey::actor_stopped_error& error) {
            say(error.what());
        }
    });
    while (const auto dead = undelivered.try_receive()) {
        say(fmt::format("dead letter to {}: a {}, because it {}", dead->actor_name,
                        dead->message_type, covey::to_string(dead->reason)));
    }
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, write_letters);
}
