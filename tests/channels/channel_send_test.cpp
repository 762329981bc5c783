// SPDX-License-Identifier: BSL-1.0
// Sending: what decides, what waits, and whose the value is afterwards.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <memory>
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

// On while it lives: every operation that needn't wait yields.
struct yielding_every_time {
    bool before = covey::testing::set_yield_every_operation(true);
    yielding_every_time() = default;
    yielding_every_time(const yielding_every_time&) = delete;
    yielding_every_time& operator=(const yielding_every_time&) = delete;
    ~yielding_every_time() { covey::testing::set_yield_every_operation(before); }
};

template <class T>
concept tries_copies =
    requires(const covey::send_channel<T>& tx, const T& value) { tx.try_send(value); };

struct point {
    int x, y;
};

struct throws_when_made {
    explicit throws_when_made(int) { throw std::runtime_error("not made"); }
};

}  // namespace

TEST_CASE("capacity 2 takes two values, a third would block (M10, CH02)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        CHECK(tx.try_send(1));
        co_await tx.send(2);
        CHECK_FALSE(tx.try_send(3));
        CHECK(tx.statistics().current_buffer_used == 2);
        CHECK(rx.try_receive() == 1);
        CHECK(tx.try_send(3));
        CHECK(rx.try_receive() == 2);
        CHECK(rx.try_receive() == 3);
        CHECK_FALSE(rx.try_receive().has_value());
    });
}

TEST_CASE("an awaited send that finds room is a full checkpoint (K1, M11, CH03)") {
    for (const sending how : support::all_sendings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2);
            int value = 5;
            co_await covey::testing::expect_checkpoints(support::send_by(how, tx, value));
            CHECK(rx.try_receive() == 5);
            // Handed to a receiver that waits, too.
            std::string received;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(received));
                co_await covey::testing::wait_all_tasks_blocked();
                value = 6;
                co_await covey::testing::expect_checkpoints(support::send_by(how, tx, value));
            });
            CHECK(received == "got 6");
        });
    }
}

TEST_CASE("trying, cloning, looking and closing are no checkpoints (K3, M41)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        co_await covey::testing::expect_no_checkpoints([&] {
            CHECK(tx.try_send(1));
            CHECK_FALSE(tx.try_send(2));
            CHECK(rx.try_receive() == 1);
            CHECK_FALSE(rx.try_receive().has_value());
            auto tx_clone = tx.clone();
            auto rx_clone = rx.clone();
            static_cast<void>(tx.statistics());
            tx_clone.close();
            rx_clone.close();
            tx.close();
            CHECK_THROWS_AS(tx.try_send(3), covey::closed_resource_error);
        });
    });
}

TEST_CASE("with the test switch every send and receive lets others run (K1, CH03, CH04)") {
    const yielding_every_time always;
    support::run_virtual([]() -> covey::task<> {
        support::trace trace;
        auto [tx, rx] = covey::open_memory_channel<int>(8);
        const auto sends = [&]() -> covey::task<> {
            for (const char* note : {"s0", "s1", "s2"}) {
                trace.note(note);
                co_await tx.send(1);
            }
        };
        const auto others = [&]() -> covey::task<> {
            for (const char* note : {"o0", "o1", "o2"}) {
                trace.note(note);
                co_await covey::checkpoint();
            }
        };
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon(sends);
            nursery.start_soon(others);
        });
        // In lockstep: a step's order is free, the steps are not.
        REQUIRE(trace.notes().size() == 6);
        for (std::size_t step = 0; step < 3; ++step) {
            INFO(trace.text());
            CHECK(trace.notes()[2 * step][1] == static_cast<char>('0' + step));
            CHECK(trace.notes()[2 * step + 1][1] == static_cast<char>('0' + step));
        }
    });
}

TEST_CASE("a task that never has to wait does not keep others from running (K1)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        bool other_has_run = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&] { other_has_run = true; });
            int operations = 0;
            while (!other_has_run && operations < 100'000) {
                co_await tx.send(operations);
                const int back = co_await rx.receive();
                CHECK(back == operations);
                ++operations;
            }
            CHECK(operations < 1000);
        });
        CHECK(other_has_run);
    });
}

TEST_CASE("sending asks first whether its own end is closed, then whether anybody is left (M10)") {
    support::run_virtual([]() -> covey::task<> {
        for (const std::size_t capacity : {0U, 2U}) {
            auto [tx, rx] = covey::open_memory_channel<int>(capacity);
            auto other = tx.clone();
            rx.close();
            CHECK(support::try_send(tx, 1) == "broken");
            tx.close();
            CHECK(support::try_send(tx, 1) == "closed");
            CHECK(support::try_send(other, 1) == "broken");
            for (const sending how : support::all_sendings) {
                std::string closed, broken;
                co_await note_send(how, tx, 1, closed);
                CHECK(closed == "closed");
                co_await note_send(how, other, 1, broken);
                CHECK(broken == "broken");
            }
        }
    });
}

