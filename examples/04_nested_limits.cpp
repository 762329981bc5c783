// SPDX-License-Identifier: BSL-1.0
// Time limits nest: whichever runs out first ends its own block, with everything inside, and no
// more. A deadline can be moved while the block runs.

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

covey::task<> work_under(std::chrono::seconds limit) {
    const bool finished = co_await covey::move_on_after(limit, covey::sleep_for(5s));
    say(finished ? "  the work is done" : "  the inner limit ended the work");
}

covey::task<> nested(std::chrono::seconds outer, std::chrono::seconds inner) {
    say(fmt::format("{} s around {} s around work of 5 s", outer.count(), inner.count()));
    const bool finished = co_await covey::move_on_after(outer, work_under(inner));
    say(finished ? "  the outer block ended by itself" : "  the outer limit ended the inner block");
}

// From inside, the outer limit is moved out of the way.
covey::task<> extended() {
    say("2 s around 4 s around work of 5 s, and both get more time");
    const bool finished =
        co_await covey::move_on_after(2s, [](covey::cancel_scope& outer) -> covey::task<> {
            co_await covey::move_on_after(4s, [&](covey::cancel_scope& inner) -> covey::task<> {
                co_await covey::sleep_for(1s);
                outer.set_deadline(outer.deadline() + 10s);
                inner.set_deadline(covey::now() + 6s);
                co_await covey::sleep_for(5s);
                say("  the work is done");
            });
        });
    say(finished ? "  the outer block ended by itself" : "  the outer limit ended the inner block");
}

covey::task<> limits() {
    co_await nested(2s, 4s);
    co_await nested(4s, 2s);
    co_await extended();
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, limits);
}
