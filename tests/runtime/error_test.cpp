// SPDX-License-Identifier: BSL-1.0
#include <covey/error.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;

TEST_CASE("failures are runtime errors, misuse is a logic error, all are std::exception") {
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, covey::closed_resource_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, covey::broken_resource_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, covey::end_of_channel>);
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, covey::too_slow_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, covey::cancelled_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::logic_error, covey::closed_nursery_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::logic_error, covey::would_deadlock_error>);
    STATIC_REQUIRE(std::is_base_of_v<std::logic_error, covey::checkpoint_error>);
}

TEST_CASE("cancelled_error carries the cause of the cancellation (CR02)") {
    const covey::cancelled_error error(
        "what happened", {covey::cancel_source::explicit_call, "the reason", "some task"});
    CHECK(std::string(error.what()) == "what happened");
    CHECK(error.cause().source == covey::cancel_source::explicit_call);
    CHECK(error.cause().reason == "the reason");
    CHECK(error.cause().task_name == "some task");
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<covey::too_slow_error>);
}

TEST_CASE("no handler for std::exception or for anything meets a cancellation (CR01, C54)") {
    support::run_virtual([]() -> covey::task<> {
        int met = 0;
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            try {
                try {
                    co_await covey::sleep_forever();
                } catch (const covey::cancelled_error&) {
                    ++met;
                } catch (const std::exception&) {
                    ++met;
                }
            } catch (...) {
                ++met;
            }
        });
        CHECK_FALSE(finished);
        CHECK(met == 0);
    });
}
