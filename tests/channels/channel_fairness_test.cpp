// SPDX-License-Identifier: BSL-1.0
// Order: first come, first served on both sides, and nobody barges in.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

TEST_CASE("five consumers of one end: each value once, in rotation when all waited (CH11, M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            constexpr int consumers = 5, rounds = 4;
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            std::vector<int> order;  // who got the values 0, 1, 2, ...
            std::vector<int> values;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < consumers; ++i) {
                    nursery.start_soon([&, i]() -> covey::task<> {
                        while (auto value = co_await rx.next()) {
                            order.push_back(i);
                            values.push_back(*value);
                        }
                    });
                }
                co_await covey::testing::wait_all_tasks_blocked();
                for (int i = 0; i < consumers * rounds; ++i) {
                    co_await tx.send(i);
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                tx.close();
            });
            REQUIRE(values.size() == consumers * rounds);
            for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<int>(i));
            // The order of the first round is the one for ever.
            for (std::size_t i = consumers; i < order.size(); ++i)
                CHECK(order[i] == order[i - consumers]);
        });
    }
}

TEST_CASE("five producers of one end take turns in rotation (M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 3}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                constexpr std::size_t producers = 5, rounds = 4;
                auto [tx, rx] = covey::open_memory_channel<std::size_t>(capacity);
                std::vector<std::size_t> order;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (int filled = 0; filled < capacity; ++filled) CHECK(tx.try_send(99U));
                    for (std::size_t i = 0; i < producers; ++i) {
                        nursery.start_soon([&tx, i]() -> covey::task<> {
                            for (std::size_t sent = 0; sent < rounds; ++sent) co_await tx.send(i);
                        });
                    }
                    co_await covey::testing::wait_all_tasks_blocked();
                    for (std::size_t i = 0; i < producers * rounds + std::size_t(capacity); ++i) {
                        const std::size_t from = co_await rx.receive();
                        order.push_back(from);
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                });
                order.erase(order.begin(), order.begin() + capacity);
                REQUIRE(order.size() == producers * rounds);
                for (std::size_t i = producers; i < order.size(); ++i)
                    CHECK(order[i] == order[i - producers]);
            });
        }
    }
}

TEST_CASE("with nobody waiting a task may take back what it has just sent (CH26)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        for (int i = 0; i < 10; ++i) {
            CHECK(tx.try_send(i));
            CHECK(rx.try_receive() == i);
            co_await tx.send(i);
            const int back = co_await rx.receive();
            CHECK(back == i);
        }
    });
}

TEST_CASE("with somebody waiting a task can't take back what it has just sent (CH26, M31)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            std::string waits, mine;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::receive, std::ref(rx), std::ref(waits));
                co_await covey::testing::wait_all_tasks_blocked();
                // The send may yield, but nothing has to run for the value to be taken.
                co_await tx.send(1);
                CHECK(support::try_receive(rx) == "empty");
                co_await tx.send(2);
                co_await note_receive(receiving::receive, rx, mine);
            });
            CHECK(waits == "got 1");
            CHECK(mine == "got 2");
        });
    }
}

TEST_CASE("a value for a receiver that waits can't be taken by one that comes later (M31)") {
    for (const receiving how : support::all_receivings) {
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(4);
            std::string waits;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, how, std::ref(rx), std::ref(waits));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx.try_send(1));
                CHECK(rx.statistics().current_buffer_used == 0);
                CHECK(rx.statistics().tasks_waiting_receive == 0);
                CHECK(support::try_receive(rx) == "empty");  // in the same step
                CHECK(waits == "waits");
            });
            CHECK(waits == "got 1");
        });
    }
}

TEST_CASE("a slot freed for a sender that waits can't be taken by one that comes later (M31)") {
    for (const sending how : support::all_sendings) {
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            std::string waits;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                CHECK(tx.try_send(1));
                nursery.start_soon(note_send<int>, how, std::ref(tx), 2, std::ref(waits));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(support::try_receive(rx) == "got 1");
                CHECK(support::try_send(tx, 3) == "full");  // in the same step
                CHECK(waits == "waits");
                CHECK(rx.statistics().tasks_waiting_send == 0);
                CHECK(support::try_receive(rx) == "got 2");
                CHECK(support::try_send(tx, 3) == "sent");
            });
            CHECK(waits == "sent");
            CHECK(support::try_receive(rx) == "got 3");
        });
    }
}

