// SPDX-License-Identifier: BSL-1.0
// What a channel tells of itself, at one instant.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <string>
#include <utility>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

namespace {

// All eight figures, in the order of the record.
std::string text_of(const covey::channel_statistics& of) {
    std::string text;
    for (const std::size_t each :
         {of.current_buffer_used, of.max_buffer_size, of.open_send_channels,
          of.open_receive_channels, of.tasks_waiting_send, of.tasks_waiting_receive,
          of.peak_buffer_used, of.dropped})
        text += (text.empty() ? "" : " ") + std::to_string(each);
    return text;
}

}  // namespace

TEST_CASE("a fresh channel reports zeros, its capacity and one of each end (M3, CH21)") {
    auto [tx, rx] = covey::open_memory_channel<int>(5);
    CHECK(text_of(tx.statistics()) == "0 5 1 1 0 0 0 0");
    CHECK(text_of(rx.statistics()) == "0 5 1 1 0 0 0 0");
}

TEST_CASE("clones and closing change the open counters, sends the buffer count (M3, CH22)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        const auto check = [&](const char* expected) {
            CHECK(text_of(tx.statistics()) == expected);
            CHECK(text_of(rx.statistics()) == expected);
        };
        auto tx_clone = tx.clone();
        check("0 2 2 1 0 0 0 0");
        auto rx_clone = rx.clone();
        check("0 2 2 2 0 0 0 0");
        co_await tx.send(1);
        check("1 2 2 2 0 0 1 0");
        CHECK(tx_clone.try_send(2));
        check("2 2 2 2 0 0 2 0");
        rx_clone.close();
        check("2 2 2 1 0 0 2 0");
        tx_clone.close();
        check("2 2 1 1 0 0 2 0");
        CHECK(rx.try_receive() == 1);
        check("1 2 1 1 0 0 2 0");
        tx.close();
        check("1 2 0 1 0 0 2 0");
        rx.close();
        check("0 2 0 0 0 0 2 0");
    });
}

TEST_CASE("the peak is what a send leaves in the buffer, and stays (M4)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(4);
        const auto peak = [&] { return rx.statistics().peak_buffer_used; };
        CHECK(tx.try_send(1));
        CHECK(tx.try_send(2));
        CHECK(peak() == 2);
        CHECK(rx.try_receive() == 1);
        CHECK(rx.try_receive() == 2);
        CHECK(peak() == 2);
        CHECK(tx.try_send(3));
        CHECK(peak() == 2);
        for (const int value : {4, 5, 6}) co_await tx.send(value);
        CHECK(peak() == 4);
        const auto all = co_await rx.receive_many(9);
        CHECK(all.size() == 4);
        CHECK(peak() == 4);
    });
}

TEST_CASE("a waiting sender that is let into the buffer does not raise the peak (M4)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        std::string sent;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            CHECK(tx.try_send(1));
            CHECK(tx.try_send(2));
            nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 3, std::ref(sent));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(text_of(rx.statistics()) == "2 2 1 1 1 0 2 0");
            CHECK(rx.try_receive() == 1);
            CHECK(text_of(rx.statistics()) == "2 2 1 1 0 0 2 0");
        });
        CHECK(sent == "sent");
    });
}

TEST_CASE("a rendezvous, and a hand-over, leave the peak at zero (M4, CH29)") {
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 3}) {
            auto [tx, rx] = covey::open_memory_channel<int>(capacity);
            std::string note;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(note));
                co_await covey::testing::wait_all_tasks_blocked();
                co_await tx.send(1);
            });
            CHECK(note == "got 1");
            CHECK(rx.statistics().peak_buffer_used == 0);
        }
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string note;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 1, std::ref(note));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx.try_receive() == 1);
        });
        CHECK(rx.statistics().peak_buffer_used == 0);
    });
}

TEST_CASE("whoever waits is counted from its wait to its end, on either side (M3)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string note;
            const auto waiting = [&] {
                const auto now = rx.statistics();
                return std::pair(now.tasks_waiting_send, now.tasks_waiting_receive);
            };
            using both = std::pair<std::size_t, std::size_t>;
            for (const sending how : support::all_sendings) {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(note_send<int>, how, std::ref(tx), 1, std::ref(note));
                    CHECK(waiting() == both(0, 0));
                    co_await covey::testing::wait_all_tasks_blocked();
                    CHECK(waiting() == both(1, 0));
                    CHECK(rx.try_receive() == 1);
                    CHECK(waiting() == both(0, 0));
                });
            }
            for (const receiving how : support::all_receivings) {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(note_receive, how, std::ref(rx), std::ref(note));
                    co_await covey::testing::wait_all_tasks_blocked();
                    CHECK(waiting() == both(0, 1));
                    CHECK(tx.try_send(1));
                    CHECK(waiting() == both(0, 0));
                });
            }
        });
    }
}

TEST_CASE("a cancelled waiter is not counted from the cancel on, before it has run (M3, M14)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string sends[3], receives[2];
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 1,
                                   std::ref(sends[0]));
                auto cancelled = nursery.spawn(note_send<int>, sending::send, std::ref(tx), 2,
                                               std::ref(sends[1]));
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 3,
                                   std::ref(sends[2]));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx.statistics().tasks_waiting_send == 3);
                cancelled.cancel();
                CHECK(tx.statistics().tasks_waiting_send == 2);
                CHECK(rx.try_receive().has_value());
                CHECK(rx.try_receive().has_value());
                CHECK_FALSE(rx.try_receive().has_value());
                CHECK(tx.statistics().tasks_waiting_send == 0);

                auto receives_too = nursery.spawn(note_receive, receiving::next, std::ref(rx),
                                                  std::ref(receives[0]));
                nursery.start_soon(note_receive, receiving::next, std::ref(rx),
                                   std::ref(receives[1]));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx.statistics().tasks_waiting_receive == 2);
                receives_too.cancel();
                CHECK(tx.statistics().tasks_waiting_receive == 1);
                CHECK(tx.try_send(4));
                CHECK_FALSE(tx.try_send(5));
            });
            CHECK(sends[0] + " " + sends[1] + " " + sends[2] == "sent waits sent");
            CHECK(receives[0] + " " + receives[1] == "waits got 4");
        });
    }
}

TEST_CASE("a wait that a limit ended is not counted any more (M3)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        const bool in_time = co_await covey::move_on_after(1s, tx.send(1));
        CHECK_FALSE(in_time);
        const auto value = co_await covey::move_on_after(1s, rx.receive());
        CHECK_FALSE(value.finished());
        CHECK(text_of(rx.statistics()) == "0 0 1 1 0 0 0 0");
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("statistics may be asked of a closed end (M2)") {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    CHECK(tx.try_send(1));
    tx.close();
    CHECK(text_of(tx.statistics()) == "1 1 0 1 0 0 1 0");
    rx.close();
    CHECK(text_of(rx.statistics()) == "0 1 0 0 0 0 1 0");
}

TEST_CASE("the task tree tells who waits for a channel") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto [tx2, rx2] = covey::open_memory_channel<int>(0);
        std::string note, note2;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon({.name = "one"}, note_receive, receiving::next, std::ref(rx),
                               std::ref(note));
            nursery.start_soon({.name = "two"}, note_send<int>, sending::send, std::ref(tx2), 1,
                               std::ref(note2));
            co_await covey::sleep_for(2s);
            const std::string tree = covey::dump_task_tree();
            CHECK_THAT(tree, Contains("task 'one' waits for receive at channel_ways.hpp:"));
            CHECK_THAT(tree, Contains("task 'two' waits for send at channel_ways.hpp:"));
            nursery.cancel();
        });
    });
}