TEST_CASE("a value goes straight to the receiver that has waited longest (M10, M30)") {
    support::run_virtual([]() -> covey::task<> {
        for (const std::size_t capacity : {0U, 3U}) {
            auto [tx, rx] = covey::open_memory_channel<int>(capacity);
            std::string first, second;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::receive, std::ref(rx), std::ref(first));
                co_await covey::testing::wait_all_tasks_blocked();
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(second));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx.statistics().tasks_waiting_receive == 2);
                CHECK(tx.try_send(1));
                CHECK(tx.statistics().tasks_waiting_receive == 1);
                CHECK(tx.statistics().current_buffer_used == 0);
                CHECK(tx.try_send(2));
                CHECK(tx.statistics().tasks_waiting_receive == 0);
                CHECK(tx.statistics().peak_buffer_used == 0);
                CHECK(tx.try_send(3) == (capacity != 0));
            });
            CHECK(first == "got 1");
            CHECK(second == "got 2");
        }
    });
}

TEST_CASE("a send that finds no room waits, first come, first served (M11, M30)") {
    for (const sending how : support::all_sendings) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            std::string notes[3];
            CHECK(tx.try_send(0));
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < 3; ++i) {
                    nursery.start_soon(note_send<int>, how, std::ref(tx), i + 1,
                                       std::ref(notes[i]));
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                CHECK(notes[0] + notes[1] + notes[2] == "waitswaitswaits");
                CHECK(tx.statistics().tasks_waiting_send == 3);
                CHECK(support::try_receive(rx) == "got 0");
                CHECK(tx.statistics().tasks_waiting_send == 2);
                CHECK(tx.statistics().current_buffer_used == 1);
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(notes[0] + notes[1] + notes[2] == "sentwaitswaits");
                for (const char* expected : {"got 1", "got 2", "got 3", "empty"})
                    CHECK(support::try_receive(rx) == expected);
            });
            CHECK(notes[1] + notes[2] == "sentsent");
        });
    }
}

TEST_CASE("capacity 0 passes a value only when both sides are there (CH29, M10, M20)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            CHECK_FALSE(tx.try_send(1));
            CHECK_FALSE(rx.try_receive().has_value());
            std::string sent, received;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::testing::expect_checkpoints(
                        note_send(sending::send, tx, 1, sent));
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::testing::expect_checkpoints(
                        note_receive(receiving::receive, rx, received));
                });
            });
            CHECK(sent == "sent");
            CHECK(received == "got 1");
            CHECK_FALSE(tx.try_send(1));
            CHECK_FALSE(rx.try_receive().has_value());
            CHECK(rx.statistics().peak_buffer_used == 0);
        });
    }
}

TEST_CASE("a rendezvous send waits until it is received, and not longer (CH29, M13)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        covey::duration sent_at{}, received_at{};
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await tx.send(9);
                sent_at = support::elapsed();
            });
            co_await covey::sleep_for(3s);
            CHECK(sent_at == 0s);
            const int value = co_await rx.receive();
            received_at = support::elapsed();
            CHECK(value == 9);
            co_await covey::sleep_for(4s);
        });
        CHECK(sent_at == 3s);
        CHECK(received_at == 3s);
    });
}

TEST_CASE("a cancelled send sends nothing even if there is room (K6, M12)") {
    for (const sending how : support::all_sendings) {
        for (const int capacity : {0, 1, 4}) {
            INFO(support::name_of(how) << " capacity " << capacity);
            support::run_virtual([how, capacity]() -> covey::task<> {
                auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
                auto value = std::make_unique<int>(1);
                const auto tries = [&](covey::cancel_scope& scope) -> covey::task<> {
                    scope.cancel();
                    co_await support::send_by(how, tx, value);
                };
                const bool finished = co_await covey::with_cancel_scope(tries);
                CHECK_FALSE(finished);
                CHECK(tx.statistics().current_buffer_used == 0);
                CHECK(tx.statistics().tasks_waiting_send == 0);
                if (support::keeps_unsent(how)) {
                    REQUIRE(value != nullptr);
                    CHECK(*value == 1);
                }
                // An expired limit is a cancellation as well.
                const auto send = [&] { return support::send_by(how, tx, value); };
                const bool in_time = co_await covey::move_on_after(0s, send);
                CHECK_FALSE(in_time);
                CHECK(tx.statistics().current_buffer_used == 0);
            });
        }
    }
}

