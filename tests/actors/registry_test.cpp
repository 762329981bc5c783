// SPDX-License-Identifier: BSL-1.0
#include <covey/registry.hpp>

#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>

#include <functional>
#include <stdexcept>
#include <string>

using support::note;
using support::scribe;
using support::trace;

namespace {

struct other : covey::actor {
    void handle(int) {}
};

}  // namespace

TEST_CASE("an actor is found by its name until it has ended") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        CHECK_FALSE(covey::where_is<scribe>("clerk").has_value());
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        covey::register_name("clerk", ref);
        covey::register_name("clerk too", ref);
        const auto found = covey::where_is<scribe>("clerk");
        REQUIRE(found.has_value());
        CHECK(*found == ref);
        co_await found->tell(note{"a"});
        ref.stop();
        co_await ref.watch();
        CHECK_FALSE(covey::where_is<scribe>("clerk").has_value());
        CHECK_FALSE(covey::where_is<scribe>("clerk too").has_value());
    });
}

TEST_CASE("a name belongs to one actor, and the error says to whom") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto one =
            co_await covey::start_actor<scribe>(nursery, {.name = "one"}, std::ref(log));
        const auto two =
            co_await covey::start_actor<scribe>(nursery, {.name = "two"}, std::ref(log));
        covey::register_name("clerk", one);
        const auto taken =
            support::thrown_by<std::invalid_argument>([&] { covey::register_name("clerk", two); });
        CHECK(std::string(taken.what()) ==
              "register_name: 'clerk' is the name of actor 'one' already; unregister it first, or "
              "choose another name for 'two'");
        CHECK(covey::unregister("clerk"));
        CHECK_FALSE(covey::unregister("clerk"));
        covey::register_name("clerk", two);
        CHECK(*covey::where_is<scribe>("clerk") == two);
        nursery.cancel();
    });
    CHECK_FALSE(covey::where_is<scribe>("clerk").has_value());
}

TEST_CASE("asking for another class is refused, and the error says which it is") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref =
            co_await covey::start_actor<scribe>(nursery, {.name = "one"}, std::ref(log));
        covey::register_name("clerk", ref);
        const auto wrong = support::thrown_by<std::invalid_argument>(
            [] { static_cast<void>(covey::where_is<other>("clerk")); });
        CHECK(std::string(wrong.what()) ==
              "where_is: 'clerk' is the name of actor 'one', whose class is support::scribe, not "
              "other");
        nursery.cancel();
    });
}

TEST_CASE("an actor that has ended, or none at all, gets no name") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        ref.stop();
        co_await ref.watch();
        CHECK_THROWS_AS(covey::register_name("late", ref), covey::actor_stopped_error);
        CHECK_THROWS_AS(covey::register_name("none", covey::actor_ref<scribe>()), std::logic_error);
        CHECK_FALSE(covey::where_is<scribe>("late").has_value());
    });
}
