// SPDX-License-Identifier: BSL-1.0
// Handles that are moved or destroyed, and operations that outlive them.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::ending_of;
using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

TEST_CASE("a sending operation whose handle is gone before it is awaited is closed (M41, M42)") {
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 1, 4}) {
            auto [first, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
            std::optional tx(std::move(first));
            auto value = std::make_unique<int>(1), other = std::make_unique<int>(2);
            std::array<std::unique_ptr<int>, 1> range{std::make_unique<int>(3)};
            auto send = tx->send(std::make_unique<int>(4));
            auto send_from = tx->send_from(value);
            auto emplace = tx->emplace(new int(5));
            auto send_all = tx->send_all(range);
            tx.reset();
            CHECK(rx.statistics().open_send_channels == 0);
            const std::string sent = co_await ending_of(std::move(send));
            const std::string sent_from = co_await ending_of(std::move(send_from));
            const std::string emplaced = co_await ending_of(std::move(emplace));
            const std::string sent_all = co_await ending_of(std::move(send_all));
            CHECK(sent == "closed");
            CHECK(sent_from == "closed");
            CHECK(emplaced == "closed");
            CHECK(sent_all == "closed");
            CHECK(value != nullptr);
            CHECK(range[0] != nullptr);
            CHECK(rx.statistics().current_buffer_used == 0);
        }
    });
}

TEST_CASE("a receiving operation whose handle is gone before it is awaited is closed (M41, M43)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, first] = covey::open_memory_channel<int>(2);
        CHECK(tx.try_send(1));
        std::optional rx(std::move(first));
        const auto sibling = rx->clone();
        auto receive = rx->receive();
        auto next = rx->next();
        auto many = rx->receive_many(5);
        rx.reset();
        const std::string received = co_await ending_of(std::move(receive));
        const std::string has_next = co_await ending_of(std::move(next));
        const std::string has_many = co_await ending_of(std::move(many));
        CHECK(received == "closed");
        CHECK(has_next == "closed");
        CHECK(has_many == "closed");
        CHECK(sibling.try_receive() == 1);
    });
}

TEST_CASE("an operation keeps its channel, also when both ends are long gone (M41)") {
    support::run_virtual([]() -> covey::task<> {
        auto ends = std::make_unique<
            std::pair<covey::send_channel<std::string>, covey::receive_channel<std::string>>>(
            covey::open_memory_channel<std::string>(1));
        auto send = ends->first.send(std::string(100, 'x'));
        auto next = ends->second.next();
        auto never_awaited = ends->first.emplace(std::size_t{100}, 'y');
        auto all = std::vector<std::string>(3, std::string(100, 'z'));
        auto send_all = ends->first.send_all(all);
        ends.reset();
        CHECK(support::left_behind().find("handle") == std::string::npos);
        const std::string sent = co_await ending_of(std::move(send));
        const std::string received = co_await ending_of(std::move(next));
        const std::string sent_all = co_await ending_of(std::move(send_all));
        CHECK(sent == "closed");
        CHECK(received == "closed");
        CHECK(sent_all == "closed");
        CHECK(all == std::vector<std::string>(3, std::string(100, 'z')));
    });
}

TEST_CASE("an operation that is never awaited does nothing, and keeps no end open (M41)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(2);
        auto value = std::make_shared<int>(1);
        const std::weak_ptr<int> watch = value;
        {
            const auto send = tx.send(std::move(value));
            const auto next = rx.next();
            CHECK_FALSE(watch.expired());
        }
        CHECK(watch.expired());
        CHECK(rx.statistics().current_buffer_used == 0);
        CHECK(rx.statistics().open_send_channels == 1);
        CHECK(rx.statistics().open_receive_channels == 1);
        co_return;
    });
}

TEST_CASE("an operation may be moved until it starts (M11, M21)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(0);
        auto given = std::make_unique<int>(2);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                auto made = tx.send(std::make_unique<int>(1));
                auto moved = std::move(made);
                co_await std::move(moved);
                auto from = tx.send_from(given);
                auto from_moved = std::move(from);
                co_await std::move(from_moved);
                CHECK(given == nullptr);
                auto emplaced = tx.emplace(new int(3));
                auto emplaced_moved = std::move(emplaced);
                co_await std::move(emplaced_moved);
                CHECK(tx.try_send(std::make_unique<int>(4)));
            });
            co_await covey::testing::wait_all_tasks_blocked();
            auto receive = rx.receive();
            auto receive_moved = std::move(receive);
            const auto first = co_await std::move(receive_moved);
            CHECK(*first == 1);
            auto next = rx.next();
            auto next_moved = std::move(next);
            const auto second = co_await std::move(next_moved);
            CHECK(**second == 2);
            auto many = rx.receive_many(1);
            auto many_moved = std::move(many);
            const auto third = co_await std::move(many_moved);
            CHECK(*third.at(0) == 3);
            const auto fourth = co_await rx.receive();
            CHECK(*fourth == 4);
        });
    });
}

TEST_CASE("an operation may be made by one task and awaited by another (M33)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        int received = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            auto operation = rx.receive();
            nursery.start_soon(
                [&received](auto given) -> covey::task<> { received = co_await std::move(given); },
                std::move(operation));
            co_await tx.send(5);
        });
        CHECK(received == 5);
    });
}

