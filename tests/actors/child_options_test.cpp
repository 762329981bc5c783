// SPDX-License-Identifier: BSL-1.0
#include <covey/child_options.hpp>

#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/actor.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using support::observed;

namespace {

template <class F>
std::string text_thrown(F call) {
    try {
        call();
    } catch (const std::invalid_argument& refused) {
        return refused.what();
    }
    return "nothing";
}

}  // namespace

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

TEST_CASE("a negative limit of a child is refused by name when it is started (SV11)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(observed(), [](covey::supervisor& supervisor) {
            const auto refused = [&](const covey::child_options& options) {
                return text_thrown(
                    [&] { static_cast<void>(supervisor.start(options, support::obedient)); });
            };
            CHECK(refused({.name = "worker", .grace = -1500ms}) ==
                  "covey: child 'worker': child_options::grace is -1.5 s, and can't be negative");
            CHECK(refused({.name = "worker", .hard = -1ns}) ==
                  "covey: child 'worker': child_options::hard is -1e-09 s, and can't be negative");
            CHECK(refused({.name = "worker", .start_limit = -1s}) ==
                  "covey: child 'worker': child_options::start_limit is -1 s, and can't be "
                  "negative");
            CHECK(supervisor.children().empty());
        });
    });
}

TEST_CASE("a negative limit of an actor is refused by name, whoever owns it (SV11)") {
    struct idle : covey::actor {};
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor(observed(), [](covey::supervisor& supervisor) {
            CHECK(text_thrown([&] {
                      static_cast<void>(
                          covey::start_actor<idle>(supervisor, {.name = "account", .hard = -2s}));
                  }) ==
                  "covey: actor 'account': child_options::hard is -2 s, and can't be negative");
            CHECK(text_thrown([&] {
                      static_cast<void>(covey::start_actor<idle>(supervisor, {.start_limit = -1s}));
                  }).starts_with("covey: child '"));
            CHECK(supervisor.children().empty());
        });
        co_await covey::with_nursery([](covey::nursery& nursery) {
            CHECK(text_thrown([&] {
                      static_cast<void>(
                          covey::start_actor<idle>(nursery, {.name = "account", .grace = -1s}));
                  }) ==
                  "covey: actor 'account': child_options::grace is -1 s, and can't be negative");
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