TEST_CASE("values leave in the order in which they were accepted, across all clones (M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 2, 5}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                auto tx2 = tx.clone();
                auto rx2 = rx.clone();
                std::string notes[12];
                std::vector<std::string> received(12);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (int i = 0; i < 12; ++i) {
                        const auto how = support::all_sendings[static_cast<std::size_t>(i) % 4];
                        nursery.start_soon(note_send<int>, how, std::ref(i % 3 == 0 ? tx2 : tx), i,
                                           std::ref(notes[i]));
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                    CHECK(tx.statistics().tasks_waiting_send ==
                          static_cast<std::size_t>(12 - capacity));
                    for (std::size_t i = 0; i < 12; ++i) {
                        const auto how = support::all_receivings[i % 3];
                        co_await note_receive(how, i % 2 == 0 ? rx : rx2, received[i]);
                    }
                });
                for (std::size_t i = 0; i < 12; ++i)
                    CHECK(received[i] == "got " + std::to_string(i));
                for (const std::string& note : notes) CHECK(note == "sent");
            });
        }
    }
}

TEST_CASE("a cancelled waiter is passed over, its neighbours keep their places (M14, M22, M30)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (std::size_t cancelled = 0; cancelled < 4; ++cancelled) {
            support::run_virtual(seed, [cancelled]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(0);
                std::string sends[4], receives[4];
                std::string got;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    std::vector<covey::join_handle<void>> handles;
                    for (int i = 0; i < 4; ++i) {
                        handles.push_back(nursery.spawn(note_send<int>, sending::send, std::ref(tx),
                                                        i, std::ref(sends[i])));
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                    handles[cancelled].cancel();
                    while (auto value = rx.try_receive()) got += std::to_string(*value);
                });
                std::string expected = "0123";
                expected.erase(cancelled, 1);
                CHECK(got == expected);

                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    std::vector<covey::join_handle<void>> handles;
                    for (std::string& note : receives) {
                        handles.push_back(nursery.spawn(note_receive, receiving::next, std::ref(rx),
                                                        std::ref(note)));
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                    handles[cancelled].cancel();
                    for (int i = 0; i < 3; ++i) CHECK(tx.try_send(i));
                    CHECK_FALSE(tx.try_send(3));
                });
                int next = 0;
                for (std::size_t i = 0; i < 4; ++i)
                    CHECK(receives[i] ==
                          (i == cancelled ? "waits" : "got " + std::to_string(next++)));
            });
        }
    }
}

TEST_CASE("who waits on one side finds nothing on the other, whatever happens (M32)") {
    for (const std::uint64_t seed : support::seeds(40)) {
        for (const int capacity : {0, 1, 2, 3}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                const auto check = [&rx] {
                    const auto now = rx.statistics();
                    if (now.tasks_waiting_receive != 0) {
                        CHECK(now.current_buffer_used == 0);
                        CHECK(now.tasks_waiting_send == 0);
                    }
                    if (now.tasks_waiting_send != 0)
                        CHECK(now.current_buffer_used == now.max_buffer_size);
                    CHECK(now.current_buffer_used <= now.max_buffer_size);
                };
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    for (int i = 0; i < 4; ++i) {
                        nursery.start_soon(
                            [&check](covey::send_channel<int> mine) -> covey::task<> {
                                for (int sent = 0; sent < 10; ++sent) {
                                    co_await mine.send(sent);
                                    check();
                                    if (sent % 4 == 0) co_await covey::checkpoint();
                                    check();
                                }
                            },
                            tx.clone());
                        nursery.start_soon([&]() -> covey::task<> {
                            while (auto value = co_await rx.next()) {
                                check();
                                if (*value % 3 == 0) co_await covey::checkpoint();
                                const auto limited =
                                    co_await covey::move_on_after(0s, rx.receive());
                                CHECK_FALSE(limited.finished());
                                check();
                            }
                        });
                    }
                    tx.close();
                });
            });
        }
    }
}
