// SPDX-License-Identifier: BSL-1.0
// Clones: equal peers, each of which counts as open; and the programs that need them.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

namespace {

covey::task<> produce(covey::send_channel<int> tx, int first, int count) {
    for (int i = 0; i < count; ++i) co_await tx.send(first + i);
}

covey::task<> consume(covey::receive_channel<int> rx, std::vector<int>& seen) {
    while (auto value = co_await rx.next()) seen.push_back(*value);
}

std::vector<int> numbers(int first, int count) {
    std::vector<int> result(static_cast<std::size_t>(count));
    std::iota(result.begin(), result.end(), first);
    return result;
}

std::vector<int> sorted(std::vector<int> values) {
    std::sort(values.begin(), values.end());
    return values;
}

}  // namespace

TEST_CASE("a clone is an equal peer of the end that it was made from (M40)") {
    auto [tx, rx] = covey::open_memory_channel<int>(4);
    auto tx_clone = tx.clone();
    auto rx_clone = rx.clone();
    CHECK(tx.statistics().open_send_channels == 2);
    CHECK(tx.statistics().open_receive_channels == 2);
    CHECK(tx.try_send(1));
    CHECK(tx_clone.try_send(2));
    CHECK(rx_clone.try_receive() == 1);
    CHECK(rx.try_receive() == 2);
    tx.close();
    CHECK_FALSE(tx_clone.closed());
    auto grandchild = tx_clone.clone();
    tx_clone.close();
    CHECK(grandchild.try_send(3));
    rx.close();
    CHECK(rx_clone.try_receive() == 3);
    grandchild.close();
    CHECK(support::try_receive(rx_clone) == "end");
}

TEST_CASE("three receive clones: closing the third breaks the channel (M40, M45, CH17)") {
    auto [tx, first] = covey::open_memory_channel<int>(5);
    auto second = first.clone();
    CHECK(tx.try_send(10));
    CHECK(tx.try_send(20));
    CHECK(second.try_receive() == 10);
    CHECK(tx.statistics().open_receive_channels == 2);
    {
        auto third = first.clone();
        CHECK(tx.statistics().open_receive_channels == 3);
        CHECK(third.try_receive() == 20);
    }  // its block ends
    CHECK(tx.statistics().open_receive_channels == 2);
    first.close();
    CHECK_THROWS_AS(first.clone(), covey::closed_resource_error);
    CHECK(tx.try_send(30));
    second.close();
    CHECK_THROWS_AS(second.clone(), covey::closed_resource_error);
    CHECK_THROWS_AS(tx.try_send(40), covey::broken_resource_error);
    CHECK(tx.statistics().current_buffer_used == 0);
}

TEST_CASE("ten producers with clones: the loop ends after exactly their thirty values (CH10)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 4}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                std::vector<int> seen;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (int i = 0; i < 10; ++i) nursery.start_soon(produce, tx.clone(), 3 * i, 3);
                    tx.close();
                    while (auto value = co_await rx.next()) seen.push_back(*value);
                });
                CHECK(sorted(seen) == numbers(0, 30));
                // Each producer's own values are in order.
                for (int i = 0; i < 10; ++i) {
                    std::vector<int> own;
                    std::copy_if(seen.begin(), seen.end(), std::back_inserter(own),
                                 [i](int value) { return value / 3 == i; });
                    CHECK(own == numbers(3 * i, 3));
                }
            });
        }
    }
}

TEST_CASE("one producer, one consumer (CX03)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::vector<int> seen;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(produce, std::move(tx), 0, 10);
                nursery.start_soon(consume, std::move(rx), std::ref(seen));
            });
            CHECK(seen == numbers(0, 10));
        });
    }
}

TEST_CASE("two consumers share the values by competing for them (CX03)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::vector<int> first, second;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(produce, std::move(tx), 0, 10);
                nursery.start_soon(consume, rx.clone(), std::ref(first));
                nursery.start_soon(consume, std::move(rx), std::ref(second));
            });
            CHECK(first.size() + second.size() == 10);
            CHECK(std::is_sorted(first.begin(), first.end()));
            CHECK(std::is_sorted(second.begin(), second.end()));
            CHECK_FALSE(first.empty());
            CHECK_FALSE(second.empty());
            std::vector<int> both = first;
            both.insert(both.end(), second.begin(), second.end());
            CHECK(sorted(both) == numbers(0, 10));
        });
    }
}

TEST_CASE("two producers that share one end: the first to finish fails the other (M48, CX03)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::vector<int> seen;
            bool closed = false;
            const auto use_and_close = [&](int first, int count) -> covey::task<> {
                for (int i = 0; i < count; ++i) co_await tx.send(first + i);
                tx.close();
            };
            try {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(use_and_close, 0, 3);
                    nursery.start_soon(use_and_close, 100, 30);
                    while (auto value = co_await rx.next()) seen.push_back(*value);
                });
            } catch (const covey::exception_group& group) {
                CHECK(group.exceptions().size() == 1);
                closed = group.find<covey::closed_resource_error>() != nullptr;
            }
            CHECK(closed);
            // What had been accepted was received, in each producer's order.
            std::vector<int> of_first, of_second;
            for (const int value : seen) (value < 100 ? of_first : of_second).push_back(value);
            CHECK(of_first == numbers(0, 3));
            CHECK(of_second == numbers(100, static_cast<int>(of_second.size())));
            CHECK(of_second.size() < 30);
        });
    }
}