TEST_CASE("a cancelled send gives nothing to a receiver that waits (K6, M12)") {
    for (const sending how : support::all_sendings) {
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string received;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(received));
                co_await covey::testing::wait_all_tasks_blocked();
                int value = 1;
                const auto tries = [&](covey::cancel_scope& scope) -> covey::task<> {
                    scope.cancel();
                    co_await support::send_by(how, tx, value);
                };
                const bool finished = co_await covey::with_cancel_scope(tries);
                CHECK_FALSE(finished);
                CHECK(received == "waits");
                CHECK(tx.statistics().tasks_waiting_receive == 1);
                CHECK(tx.try_send(2));
            });
            CHECK(received == "got 2");
        });
    }
}

TEST_CASE("send_from moves from its value only when it is accepted (M14)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(1);
        auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
        co_await tx.send_from(first);
        CHECK(first == nullptr);

        const auto send_second = [&]() -> covey::task<> { co_await tx.send_from(second); };
        const bool in_time = co_await covey::move_on_after(1s, send_second);
        CHECK_FALSE(in_time);  // full
        REQUIRE(second != nullptr);
        CHECK(*second == 2);

        auto closed = tx.clone();
        closed.close();
        try {
            co_await closed.send_from(second);
            FAIL("sent through a closed end");
        } catch (const covey::closed_resource_error&) {
        }
        REQUIRE(second != nullptr);
        rx.close();
        try {
            co_await tx.send_from(second);
            FAIL("sent to nobody");
        } catch (const covey::broken_resource_error&) {
        }
        REQUIRE(second != nullptr);
        CHECK(*second == 2);
    });
}

TEST_CASE("a waiting send_from moves from its value when a receiver takes it (M13)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(0);
        auto value = std::make_unique<int>(3);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> { co_await tx.send_from(value); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(value != nullptr);
            const auto taken = rx.try_receive();
            REQUIRE(taken.has_value());
            CHECK(**taken == 3);
            CHECK(value == nullptr);
        });
    });
}

TEST_CASE("emplace makes the value from its arguments (M11)") {
    support::run_virtual([]() -> covey::task<> {
        auto [texts, out] = covey::open_memory_channel<std::string>(2);
        co_await texts.emplace(std::size_t{40}, 'x');
        co_await texts.emplace();
        CHECK(out.try_receive() == std::string(40, 'x'));
        CHECK(out.try_receive() == "");

        auto [points, points_out] = covey::open_memory_channel<point>(1);
        co_await points.emplace(3, 4);
        const auto received = points_out.try_receive();
        REQUIRE(received.has_value());
        CHECK(received->x == 3);
        CHECK(received->y == 4);

        auto [owners, owners_out] = covey::open_memory_channel<std::unique_ptr<int>>(1);
        co_await owners.emplace(new int(7));
        const auto owner = owners_out.try_receive();
        REQUIRE(owner.has_value());
        CHECK(**owner == 7);
    });
}

TEST_CASE("a value that can't be made sends nothing (M11)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<throws_when_made>(2);
        std::string error;
        try {
            co_await tx.emplace(1);
        } catch (const std::runtime_error& thrown) {
            error = thrown.what();
        }
        CHECK(error == "not made");
        CHECK(tx.statistics().current_buffer_used == 0);
        CHECK(tx.statistics().open_send_channels == 1);
    });
}

TEST_CASE("try_send leaves its value alone unless it sends (M10)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(1);
        auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
        CHECK(tx.try_send(std::move(first)));
        CHECK(first == nullptr);
        CHECK_FALSE(tx.try_send(std::move(second)));
        REQUIRE(second != nullptr);
        auto closed = tx.clone();
        closed.close();
        CHECK_THROWS_AS(closed.try_send(std::move(second)), covey::closed_resource_error);
        REQUIRE(second != nullptr);
        rx.close();
        CHECK_THROWS_AS(tx.try_send(std::move(second)), covey::broken_resource_error);
        REQUIRE(second != nullptr);
        CHECK(*second == 2);
        co_return;
    });
}

TEST_CASE("try_send of an lvalue copies, and only where there is a copy (M10)") {
    auto [tx, rx] = covey::open_memory_channel<std::string>(1);
    const std::string text = "a text that is too long for the small buffer of a string";
    CHECK(tx.try_send(text));
    CHECK(text.size() == 56);
    CHECK(rx.try_receive() == text);
    static_assert(tries_copies<std::string> && !tries_copies<std::unique_ptr<int>>);
}

TEST_CASE("a value that can't be delivered is destroyed (M42, M45)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(0);
        auto value = std::make_shared<int>(1);
        const std::weak_ptr<int> watch = value;
        auto limited = co_await covey::move_on_after(1s, tx.send(std::move(value)));
        CHECK_FALSE(limited);
        CHECK(watch.expired());

        value = std::make_shared<int>(2);
        const std::weak_ptr<int> watch_broken = value;
        rx.close();
        try {
            co_await tx.send(std::move(value));
            FAIL("sent to nobody");
        } catch (const covey::broken_resource_error&) {
            CHECK(watch_broken.expired());
        }
    });
}
