// SPDX-License-Identifier: BSL-1.0
// What nurseries, services and start() leave as the cause; scopes are in cancel_scope_cause_test.
#include <covey/cancel_cause.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using covey::cancel_source;

namespace {

// Notes the cause of a scope when it goes, stopped or not.
struct at_end {
    covey::cancel_scope& scope;
    covey::cancel_cause& cause;
    at_end(covey::cancel_scope& of, covey::cancel_cause& to) : scope(of), cause(to) {}
    at_end(const at_end&) = delete;
    at_end& operator=(const at_end&) = delete;
    ~at_end() { cause = scope.cause(); }
};

covey::task<> fail_after(covey::duration length, std::string text) {
    co_await covey::sleep_for(length);
    throw std::out_of_range(text);
}

}  // namespace

TEST_CASE("the cause of nothing is none, without texts (CR02)") {
    const covey::cancel_cause nothing;
    CHECK(nothing.source == cancel_source::none);
    CHECK(nothing.reason.empty());
    CHECK(nothing.task_name.empty());
    CHECK(std::string(to_string(cancel_source::interrupt)) == "interrupt");
    CHECK(std::string(to_string(cancel_source::shutdown)) == "shutdown");
}

TEST_CASE("the first of two failing children is the cause, the second is not (C50, C52)") {
    covey::cancel_cause cause;
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::attempt([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const at_end mark(nursery.scope(), cause);
                nursery.start_soon({.name = "slow"}, fail_after, 2s, "second");
                nursery.start_soon({.name = "fast"}, fail_after, 1s, "first");
                co_await covey::sleep_forever();
            });
        });
        CHECK_FALSE(result.has_value());
    });
    CHECK(cause.source == cancel_source::nursery);
    CHECK(cause.reason == "child task 'fast' failed: std::out_of_range: first");
    CHECK(cause.task_name == "fast");
}

TEST_CASE("a child that fails with a group is told by the group's first line (C52, N28)") {
    covey::cancel_cause cause;
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::attempt([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const at_end mark(nursery.scope(), cause);
                nursery.start_soon({.name = "inner"}, []() -> covey::task<> {
                    co_await covey::with_nursery(
                        [](covey::nursery& below) { below.start_soon(fail_after, 1s, "deep"); });
                });
                co_await covey::sleep_forever();
            });
        });
        CHECK_FALSE(result.has_value());
    });
    CHECK(cause.reason == "child task 'inner' failed: nursery of task 'inner' (1 error)");
}

TEST_CASE("a child that throws something unusual is told by its type (C52, N27)") {
    covey::cancel_cause cause;
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::attempt([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const at_end mark(nursery.scope(), cause);
                nursery.start_soon({.name = "odd"}, [] { throw 3.5; });
                co_await covey::sleep_forever();
            });
        });
        CHECK_FALSE(result.has_value());
    });
    CHECK(cause.reason == "child task 'odd' failed: double");
}

TEST_CASE("the failed child of one nursery is the cause of that nursery only (C50)") {
    covey::cancel_cause inner_cause;
    covey::cancel_cause outer_cause;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            const at_end outer_mark(outer.scope(), outer_cause);
            const auto result = co_await covey::attempt([&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                    const at_end inner_mark(inner.scope(), inner_cause);
                    inner.start_soon(fail_after, 1s, "inside");
                    co_await covey::sleep_forever();
                });
            });
            CHECK_FALSE(result.has_value());
        });
    });
    CHECK(inner_cause.source == cancel_source::nursery);
    CHECK(outer_cause.source == cancel_source::none);
}

TEST_CASE("a value that a cancelled nursery owes carries the failed limit as its cause (C51)") {
    support::run_virtual([]() -> covey::task<> {
        covey::cancel_cause cause;
        try {
            static_cast<void>(
                co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                    nursery.scope().set_deadline(covey::now() + 2s);
                    co_await covey::sleep_forever();
                    co_return 1;
                }));
        } catch (const covey::cancelled_error& error) {
            cause = error.cause();
        }
        CHECK(cause.source == cancel_source::deadline);
        CHECK(cause.task_name.empty());
        CHECK(support::elapsed() == 2s);
    });
}
