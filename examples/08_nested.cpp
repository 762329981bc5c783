// SPDX-License-Identifier: BSL-1.0
// A supervisor as the child of another: when the inner one has used up its restarts it fails as any
// child does, and the outer one starts it anew, with everything in it. Budgets multiply.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

constexpr covey::backoff every_second = {.first = 1s, .factor = 1, .max = 1s, .jitter = 0};

covey::task<> fetch(int& attempts) {
    ++attempts;
    say(fmt::format("    attempt {}", attempts));
    co_await covey::sleep_for(500ms);
    throw std::runtime_error("host not found");
}

// Without the lines of the managers, the tasks in which supervisors decide: these say where in
// covey's own source they wait.
void print_task_tree() {
    std::istringstream lines(covey::dump_task_tree());
    for (std::string line; std::getline(lines, line);)
        if (line.find("supervisor's manager") == std::string::npos) fmt::print("{}\n", line);
}

covey::task<> look_around() {
    co_await covey::sleep_for(750ms);
    print_task_tree();
}

// A child with children.
covey::task<> crawl(int& attempts) {
    say("  crawler opens");
    const covey::supervisor_options options = {
        .intensity = 2,
        .backoff = every_second,
        .name = "crawler",
    };
    const auto body = [&](covey::supervisor& inner) -> covey::task<> {
        co_await inner.start({.name = "fetch"}, fetch, std::ref(attempts));
    };
    co_await covey::with_supervisor(options, body);
}

covey::task<> search() {
    int attempts = 0;
    const covey::supervisor_options options = {
        .intensity = 1,
        .backoff = every_second,
        .name = "search",
    };
    const auto body = [&](covey::supervisor& outer) -> covey::task<> {
        co_await outer.start({.name = "crawler"}, crawl, std::ref(attempts));
        co_await outer.start({.name = "look"}, look_around);
    };
    const auto result = co_await covey::attempt(covey::with_supervisor(options, body));
    say(fmt::format("{} attempts, then", attempts));
    try {
        std::rethrow_exception(result.error());
    } catch (const covey::supervisor_gave_up& error) {
        fmt::print("{}\n", error.what());
        for (const auto& each : error.failures())
            fmt::print("  {} #{}, incarnation {}\n", each.path, each.incident, each.incarnation);
    }
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, search);
}
