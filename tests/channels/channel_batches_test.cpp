// SPDX-License-Identifier: BSL-1.0
// send_all and receive_many: many values in one operation.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <limits>
#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

namespace {

std::vector<std::unique_ptr<int>> owners(int count) {
    std::vector<std::unique_ptr<int>> result;
    for (int i = 0; i < count; ++i) result.push_back(std::make_unique<int>(i));
    return result;
}

// "xx23": the first two are moved from.
std::string state_of(const std::vector<std::unique_ptr<int>>& values) {
    std::string text;
    for (const auto& value : values) text += value == nullptr ? "x" : std::to_string(*value);
    return text;
}

}  // namespace

TEST_CASE("send_all sends a range in order and says how many (M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 3, 10}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
                auto values = owners(7);
                std::size_t sent = 0;
                std::string received;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        sent = co_await tx.send_all(values);
                        tx.close();
                    });
                    while (auto value = co_await rx.next()) received += std::to_string(**value);
                });
                CHECK(sent == 7);
                CHECK(received == "0123456");
                CHECK(state_of(values) == "xxxxxxx");
            });
        }
    }
}

TEST_CASE("send_all takes any range of lvalues") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(20);
        std::vector<int> vector{1, 2, 3};
        std::list<int> list{4, 5};
        int array[] = {6, 7};
        std::span<int> span(vector);
        auto odd = vector | std::views::filter([](int value) { return value % 2 != 0; });
        std::size_t sent = co_await tx.send_all(vector);
        CHECK(sent == 3);
        sent = co_await tx.send_all(list);
        CHECK(sent == 2);
        sent = co_await tx.send_all(array);
        CHECK(sent == 2);
        sent = co_await tx.send_all(span);
        CHECK(sent == 3);
        sent = co_await tx.send_all(odd);
        CHECK(sent == 2);
        const auto all = co_await rx.receive_many(100);
        CHECK(all == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 1, 3});
    });
}

TEST_CASE("send_all of an empty range is a checkpoint that sends nothing (K1)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::vector<int> nothing;
        std::size_t sent = 99;
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { sent = co_await tx.send_all(nothing); });
        CHECK(sent == 0);
        const auto limited = co_await covey::move_on_after(0s, tx.send_all(nothing));
        CHECK_FALSE(limited.finished());
    });
}

TEST_CASE("a cancelled send_all keeps what was accepted, the rest is untouched (K6, M14)") {
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 1, 2, 3, 8}) {
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
            auto values = owners(4);
            const auto limited = co_await covey::move_on_after(1s, tx.send_all(values));
            CHECK(limited.finished() == (capacity >= 4));
            const std::array expected{"0123", "x123", "xx23", "xxx3", "xxxx"};
            CHECK(state_of(values) == expected[static_cast<std::size_t>(std::min(capacity, 4))]);
            CHECK(rx.statistics().current_buffer_used ==
                  static_cast<std::size_t>(std::min(capacity, 4)));
            CHECK(rx.statistics().tasks_waiting_send == 0);
        }
    });
}

TEST_CASE("a send_all that is cancelled before it starts sends nothing (K6, M12)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(8);
        auto values = owners(3);
        const auto limited = co_await covey::move_on_after(0s, tx.send_all(values));
        CHECK_FALSE(limited.finished());
        CHECK(state_of(values) == "012");
        CHECK(rx.statistics().current_buffer_used == 0);
    });
}

TEST_CASE("a send_all that is cut by its channel leaves the rest untouched (M42, M45)") {
    for (const bool by_receiver : {false, true}) {
        support::run_virtual([by_receiver]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(1);
            auto values = owners(4);
            std::string outcome;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    try {
                        co_await tx.send_all(values);
                    } catch (const covey::closed_resource_error&) {
                        outcome = "closed";
                    } catch (const covey::broken_resource_error&) {
                        outcome = "broken";
                    }
                });
                co_await covey::testing::wait_all_tasks_blocked();
                const auto first = co_await rx.receive();
                CHECK(*first == 0);
                co_await covey::testing::wait_all_tasks_blocked();
                if (by_receiver)
                    rx.close();
                else
                    tx.close();
            });
            CHECK(outcome == (by_receiver ? "broken" : "closed"));
            CHECK(state_of(values) == "xx23");
        });
    }
}

TEST_CASE("receive_many gives what is there, in order, at most max (M30)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(10);
        for (int i = 0; i < 7; ++i) CHECK(tx.try_send(i));
        auto values = co_await rx.receive_many(3);
        CHECK(values == std::vector<int>{0, 1, 2});
        values = co_await rx.receive_many(1);
        CHECK(values == std::vector<int>{3});
        values = co_await rx.receive_many(std::numeric_limits<std::size_t>::max());
        CHECK(values == std::vector<int>{4, 5, 6});
        tx.close();
        values = co_await rx.receive_many(3);
        CHECK(values.empty());
        values = co_await rx.receive_many(1);
        CHECK(values.empty());
    });
}