TEST_CASE("a handle that was moved from says so, and can be given a channel again (M46)") {
    support::run_virtual([]() -> covey::task<> {
        using Catch::Matchers::Contains;
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        auto tx_moved = std::move(tx);
        auto rx_moved = std::move(rx);
        // NOLINTBEGIN(bugprone-use-after-move)
        CHECK(tx.closed());
        CHECK(rx.closed());
        tx.close();
        rx.close();
        int value = 1;
        std::array<int, 1> values{1};
        CHECK_THROWS_AS(tx.send(1), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.send_from(value), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.emplace(1), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.send_all(values), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.try_send(1), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.clone(), covey::closed_resource_error);
        CHECK_THROWS_AS(tx.statistics(), covey::closed_resource_error);
        CHECK_THROWS_WITH(tx.send(1), Contains("send on an end of a channel that was moved from"));
        CHECK_THROWS_AS(rx.receive(), covey::closed_resource_error);
        CHECK_THROWS_AS(rx.next(), covey::closed_resource_error);
        CHECK_THROWS_AS(rx.receive_many(1), covey::closed_resource_error);
        CHECK_THROWS_AS(rx.try_receive(), covey::closed_resource_error);
        CHECK_THROWS_AS(rx.clone(), covey::closed_resource_error);
        CHECK_THROWS_AS(rx.statistics(), covey::closed_resource_error);
        // NOLINTEND(bugprone-use-after-move)
        CHECK(tx_moved.statistics().open_send_channels == 1);
        CHECK(tx_moved.statistics().open_receive_channels == 1);

        tx = tx_moved.clone();
        rx = rx_moved.clone();
        CHECK(tx.try_send(7));
        CHECK(rx.try_receive() == 7);
        co_return;
    });
}

TEST_CASE("a blocking call through a handle that was moved from says so (M46)") {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    const auto tx_moved = std::move(tx);
    const auto rx_moved = std::move(rx);
    CHECK_THROWS_AS(tx.send_blocking(1), covey::closed_resource_error);
    CHECK_THROWS_AS(rx.receive_blocking(), covey::closed_resource_error);
}

TEST_CASE("assigning to a handle closes what it had, and to itself nothing (M41, M44)") {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    auto [tx2, rx2] = covey::open_memory_channel<int>(1);
    auto& same = tx;
    tx = std::move(same);
    CHECK_FALSE(tx.closed());
    CHECK(tx.try_send(1));
    tx = std::move(tx2);
    CHECK(support::try_receive(rx) == "got 1");
    CHECK(support::try_receive(rx) == "end");
    CHECK(tx.try_send(2));
    CHECK(support::try_receive(rx2) == "got 2");
    rx = std::move(rx2);
    CHECK(tx.try_send(3));
    CHECK(support::try_receive(rx) == "got 3");
    CHECK(rx.statistics().open_receive_channels == 1);
}

TEST_CASE("a handle that moves takes those who wait on it along (M42, M43)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string first, second;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(first));
                co_await covey::testing::wait_all_tasks_blocked();
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(second));
                co_await covey::testing::wait_all_tasks_blocked();
                auto moved = std::move(rx);
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(first == "waits");
                CHECK(tx.try_send(1));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(first == "got 1");
                CHECK(second == "waits");
                moved.close();
            });
            CHECK(second == "closed");
        });
    }
}

TEST_CASE("destroying a handle on which a task waits closes it (M42, M43)") {
    for (const sending how : support::all_sendings) {
        support::run_virtual([how]() -> covey::task<> {
            auto [first, rx] = covey::open_memory_channel<int>(0);
            std::optional tx(std::move(first));
            std::string note;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_send<int>, how, std::cref(*tx), 1, std::ref(note));
                co_await covey::testing::wait_all_tasks_blocked();
                tx.reset();
                CHECK(support::try_receive(rx) == "end");
            });
            CHECK(note == "closed");
        });
    }
}

TEST_CASE("a send_all whose handle goes half-way stops there, the rest untouched (M42)") {
    support::run_virtual([]() -> covey::task<> {
        auto [first, rx] = covey::open_memory_channel<std::unique_ptr<int>>(1);
        std::optional tx(std::move(first));
        std::array<std::unique_ptr<int>, 4> values;
        for (int i = 0; i < 4; ++i) values[static_cast<std::size_t>(i)] = std::make_unique<int>(i);
        std::string outcome;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(
                [&]() -> covey::task<> { outcome = co_await ending_of(tx->send_all(values)); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(**rx.try_receive() == 0);
            co_await covey::testing::wait_all_tasks_blocked();
            tx.reset();
        });
        CHECK(outcome == "closed");
        CHECK(values[0] == nullptr);
        CHECK(values[1] == nullptr);
        CHECK(values[2] != nullptr);
        CHECK(values[3] != nullptr);
        CHECK(**rx.try_receive() == 1);
    });
}

TEST_CASE("a channel may outlive a run and serve the next one") {
    {
        auto [tx, rx] = covey::open_memory_channel<int>(3);
        covey::run({.workers = 1}, [&tx]() -> covey::task<> {
            co_await tx.send(1);
            co_await tx.send(2);
            const bool in_time = co_await covey::move_on_after(0s, tx.send(3));
            CHECK_FALSE(in_time);
        });
        CHECK(rx.statistics().current_buffer_used == 2);
        covey::run({.workers = 1}, [&]() -> covey::task<> {
            const int first = co_await rx.receive();
            CHECK(first == 1);
            tx.close();
            const auto rest = co_await rx.receive_many(9);
            CHECK(rest == std::vector<int>{2});
        });
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("an awaited operation outside a run is a logic error, and sends nothing") {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    auto operation = tx.send(1);
    CHECK_THROWS_AS(operation.await_ready(), std::logic_error);
    CHECK(rx.statistics().current_buffer_used == 0);
}
