// SPDX-License-Identifier: BSL-1.0
// Receiving: what decides, what waits, and how it ends.
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

TEST_CASE("an awaited receive of a buffered value is a full checkpoint, in order (K1, M21, CH04)") {
    for (const receiving how : support::all_receivings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(3);
            for (const int value : {1, 2, 3}) CHECK(tx.try_send(value));
            for (const int expected : {1, 2, 3}) {
                std::string received;
                co_await covey::testing::expect_checkpoints(note_receive(how, rx, received));
                CHECK(received == "got " + std::to_string(expected));
            }
        });
    }
}

TEST_CASE("a receive that meets the end of the channel is a full checkpoint (K1, K5)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        tx.close();
        co_await covey::testing::expect_checkpoints([&]() -> covey::task<> {
            const auto value = co_await rx.next();
            CHECK_FALSE(value.has_value());
        });
        co_await covey::testing::expect_checkpoints([&]() -> covey::task<> {
            const auto values = co_await rx.receive_many(3);
            CHECK(values.empty());
        });
    });
}

TEST_CASE("try_receive on an empty open channel would block (M20, CH05)") {
    for (const int capacity : {0, 1, 5}) {
        auto [tx, rx] = covey::open_memory_channel<int>(capacity);
        CHECK(rx.try_receive() == std::nullopt);
        CHECK(rx.statistics().tasks_waiting_receive == 0);
    }
}

TEST_CASE("what was buffered before the sender closed is received, then the channel ends (CH07)") {
    support::run_virtual([]() -> covey::task<> {
        for (const receiving how : support::all_receivings) {
            auto [tx, rx] = covey::open_memory_channel<int>(2);
            CHECK(tx.try_send(1));
            CHECK(tx.try_send(2));
            tx.close();
            CHECK(support::try_receive(rx) == "got 1");
            std::string received;
            co_await note_receive(how, rx, received);
            CHECK(received == "got 2");
            for (int again = 0; again < 2; ++again) {
                CHECK(support::try_receive(rx) == "end");
                co_await note_receive(how, rx, received);
                CHECK(received == "end");
            }
        }
    });
}

TEST_CASE("the end of a channel is an error for receive, and a value for the others (M20, M23)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        tx.close();
        bool ended = false;
        try {
            co_await rx.receive();
        } catch (const covey::end_of_channel&) {
            ended = true;
        }
        CHECK(ended);
        CHECK_THROWS_AS(rx.try_receive(), covey::end_of_channel);
        const auto next = co_await rx.next();
        CHECK_FALSE(next.has_value());
        const auto many = co_await rx.receive_many(10);
        CHECK(many.empty());
    });
}

TEST_CASE("receiving asks first whether its own end is closed (M20, M46)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        auto closed = rx.clone();
        closed.close();
        const auto check_closed = [&]() -> covey::task<> {
            CHECK(support::try_receive(closed) == "closed");
            for (const receiving how : support::all_receivings) {
                std::string received;
                co_await note_receive(how, closed, received);
                CHECK(received == "closed");
            }
        };
        co_await check_closed();  // empty
        CHECK(tx.try_send(1));
        co_await check_closed();  // there is a value
        CHECK(support::try_receive(rx) == "got 1");
        tx.close();
        co_await check_closed();  // ended
        CHECK(support::try_receive(rx) == "end");
    });
}

TEST_CASE("taking a buffered value lets the longest-waiting sender in (M20, M30)") {
    for (const receiving how : support::all_receivings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2);
            std::string notes[2];
            CHECK(tx.try_send(1));
            CHECK(tx.try_send(2));
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < 2; ++i) {
                    nursery.start_soon(note_send<int>, sending::send, std::ref(tx), i + 3,
                                       std::ref(notes[i]));
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                std::string received;
                co_await note_receive(how, rx, received);
                CHECK(received == "got 1");
                const auto after = rx.statistics();
                CHECK(after.current_buffer_used == 2);
                CHECK(after.tasks_waiting_send == 1);
                for (const char* expected : {"got 2", "got 3", "got 4"}) {
                    co_await note_receive(how, rx, received);
                    CHECK(received == expected);
                }
            });
            CHECK(notes[0] + notes[1] == "sentsent");
            CHECK(rx.statistics().current_buffer_used == 0);
        });
    }
}