TEST_CASE("receive_many of none is an invalid argument, at the call") {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    CHECK_THROWS_AS(rx.receive_many(0), std::invalid_argument);
}

TEST_CASE("receive_many is a full checkpoint, with and without a wait (K1)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        CHECK(tx.try_send(1));
        co_await covey::testing::expect_checkpoints(rx.receive_many(2));
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::testing::expect_checkpoints(rx.receive_many(2));
            });
            nursery.start_soon([&]() -> covey::task<> { co_await tx.send(1); });
        });
    });
}

TEST_CASE("receive_many takes from the buffer, then from senders that wait, who are told (M20)") {
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 2}) {
            for (const std::size_t max : {1U, 2U, 3U, 4U, 6U, 9U}) {
                INFO("capacity " << capacity << ", max " << max);
                auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                std::string notes[6];
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (int i = 0; i < 6; ++i) {
                        nursery.start_soon(note_send<int>, sending::send, std::ref(tx), i,
                                           std::ref(notes[i]));
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                    const auto values = co_await rx.receive_many(max);
                    const std::size_t taken = std::min<std::size_t>(max, 6);
                    REQUIRE(values.size() == taken);
                    for (std::size_t i = 0; i < taken; ++i) CHECK(values[i] == static_cast<int>(i));
                    const auto now = rx.statistics();
                    const std::size_t left = 6 - taken;
                    CHECK(now.current_buffer_used ==
                          std::min(left, static_cast<std::size_t>(capacity)));
                    CHECK(now.tasks_waiting_send == left - now.current_buffer_used);
                    co_await covey::testing::wait_all_tasks_blocked();
                    for (std::size_t i = 0; i < 6; ++i)
                        CHECK(notes[i] ==
                              (i < taken + static_cast<std::size_t>(capacity) ? "sent" : "waits"));
                    nursery.cancel();
                });
            }
        }
    });
}

TEST_CASE("a waiting receive_many takes the first value and what came with it (M22)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(8);
            std::vector<int> values;
            covey::duration at{};
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    values = co_await rx.receive_many(3);
                    at = support::elapsed();
                });
                co_await covey::sleep_for(2s);
                for (int i = 0; i < 5; ++i) CHECK(tx.try_send(i));
                co_await covey::sleep_for(2s);
            });
            CHECK(values == std::vector<int>{0, 1, 2});
            CHECK(at == 2s);
            CHECK(rx.statistics().current_buffer_used == 2);
        });
    }
}

TEST_CASE("receive_many takes no value from a receiver that waited before it (M31)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(8);
            std::string first, third;
            std::vector<int> second;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(first));
                co_await covey::testing::wait_all_tasks_blocked();
                nursery.start_soon(
                    [&]() -> covey::task<> { second = co_await rx.receive_many(9); });
                co_await covey::testing::wait_all_tasks_blocked();
                nursery.start_soon(note_receive, receiving::receive, std::ref(rx), std::ref(third));
                co_await covey::testing::wait_all_tasks_blocked();
                for (int i = 0; i < 5; ++i) CHECK(tx.try_send(i));
            });
            CHECK(first == "got 0");
            CHECK(second == std::vector<int>{1, 3, 4});
            CHECK(third == "got 2");
        });
    }
}

TEST_CASE("a waiting receive_many gives nothing when the channel ends (M44)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        std::vector<int> values{9};
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> { values = co_await rx.receive_many(3); });
            co_await covey::testing::wait_all_tasks_blocked();
            tx.close();
        });
        CHECK(values.empty());
    });
}

TEST_CASE("batches move everything, whatever their sizes (M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 7}) {
            for (const std::size_t max : {1U, 4U, 100U}) {
                support::run_virtual(seed, [capacity, max]() -> covey::task<> {
                    auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                    std::vector<int> all;
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            for (int start = 0; start < 100; start += 20) {
                                std::vector<int> batch;
                                for (int i = 0; i < 20; ++i) batch.push_back(start + i);
                                co_await tx.send_all(batch);
                            }
                            tx.close();
                        });
                        for (;;) {
                            const auto values = co_await rx.receive_many(max);
                            if (values.empty()) break;
                            CHECK(values.size() <= max);
                            all.insert(all.end(), values.begin(), values.end());
                        }
                    });
                    REQUIRE(all.size() == 100);
                    for (std::size_t i = 0; i < 100; ++i) CHECK(all[i] == static_cast<int>(i));
                });
            }
        }
    }
}
