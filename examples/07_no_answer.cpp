// SPDX-License-Identifier: BSL-1.0
// Questions without an answer: the handler throws, it takes too long, or everybody would wait for
// everybody. Whoever asks is told at once, or when the limit says so.

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

struct divide {
    int by;
};
struct think {};
struct ask_friend {};

class oracle : public covey::actor {
 public:
    explicit oracle(covey::actor_ref<oracle> friend_of_it = {}) : friend_(friend_of_it) {}

    int handle(divide question) const {
        if (question.by == 0) throw std::domain_error("division by zero");
        return 42 / question.by;
    }
    covey::task<int> handle(think) {
        co_await covey::sleep_for(5s);
        co_return 42;
    }
    // Asks another one, and that one asks back.
    covey::task<int> handle(ask_friend) {
        if (friend_) co_return co_await friend_.ask(ask_friend{});
        const auto other = covey::where_is<oracle>("Delphi");
        co_return co_await other->ask(ask_friend{});
    }

 protected:
    // Without this, the default, a handler that throws ends the actor: a failed child.
    covey::verdict on_error(const std::exception_ptr&) override { return covey::verdict::resume; }

 private:
    covey::actor_ref<oracle> friend_;
};

template <class X>
covey::task<> hear(std::string_view question, X answer) {
    const auto heard = co_await covey::attempt(std::move(answer));
    try {
        say(fmt::format("{}: {}", question, heard.value()));
    } catch (const std::exception& error) {
        say(fmt::format("{}: {}", question, error.what()));
    }
}

covey::task<> consult() {
    co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
        const auto dodona = co_await covey::start_actor<oracle>(nursery, {.name = "Dodona"});
        const auto delphi =
            co_await covey::start_actor<oracle>(nursery, {.name = "Delphi"}, dodona);
        covey::register_name("Delphi", delphi);

        co_await hear("42/6", delphi.ask(divide{6}));
        co_await hear("42/0", delphi.ask(divide{0}));
        co_await hear("42/7", delphi.ask(divide{7}));
        co_await hear("everything, in 2 s", delphi.ask(2s, think{}));
        co_await hear("everything", delphi.ask(think{}));
        co_await hear("your friend", delphi.ask(ask_friend{}));
        nursery.cancel();
    });
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, consult);
}