TEST_CASE("a receive that finds nothing waits, first come, first served (M21, M30)") {
    for (const receiving how : support::all_receivings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            std::string notes[3];
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (std::string& note : notes) {
                    nursery.start_soon(note_receive, how, std::ref(rx), std::ref(note));
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                CHECK(rx.statistics().tasks_waiting_receive == 3);
                co_await tx.send(1);
                CHECK(rx.statistics().tasks_waiting_receive == 2);
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(notes[0] + " " + notes[1] + " " + notes[2] == "got 1 waits waits");
                co_await tx.send(2);
                co_await tx.send(3);
            });
            CHECK(notes[1] + " " + notes[2] == "got 2 got 3");
        });
    }
}

TEST_CASE("a receive in a cancelled scope takes nothing even if there is a value (K6, M21)") {
    for (const receiving how : support::all_receivings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            CHECK(tx.try_send(1));
            std::string received;
            const auto tries = [&](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                co_await note_receive(how, rx, received);
            };
            const bool finished = co_await covey::with_cancel_scope(tries);
            CHECK_FALSE(finished);
            CHECK(received == "waits");
            const auto receive = [&] { return note_receive(how, rx, received); };
            const bool in_time = co_await covey::move_on_after(0s, receive);
            CHECK_FALSE(in_time);
            CHECK(rx.statistics().current_buffer_used == 1);
            CHECK(support::try_receive(rx) == "got 1");
        });
    }
}

TEST_CASE("a cancelled receive takes nothing from a sender that waits (K6, M21)") {
    for (const receiving how : support::all_receivings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string sent, received;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 4, std::ref(sent));
                co_await covey::testing::wait_all_tasks_blocked();
                const auto tries = [&](covey::cancel_scope& scope) -> covey::task<> {
                    scope.cancel();
                    co_await note_receive(how, rx, received);
                };
                const bool finished = co_await covey::with_cancel_scope(tries);
                CHECK_FALSE(finished);
                CHECK(sent == "waits");
                CHECK(rx.statistics().tasks_waiting_send == 1);
                CHECK(support::try_receive(rx) == "got 4");
            });
            CHECK(sent == "sent");
        });
    }
}

TEST_CASE("a loop over next ends at the end of the channel, with every value in order (M23)") {
    for (const std::uint64_t seed : support::seeds()) {
        for (const int capacity : {0, 1, 3}) {
            support::run_virtual(seed, [capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<int>(capacity);
                std::vector<int> seen;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(
                        [](covey::send_channel<int> mine) -> covey::task<> {
                            for (int i = 0; i < 20; ++i) co_await mine.send(i);
                        },
                        std::move(tx));
                    while (auto value = co_await rx.next()) seen.push_back(*value);
                });
                REQUIRE(seen.size() == 20);
                for (int i = 0; i < 20; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
            });
        }
    }
}

TEST_CASE("a loop whose end is closed by another task gets closed_resource_error (M24, M48)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto stays_open = rx.clone();
        int seen = 0;
        bool closed = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                try {
                    while (auto value = co_await rx.next()) ++seen;
                } catch (const covey::closed_resource_error&) {
                    closed = true;
                }
            });
            co_await tx.send(1);
            co_await covey::testing::wait_all_tasks_blocked();
            rx.close();
        });
        CHECK(seen == 1);
        CHECK(closed);
        CHECK_FALSE(tx.try_send(2));
    });
}

TEST_CASE("an unbounded channel takes any number of values and drains, then ends (CH20)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(covey::unbounded);
        constexpr int many = 20'000;
        for (int i = 0; i < many; ++i) REQUIRE(tx.try_send(i));
        co_await tx.send(many);
        CHECK(rx.statistics().current_buffer_used == many + 1);
        CHECK(rx.statistics().peak_buffer_used == many + 1);
        tx.close();
        int expected = 0;
        while (auto value = co_await rx.next()) {
            if (*value != expected) FAIL("got " << *value << " instead of " << expected);
            ++expected;
        }
        CHECK(expected == many + 1);
        CHECK(support::try_receive(rx) == "end");
    });
}

TEST_CASE("several tasks wait on one end at once, on either side (M33)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string notes[8];
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (std::string& note : notes)
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(note));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx.statistics().tasks_waiting_receive == 8);
            tx.close();
        });
        for (const std::string& note : notes) CHECK(note == "end");

        auto [tx2, rx2] = covey::open_memory_channel<int>(0);
        int sum = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 8; ++i)
                nursery.start_soon(note_send<int>, sending::send_from, std::ref(tx2), 1 << i,
                                   std::ref(notes[i]));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx2.statistics().tasks_waiting_send == 8);
            while (auto value = rx2.try_receive()) sum += *value;
        });
        CHECK(sum == 255);
        for (const std::string& note : notes) CHECK(note == "sent");
    });
}
