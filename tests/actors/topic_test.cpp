// SPDX-License-Identifier: BSL-1.0
#include <covey/topic.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

std::string drained(const covey::receive_channel<std::string>& rx) {
    std::string text;
    try {
        while (auto next = rx.try_receive()) text += *next;
        return text;
    } catch (const covey::end_of_channel&) {
        return text + ".";
    }
}

}  // namespace

TEST_CASE("each subscriber gets what is published after it subscribed, in order") {
    support::run_virtual([]() -> covey::task<> {
        covey::topic<std::string> topic;
        {
            const auto got = co_await topic.publish("nobody");
            CHECK(got == 0);
        }
        const auto first = topic.subscribe(8);
        {
            const auto got = co_await topic.publish("a");
            CHECK(got == 1);
        }
        const auto second = topic.subscribe(8, covey::overflow::drop_oldest);
        {
            const auto got = co_await topic.publish("b");
            CHECK(got == 2);
        }
        {
            const auto got = co_await topic.publish("c");
            CHECK(got == 2);
        }
        CHECK(drained(first) == "abc");
        CHECK(drained(second) == "bc");
        CHECK(topic.subscribers() == 2);
    });
}

TEST_CASE("publishing waits for a subscriber that asked for it, and for no other") {
    support::run_virtual([]() -> covey::task<> {
        covey::topic<std::string> topic;
        const auto dropping = topic.subscribe(1, covey::overflow::drop_newest);
        const auto blocking = topic.subscribe(1);
        co_await topic.publish("a");
        const auto limited = co_await covey::move_on_after(1s, topic.publish("b"));
        CHECK_FALSE(limited.finished());
        CHECK(drained(dropping) == "a");
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                CHECK(drained(blocking) == "ac");  // what waited follows at once
            });
            {
                const auto got = co_await topic.publish("c");
                CHECK(got == 2);
            }
            CHECK(support::elapsed() == 2s);
        });
    });
}

TEST_CASE("a subscriber that has gone is forgotten, and one that fails when full as well") {
    support::run_virtual([]() -> covey::task<> {
        covey::topic<std::string> topic;
        std::optional gone(topic.subscribe(8));
        const auto strict = topic.subscribe(1, covey::overflow::fail);
        const auto patient = topic.subscribe(8);
        co_await topic.publish("a");
        gone.reset();
        {
            const auto got = co_await topic.publish("b");
            CHECK(got == 1);
        }
        CHECK(topic.subscribers() == 1);
        CHECK(drained(strict) == "a.");
        CHECK(drained(patient) == "ab");
    });
}

TEST_CASE("a subscriber that goes while a publisher waits for it lets it go on") {
    support::run_virtual([]() -> covey::task<> {
        covey::topic<std::string> topic;
        std::optional slow(topic.subscribe(0));
        const auto patient = topic.subscribe(8);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                slow.reset();
            });
            {
                const auto got = co_await topic.publish("a");
                CHECK(got == 1);
            }
            CHECK(support::elapsed() == 1s);
        });
        CHECK(drained(patient) == "a");
    });
}

TEST_CASE("the end of a topic is the end of its channels, after what is buffered") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::topic<std::string>> topic(std::in_place);
        const auto rx = topic->subscribe(8);
        co_await topic->publish("a");
        co_await topic->publish("b");
        topic.reset();
        CHECK(drained(rx) == "ab.");
    });
}

TEST_CASE("subscribing and leaving again and again doesn't grow the topic") {
    support::run_virtual([]() -> covey::task<> {
        covey::topic<int> topic;
        for (int i = 0; i < 1000; ++i) auto rx = topic.subscribe(1);
        CHECK(topic.subscribers() < 10);
        CHECK_THROWS_AS(topic.subscribe(-1), std::invalid_argument);
        co_return;
    });
}
