// SPDX-License-Identifier: BSL-1.0
// What a full channel does instead of making the sender wait.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::note_receive;
using support::receiving;
using support::sending;

namespace {

covey::task<std::string> drain(const covey::receive_channel<int>& rx) {
    std::string all;
    while (auto value = rx.try_receive()) all += (all.empty() ? "" : " ") + std::to_string(*value);
    co_return all;
}

}  // namespace

TEST_CASE("overflow block is what a channel does anyway") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1, covey::overflow::block);
        CHECK(tx.try_send(1));
        CHECK_FALSE(tx.try_send(2));
        const bool in_time = co_await covey::move_on_after(1s, tx.send(2));
        CHECK_FALSE(in_time);
        CHECK(rx.statistics().dropped == 0);
    });
}

TEST_CASE("drop_newest drops and counts what finds no room, and never waits") {
    for (const sending how : support::all_sendings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2, covey::overflow::drop_newest);
            for (int i = 1; i <= 4; ++i) {
                int value = i;
                co_await covey::testing::expect_checkpoints(support::send_by(how, tx, value));
            }
            CHECK(tx.try_send(5));
            CHECK(rx.statistics().dropped == 3);
            CHECK(rx.statistics().current_buffer_used == 2);
            CHECK(rx.statistics().peak_buffer_used == 2);
            const std::string kept = co_await drain(rx);
            CHECK(kept == "1 2");
            CHECK(tx.try_send(6));
            CHECK(rx.try_receive() == 6);
            CHECK(rx.statistics().dropped == 3);
        });
    }
}

TEST_CASE("drop_oldest drops and counts the longest-buffered value, and never waits") {
    for (const sending how : support::all_sendings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2, covey::overflow::drop_oldest);
            for (int i = 1; i <= 4; ++i) {
                int value = i;
                co_await covey::testing::expect_checkpoints(support::send_by(how, tx, value));
            }
            CHECK(tx.try_send(5));
            CHECK(rx.statistics().dropped == 3);
            CHECK(rx.statistics().current_buffer_used == 2);
            CHECK(rx.statistics().peak_buffer_used == 2);
            const std::string kept = co_await drain(rx);
            CHECK(kept == "4 5");
        });
    }
}

TEST_CASE("overflow fail throws channel_full_error, and the value stays with its sender") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(1, covey::overflow::fail);
        co_await tx.send(std::make_unique<int>(1));
        auto value = std::make_unique<int>(2);
        bool full = false;
        try {
            co_await tx.send_from(value);
        } catch (const covey::channel_full_error& error) {
            full = std::string(error.what()).find("it is full") != std::string::npos;
        }
        CHECK(full);
        REQUIRE(value != nullptr);
        CHECK_THROWS_AS(tx.try_send(std::move(value)), covey::channel_full_error);
        REQUIRE(value != nullptr);
        CHECK(rx.statistics().dropped == 0);
        CHECK(rx.statistics().current_buffer_used == 1);
        CHECK(**rx.try_receive() == 1);
        co_await tx.send_from(value);
        CHECK(value == nullptr);
        CHECK(**rx.try_receive() == 2);
    });
}

TEST_CASE("send_all on a full channel that fails leaves the rest untouched") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(2, covey::overflow::fail);
        std::array<std::unique_ptr<int>, 4> values;
        for (int i = 0; i < 4; ++i) values[static_cast<std::size_t>(i)] = std::make_unique<int>(i);
        bool full = false;
        try {
            co_await tx.send_all(values);
        } catch (const covey::channel_full_error&) {
            full = true;
        }
        CHECK(full);
        CHECK(values[0] == nullptr);
        CHECK(values[1] == nullptr);
        REQUIRE(values[2] != nullptr);
        CHECK(*values[2] == 2);
        REQUIRE(values[3] != nullptr);
        CHECK(rx.statistics().current_buffer_used == 2);
    });
}

TEST_CASE("a policy hands over to a receiver that waits before it drops anything") {
    for (const auto policy :
         {covey::overflow::drop_newest, covey::overflow::drop_oldest, covey::overflow::fail}) {
        for (const int capacity : {0, 1}) {
            support::run_virtual([policy, capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(capacity, policy);
                std::string received;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(note_receive, receiving::receive, std::ref(rx),
                                       std::ref(received));
                    co_await covey::testing::wait_all_tasks_blocked();
                    co_await tx.send(7);
                });
                CHECK(received == "got 7");
                CHECK(rx.statistics().dropped == 0);
            });
        }
    }
}

TEST_CASE("at capacity 0 a policy drops, or fails, when nobody waits") {
    support::run_virtual([]() -> covey::task<> {
        for (const auto policy : {covey::overflow::drop_newest, covey::overflow::drop_oldest}) {
            auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(0, policy);
            auto value = std::make_shared<int>(1);
            const std::weak_ptr<int> watch = value;
            co_await tx.send(std::move(value));
            CHECK(watch.expired());
            CHECK(rx.statistics().dropped == 1);
            CHECK(rx.statistics().peak_buffer_used == 0);
            CHECK_FALSE(rx.try_receive().has_value());
        }
        auto [tx, rx] = covey::open_memory_channel<int>(0, covey::overflow::fail);
        CHECK_THROWS_AS(tx.try_send(1), covey::channel_full_error);
    });
}

TEST_CASE("a policy changes nothing about closed and broken channels (M10, M46)") {
    support::run_virtual([]() -> covey::task<> {
        for (const auto policy :
             {covey::overflow::drop_newest, covey::overflow::drop_oldest, covey::overflow::fail}) {
            auto [tx, rx] = covey::open_memory_channel<int>(1, policy);
            CHECK(tx.try_send(1));
            auto closed = tx.clone();
            closed.close();
            CHECK(support::try_send(closed, 2) == "closed");
            std::string note;
            co_await support::note_send(sending::send, closed, 2, note);
            CHECK(note == "closed");
            rx.close();
            CHECK(support::try_send(tx, 2) == "broken");
            co_await support::note_send(sending::send, tx, 2, note);
            CHECK(note == "broken");
            CHECK(tx.statistics().dropped == 0);  // discarded with the channel, not dropped
        }
    });
}

TEST_CASE("a cancelled send drops nothing (K6, M12)") {
    support::run_virtual([]() -> covey::task<> {
        for (const auto policy : {covey::overflow::drop_newest, covey::overflow::drop_oldest}) {
            auto [tx, rx] = covey::open_memory_channel<int>(1, policy);
            CHECK(tx.try_send(1));
            const bool in_time = co_await covey::move_on_after(0s, tx.send(2));
            CHECK_FALSE(in_time);
            CHECK(rx.statistics().dropped == 0);
            CHECK(rx.try_receive() == 1);
        }
    });
}

TEST_CASE("what is dropped is destroyed at once, and once") {
    support::run_virtual([]() -> covey::task<> {
        std::vector<std::weak_ptr<int>> watches;
        const auto make = [&watches](int number) {
            auto value = std::make_shared<int>(number);
            watches.push_back(value);
            return value;
        };
        auto [tx, rx] =
            covey::open_memory_channel<std::shared_ptr<int>>(2, covey::overflow::drop_oldest);
        for (int i = 0; i < 5; ++i) {
            co_await tx.send(make(i));
            for (int alive = 0; alive <= i; ++alive) {
                INFO(i << " sent, is " << alive << " alive?");
                CHECK(watches[static_cast<std::size_t>(alive)].expired() == (alive < i - 1));
            }
        }
        rx.close();
        for (const auto& watch : watches) CHECK(watch.expired());
    });
}
