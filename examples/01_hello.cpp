// SPDX-License-Identifier: BSL-1.0
// A task is a function that can wait. `co_await` calls it, as parentheses call an ordinary
// function: the caller goes on when it has returned. covey::run() runs the first task.

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

covey::task<std::string> ask_for_name() {
    say("who is there?");
    co_await covey::sleep_for(2s);
    co_return "world";
}

covey::task<int> greet() {
    const std::string name = co_await ask_for_name();
    say(fmt::format("hello, {}", name));
    co_return 42;
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;  // jumps to the next deadline: nobody waits two seconds
    const int answer = covey::run({.workers = 1, .clock = &clock}, greet);
    fmt::print("main returned {}\n", answer);
}
