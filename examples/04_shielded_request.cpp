// SPDX-License-Identifier: BSL-1.0
// A request runs into its time limit, and the server should be told. But in a block that is
// cancelled every checkpoint stops, also that of the second request: unless it is shielded.

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

covey::task<> request(std::string_view what, covey::duration length) {
    say(fmt::format("  {}: sent", what));
    co_await covey::sleep_for(length);
    say(fmt::format("  {}: answered", what));
}

covey::task<> withdraw() { co_await request("withdraw", 1500ms); }

// finally() shields its clean-up; this takes the shield off.
covey::task<> withdraw_without_shield() {
    covey::current_scope().set_shield(false);
    co_await request("withdraw", 1500ms);
}

covey::task<> ask(covey::task<> (*clean_up)()) {
    const bool finished =
        co_await covey::move_on_after(2s, covey::finally(request("question", 3s), clean_up));
    say(finished ? "finished" : "cut off");
}

covey::task<> try_both() {
    say("clean-up without a shield");
    co_await ask(withdraw_without_shield);
    say("clean-up with a shield");
    co_await ask(withdraw);
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, try_both);
}