TEST_CASE("two producers with a clone each end cleanly (M40, CX03)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::vector<int> seen;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(produce, tx.clone(), 0, 3);
                nursery.start_soon(produce, std::move(tx), 100, 30);
                nursery.start_soon(consume, std::move(rx), std::ref(seen));
            });
            std::vector<int> expected = numbers(0, 3);
            const std::vector<int> second = numbers(100, 30);
            expected.insert(expected.end(), second.begin(), second.end());
            CHECK(sorted(seen) == expected);
        });
    }
}

TEST_CASE("fan out over receive clones: every value once, and all consumers end (CX03)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2);
            std::vector<std::vector<int>> seen(4);
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(produce, std::move(tx), 0, 60);
                for (std::vector<int>& each : seen)
                    nursery.start_soon(consume, rx.clone(), std::ref(each));
                rx.close();
            });
            std::vector<int> all;
            for (const std::vector<int>& each : seen) {
                CHECK(std::is_sorted(each.begin(), each.end()));
                all.insert(all.end(), each.begin(), each.end());
            }
            CHECK(sorted(all) == numbers(0, 60));
        });
    }
}

TEST_CASE("a consumer that leaves takes only itself away (M43, M45)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::vector<int> stays;
        int leaves = -1;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(
                [&leaves](covey::receive_channel<int> mine) -> covey::task<> {
                    leaves = co_await mine.receive();
                },
                rx.clone());
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(consume, std::move(rx), std::ref(stays));
            for (int i = 0; i < 5; ++i) co_await tx.send(i);
            CHECK(tx.statistics().open_receive_channels == 1);
            tx.close();
        });
        CHECK(leaves == 0);
        CHECK(stays == numbers(1, 4));
    });
}

TEST_CASE("a chain of relays ends from its source downwards (M44)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            const auto relay = [](covey::receive_channel<int> from,
                                  covey::send_channel<int> to) -> covey::task<> {
                while (auto value = co_await from.next()) co_await to.send(*value + 1);
            };
            std::vector<int> seen;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                auto [tx, rx] = covey::open_memory_channel<int>(0);
                nursery.start_soon(produce, std::move(tx), 0, 10);
                for (int i = 0; i < 20; ++i) {
                    auto [next_tx, next_rx] = covey::open_memory_channel<int>(i % 3);
                    nursery.start_soon(relay, std::move(rx), std::move(next_tx));
                    rx = std::move(next_rx);
                }
                nursery.start_soon(consume, std::move(rx), std::ref(seen));
            });
            CHECK(seen == numbers(20, 10));
        });
    }
}

TEST_CASE("a chain of relays breaks from its sink upwards (M45)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            int broken = 0;
            const auto relay = [&broken](covey::receive_channel<int> from,
                                         covey::send_channel<int> to) -> covey::task<> {
                try {
                    while (auto value = co_await from.next()) co_await to.send(*value);
                } catch (const covey::broken_resource_error&) {
                    ++broken;
                }
            };
            std::string source = "waits";
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(0);
                nursery.start_soon(
                    [&source](covey::send_channel<int> mine) -> covey::task<> {
                        try {
                            for (int i = 0;; ++i) co_await mine.send(i);
                        } catch (const covey::broken_resource_error&) {
                            source = "broken";
                        }
                    },
                    std::move(tx));
                for (int i = 0; i < 5; ++i) {
                    auto [next_tx, next_rx] = covey::open_memory_channel<int>(0);
                    nursery.start_soon(relay, std::move(rx), std::move(next_tx));
                    rx = std::move(next_rx);
                }
                for (int i = 0; i < 3; ++i) {
                    const int value = co_await rx.receive();
                    CHECK(value == i);
                }
                rx.close();
            });
            CHECK(broken == 5);
            CHECK(source == "broken");
        });
    }
}

TEST_CASE("a producer task in a nursery does what a generator would, nested too (CH30, CH37)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            std::string seen;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto start = [&nursery](int first, int count) {
                    auto [tx, rx] = covey::open_memory_channel<int>(0);
                    nursery.start_soon(produce, std::move(tx), first, count);
                    return std::move(rx);
                };
                const auto outer = start(0, 3);
                while (auto letter = co_await outer.next()) {
                    const auto inner = start(10 * *letter, 2);
                    while (auto value = co_await inner.next())
                        seen += std::to_string(*letter) + ":" + std::to_string(*value) + " ";
                }
                CHECK(support::try_receive(outer) == "end");
            });
            CHECK(seen == "0:0 0:1 1:10 1:11 2:20 2:21 ");
        });
    }
}

TEST_CASE("a producer whose consumer leaves early is stopped by its own channel (M45, CH30)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            int produced = 0;
            bool cleaned_up = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(0);
                nursery.start_soon(
                    [&](covey::send_channel<int> mine) -> covey::task<> {
                        try {
                            for (;; ++produced) co_await mine.send(produced);
                        } catch (const covey::broken_resource_error&) {
                            cleaned_up = true;
                        }
                    },
                    std::move(tx));
                while (auto value = co_await rx.next())
                    if (*value == 4) break;
            });
            CHECK(produced == 5);
            CHECK(cleaned_up);
        });
    }
}
