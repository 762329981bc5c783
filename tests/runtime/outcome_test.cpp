// SPDX-License-Identifier: BSL-1.0
#include <covey/outcome.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

covey::task<int> parse(std::string text) {
    co_await covey::sleep_for(1s);
    if (text.empty()) throw std::invalid_argument("nothing to parse");
    co_return static_cast<int>(text.size());
}

}  // namespace

TEST_CASE("attempt keeps a value") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::attempt(parse("four"));
        CHECK(result.has_value());
        CHECK(static_cast<bool>(result));
        CHECK(result.value() == 4);
        CHECK(*result == 4);
        CHECK(result.error() == nullptr);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("attempt keeps an error as it is, to be followed by an await") {
    const auto error = std::make_exception_ptr(std::runtime_error("as it is"));
    support::run_virtual([&]() -> covey::task<> {
        const auto failed = co_await covey::attempt([&]() -> covey::task<int> {
            co_await covey::checkpoint();
            std::rethrow_exception(error);
        });
        CHECK_FALSE(failed.has_value());
        CHECK(failed.error() == error);
        CHECK_THROWS_WITH(failed.value(), "as it is");

        const auto first = co_await covey::attempt(parse(""));
        int value = 0;
        if (!first) value = co_await parse("fallback");
        CHECK(value == 8);
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("attempt takes awaitables, coroutine functions and plain ones, of any type") {
    support::run_virtual([]() -> covey::task<> {
        const auto nothing = co_await covey::attempt(covey::sleep_for(1s));
        CHECK(nothing.has_value());
        auto pointer = co_await covey::attempt([] { return std::make_unique<int>(3); });
        const std::unique_ptr<int> taken = std::move(pointer).value();
        CHECK(*taken == 3);
        auto unit = co_await covey::attempt([] {});
        std::move(unit).value();
        auto thrown = co_await covey::attempt([]() -> void { throw 4; });
        CHECK_THROWS_AS(std::move(thrown).value(), int);
    });
}

TEST_CASE("attempt sees the group of a nursery, and an error thrown before the first frame") {
    support::run_virtual([]() -> covey::task<> {
        const auto grouped = co_await covey::attempt([]() -> covey::task<> {
            co_await covey::with_nursery([](covey::nursery& nursery) {
                nursery.start_soon([] { throw std::out_of_range("child"); });
            });
        });
        const auto* group = covey::detail::error_as<covey::exception_group>(grouped.error());
        REQUIRE(group != nullptr);
        CHECK(support::message_of(group->only()) == "child");

        const auto early = co_await covey::attempt(
            []() -> covey::task<int> { throw std::out_of_range("no coroutine at all"); });
        CHECK(support::message_of(early.error()) == "no coroutine at all");
    });
}

TEST_CASE("attempt never holds a cancellation: it passes through (C2)") {
    support::run_virtual([]() -> covey::task<> {
        bool reached = false;
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            const auto result = co_await covey::attempt(covey::sleep_forever());
            reached = result.has_value() || !result.has_value();
        });
        CHECK_FALSE(finished);
        CHECK_FALSE(reached);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("attempt is no checkpoint by itself (K3)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::testing::expect_no_checkpoints([]() -> covey::task<> {
            const auto result = co_await covey::attempt([] { return 1; });
            CHECK(*result == 1);
        });
    });
}
