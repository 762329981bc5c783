// SPDX-License-Identifier: BSL-1.0
#include <covey/child_options.hpp>

#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using support::observed;

TEST_CASE(
    "a child is transient, has 5 s to stop and 10 to be stopped, unless told otherwise (SV11)") {
    constexpr covey::child_options options;
    CHECK(options.restart == covey::restart::transient);
    CHECK(options.start_limit == covey::never);
    CHECK(options.grace == 5s);
    CHECK(options.hard == 10s);
    CHECK_FALSE(options.significant);
    CHECK(options.mailbox == 64);
    CHECK(options.overflow == covey::overflow::block);
    CHECK(options.on_restart == covey::on_restart::keep);
}

TEST_CASE("a child's name is copied, or made from its function (SV8)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                std::string name = "a name that is too long for a small string";
                co_await supervisor.start({.name = name}, support::obedient);
                name.assign(name.size(), 'x');
                CHECK(supervisor.children().at(0).name ==
                      "a name that is too long for a small string");
                co_await supervisor.start({}, [] { return support::obedient(); });
                CHECK_FALSE(supervisor.children().at(1).name.empty());
                supervisor.stop_all();
            });
    });
}

TEST_CASE("a negative limit of a child is refused when it is started (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(observed(), [](covey::supervisor& supervisor) {
            CHECK_THROWS_AS(supervisor.start({.grace = -1ns}, support::obedient),
                            std::invalid_argument);
            CHECK_THROWS_AS(supervisor.start({.hard = -1ns}, support::obedient),
                            std::invalid_argument);
            CHECK_THROWS_AS(supervisor.start({.start_limit = -1ns}, support::obedient),
                            std::invalid_argument);
            CHECK(supervisor.children().empty());
        });
    });
}

TEST_CASE("every reason to end has a name") {
    using covey::exit_reason;
    CHECK(to_string(exit_reason::finished) == std::string("finished"));
    CHECK(to_string(exit_reason::stopped) == std::string("stopped"));
    CHECK(to_string(exit_reason::restarting) == std::string("restarting"));
    CHECK(to_string(exit_reason::failed) == std::string("failed"));
    CHECK(to_string(exit_reason::cancelled) == std::string("cancelled"));
    CHECK(to_string(exit_reason::gave_up) == std::string("gave_up"));
    CHECK(to_string(static_cast<exit_reason>(99)) == std::string("unknown"));
}
