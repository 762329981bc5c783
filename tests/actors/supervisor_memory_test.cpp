// SPDX-License-Identifier: BSL-1.0
// A supervisor that lives for long, with many children.
#include "support/catch.hpp"
#include "support/supervision.hpp"
#include "support/usage.hpp"

#include <algorithm>
#include <malloc.h>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

// Bytes on the heap; the allocators of sanitizers answer nothing.
std::size_t used() { return support::is_sanitized ? 0 : mallinfo2().uordblks; }

}  // namespace

TEST_CASE("100,000 transient children that come and go leave nothing but the latest (SC23)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor({}, [](covey::supervisor& supervisor) -> covey::task<> {
            std::size_t after_warming_up = 0;
            for (int i = 0; i < 100'000; ++i) {
                co_await supervisor.start({.name = "short"}, [] {});
                if (i == 5'000) after_warming_up = used();
            }
            CHECK(supervisor.children().size() <= 1000);
            const std::size_t in_the_end = used();
            CHECK(in_the_end < after_warming_up + 64'000);
        });
    });
}

TEST_CASE("temporary children and failed starts leave no trace but events (SC23)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor({}, [](covey::supervisor& supervisor) -> covey::task<> {
            for (int i = 0; i < 3'000; ++i) {
                co_await supervisor.start({.restart = covey::restart::temporary},
                                          []() -> covey::task<> { co_await covey::checkpoint(); });
                try {
                    co_await supervisor.start({}, [] { throw std::runtime_error("no start"); });
                } catch (const covey::start_failed_error&) {
                }
            }
            co_await covey::sleep_for(1s);
            CHECK(supervisor.children().empty());
            CHECK(supervisor.events().size() == 256);
        });
    });
}

TEST_CASE("many restarts of one child leave nothing behind (SC23)") {
    support::run_virtual([]() -> covey::task<> {
        std::size_t after_warming_up = 0;
        std::size_t in_the_end = 0;
        int run = 0;
        covey::supervisor_options options{.intensity = 10, .period = 0s};
        options.backoff = {.first = 1ms, .max = 1ms, .jitter = 0};
        co_await covey::with_supervisor(
            options, [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    if (++run == 2'000) after_warming_up = used();
                    if (run == 30'000) in_the_end = used();
                    if (run < 30'000) co_await support::fails_after(1ms, "crash");
                });
            });
        CHECK(run == 30'000);
        CHECK(in_the_end <= after_warming_up + 64'000);
    });
}

TEST_CASE("a child of many is found, stopped and restarted as one of few is (SC23)") {
    support::run_virtual([]() -> covey::task<> {
        covey::supervisor_options options{.intensity = 1'000};
        options.stop_order = covey::stop_order::together;
        co_await covey::with_supervisor(
            options, [](covey::supervisor& supervisor) -> covey::task<> {
                std::vector<covey::child_id> ids;
                for (int i = 0; i < 20'000; ++i)
                    ids.push_back(co_await supervisor.start({.name = "a"}, support::obedient));
                CHECK(supervisor.children().size() == 20'000);
                for (std::size_t i = 0; i < ids.size(); i += 100)
                    co_await supervisor.restart(ids[i]);
                for (std::size_t i = 1; i < ids.size(); i += 100) co_await supervisor.stop(ids[i]);
                const auto children = supervisor.children();
                CHECK(std::count_if(children.begin(), children.end(),
                                    [](const auto& each) { return each.restarts == 1; }) == 200);
                supervisor.stop_all();
            });
    });
}
