// SPDX-License-Identifier: BSL-1.0
// The blocking ends: for ordinary threads, with a run on the other side or without any.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::note_receive;
using support::receiving;

namespace {

// Until that many wait: threads tell nobody that they have blocked, but the channel knows.
template <class Handle>
void until_waiting(const Handle& handle, std::size_t senders, std::size_t receivers) {
    for (;;) {
        const auto now = handle.statistics();
        if (now.tasks_waiting_send == senders && now.tasks_waiting_receive == receivers) return;
        std::this_thread::yield();
    }
}

std::string blocking_send(const covey::send_channel<int>& tx, int value) {
    try {
        tx.send_blocking(value);
        return "sent";
    } catch (const covey::closed_resource_error&) {
        return "closed";
    } catch (const covey::broken_resource_error&) {
        return "broken";
    }
}

std::string blocking_receive(const covey::receive_channel<int>& rx) {
    try {
        const std::optional<int> value = rx.receive_blocking();
        return value ? "got " + std::to_string(*value) : "end";
    } catch (const covey::closed_resource_error&) {
        return "closed";
    }
}

}  // namespace

TEST_CASE("a thread sends and receives what needs no waiting (M10, M20)") {
    auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(2);
    tx.send_blocking(std::make_unique<int>(1));
    tx.send_blocking(std::make_unique<int>(2));
    CHECK(**rx.receive_blocking() == 1);
    CHECK(**rx.receive_blocking() == 2);
    tx.send_blocking(std::make_unique<int>(3));
    tx.close();
    CHECK_THROWS_AS(tx.send_blocking(std::make_unique<int>(4)), covey::closed_resource_error);
    CHECK(**rx.receive_blocking() == 3);
    CHECK_FALSE(rx.receive_blocking().has_value());
    CHECK_FALSE(rx.receive_blocking().has_value());
    auto sibling = rx.clone();
    rx.close();
    CHECK_THROWS_AS(rx.receive_blocking(), covey::closed_resource_error);
    CHECK_FALSE(sibling.receive_blocking().has_value());
}

TEST_CASE("a thread that sends to nobody is told, and its value destroyed (M45)") {
    auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(1);
    rx.close();
    auto value = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = value;
    CHECK_THROWS_AS(tx.send_blocking(std::move(value)), covey::broken_resource_error);
    CHECK(watch.expired());
}

TEST_CASE("a blocking send obeys the channel's policy") {
    auto [tx, rx] = covey::open_memory_channel<int>(1, covey::overflow::drop_oldest);
    for (int i = 0; i < 3; ++i) tx.send_blocking(i);
    CHECK(rx.receive_blocking() == 2);
    CHECK(rx.statistics().dropped == 2);
    auto [tx2, rx2] = covey::open_memory_channel<int>(0, covey::overflow::fail);
    CHECK_THROWS_AS(tx2.send_blocking(1), covey::channel_full_error);
}

TEST_CASE("on a worker the blocking ends refuse, even where they needn't wait") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        CHECK(tx.try_send(1));
        CHECK_THROWS_AS(tx.send_blocking(2), covey::would_deadlock_error);
        CHECK_THROWS_AS(rx.receive_blocking(), covey::would_deadlock_error);
        CHECK_THROWS_WITH(tx.send_blocking(2), Contains("co_await send() instead"));
        CHECK_THROWS_WITH(rx.receive_blocking(), Contains("co_await next() instead"));
        CHECK(rx.statistics().current_buffer_used == 1);
        tx.close();
        CHECK_THROWS_AS(tx.send_blocking(2), covey::would_deadlock_error);
        // On a thread of to_thread they may.
        const auto value = co_await covey::to_thread([&] { return rx.receive_blocking(); });
        CHECK(value == 1);
        const auto end = co_await covey::to_thread([&] { return rx.receive_blocking(); });
        CHECK_FALSE(end.has_value());
    });
}

TEST_CASE("two threads meet without any run, blocking_mt (NB45, M30)") {
    for (const int capacity : {0, 1, 3}) {
        {
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
            std::thread producer([&] {
                for (int i = 0; i < 500; ++i) tx.send_blocking(std::make_unique<int>(i));
                tx.close();
            });
            int expected = 0;
            bool in_order = true;
            while (auto value = rx.receive_blocking()) in_order = in_order && **value == expected++;
            producer.join();
            CHECK(in_order);
            CHECK(expected == 500);
        }
        CHECK(support::left_behind() == "");
    }
}

TEST_CASE("threads that block are served first come, first served, blocking_mt (M30, M33)") {
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] { tx.send_blocking(i); });
            until_waiting(rx, static_cast<std::size_t>(i) + 1, 0);
        }
        for (int i = 0; i < 4; ++i) CHECK(rx.receive_blocking() == i);
        for (auto& each : threads) each.join();
    }
    {
        std::string notes[4];
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] { notes[i] = blocking_receive(rx); });
            until_waiting(rx, 0, i + 1);
        }
        CHECK(covey::testing::leaks().waiters == 4);
        for (int i = 0; i < 4; ++i) tx.send_blocking(i);
        for (auto& each : threads) each.join();
        for (int i = 0; i < 4; ++i) CHECK(notes[i] == "got " + std::to_string(i));
    }
    CHECK(rx.statistics().tasks_waiting_receive == 0);
    CHECK(covey::testing::leaks().waiters == 0);
}

TEST_CASE("a thread that blocks is told when an end closes, blocking_mt (M42-M45, NB38)") {
    const auto told = [](bool sends, auto happen) {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string note;
        std::thread blocked([&] { note = sends ? blocking_send(tx, 1) : blocking_receive(rx); });
        until_waiting(rx, sends ? 1 : 0, sends ? 0 : 1);
        happen(tx, rx);
        blocked.join();
        return note;
    };
    CHECK(told(true, [](auto& tx, auto&) { tx.close(); }) == "closed");
    CHECK(told(true, [](auto&, auto& rx) { rx.close(); }) == "broken");
    CHECK(told(false, [](auto& tx, auto&) { tx.close(); }) == "end");
    CHECK(told(false, [](auto&, auto& rx) { rx.close(); }) == "closed");
    CHECK(told(true, [](auto&, auto& rx) { CHECK(rx.try_receive() == 1); }) == "sent");
    CHECK(told(false, [](auto& tx, auto&) { CHECK(tx.try_send(7)); }) == "got 7");
    CHECK(support::left_behind() == "");
}

TEST_CASE("a thread feeds tasks and reads from them, blocking_mt (NB45)") {
    for (const int capacity : {0, 2}) {
        support::run_virtual([capacity]() -> covey::task<> {
            auto [to_tasks, from_thread] = covey::open_memory_channel<std::string>(capacity);
            auto [to_thread, from_tasks] = covey::open_memory_channel<std::string>(capacity);
            int received = 0;
            bool in_order = true;
            covey::event finished;
            std::thread outside([&] {
                for (int i = 0; i < 200; ++i) {
                    to_tasks.send_blocking(std::string(50, 'q') + std::to_string(i));
                    const auto answer = from_tasks.receive_blocking();
                    in_order = in_order && answer == std::string(50, 'q') + std::to_string(i) + "!";
                    ++received;
                }
                to_tasks.close();
                const auto end = from_tasks.receive_blocking();
                in_order = in_order && !end;
                finished.set();
            });
            while (auto question = co_await from_thread.next()) {
                std::string answer = *question + "!";
                co_await to_thread.send_from(answer);
            }
            to_thread.close();
            co_await finished.wait();
            outside.join();
            CHECK(received == 200);
            CHECK(in_order);
        });
    }
}

TEST_CASE("tasks and threads wait in one queue, blocking_mt (M30, NB45)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string first, second, third;
        std::optional<std::thread> thread;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(first));
            co_await covey::testing::wait_all_tasks_blocked();
            thread.emplace([&] { second = blocking_receive(rx); });
            until_waiting(rx, 0, 2);
            nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(third));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx.statistics().tasks_waiting_receive == 3);
            for (int i = 0; i < 3; ++i) CHECK(tx.try_send(i));
        });
        thread->join();
        CHECK(first == "got 0");
        CHECK(second == "got 1");
        CHECK(third == "got 2");
    });
}

TEST_CASE("a thread's wait is none of a run's cancellations, blocking_mt (M14)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string note;
        std::thread thread([&] { note = blocking_send(tx, 3); });
        until_waiting(rx, 1, 0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.cancel();
            co_await covey::sleep_forever();
        });
        CHECK(rx.statistics().tasks_waiting_send == 1);
        const int value = co_await rx.receive();
        CHECK(value == 3);
        thread.join();
        CHECK(note == "sent");
    });
}

TEST_CASE("one channel between two runs on two threads, cancellable, blocking_mt (NB45, R1)") {
    for (const int capacity : {0, 1, 4}) {
        {
            auto [tx, rx] = covey::open_memory_channel<std::string>(capacity);
            std::vector<std::string> seen;
            bool cut_off = false;
            std::thread other([&] {
                covey::run({.workers = 1}, [&]() -> covey::task<> {
                    for (int i = 0; i < 300; ++i) co_await tx.send(std::to_string(i));
                    tx.close();
                });
            });
            covey::run({.workers = 1}, [&]() -> covey::task<> {
                while (auto value = co_await rx.next()) seen.push_back(*value);
                auto [tx2, rx2] = covey::open_memory_channel<int>(0);
                const auto limited = co_await covey::move_on_after(0s, rx2.receive());
                cut_off = !limited.finished();
            });
            other.join();
            REQUIRE(seen.size() == 300);
            for (std::size_t i = 0; i < 300; ++i) CHECK(seen[i] == std::to_string(i));
            CHECK(cut_off);
        }
        CHECK(support::left_behind() == "");
    }
}

TEST_CASE("a task of one run is cancelled while a thread and another run wait, blocking_mt (M22)") {
    for (int round = 0; round < 20; ++round) {
        {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string by_thread;
            int by_other_run = -1;
            std::thread thread([&] { by_thread = blocking_receive(rx); });
            until_waiting(rx, 0, 1);
            std::thread other([&] {
                covey::run({.workers = 1},
                           [&]() -> covey::task<> { by_other_run = co_await rx.receive(); });
            });
            until_waiting(rx, 0, 2);
            covey::run({.workers = 1}, [&]() -> covey::task<> {
                const auto receive = [&](covey::cancel_scope& scope) -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> { co_await rx.receive(); });
                        while (rx.statistics().tasks_waiting_receive != 3)
                            co_await covey::checkpoint();
                        scope.cancel();
                    });
                };
                co_await covey::with_cancel_scope(receive);
            });
            CHECK(rx.statistics().tasks_waiting_receive == 2);
            CHECK(tx.try_send(1));
            CHECK(tx.try_send(2));
            CHECK_FALSE(tx.try_send(3));
            thread.join();
            other.join();
            CHECK(by_thread == "got 1");
            CHECK(by_other_run == 2);
        }
        CHECK(support::left_behind() == "");
    }
}

TEST_CASE("many threads on both sides move every value once, blocking_mt (M30, NB45)") {
    for (const int capacity : {0, 1, 3}) {
        {
            constexpr int senders = 3, receivers = 3, each = 300;
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(capacity);
            std::vector<std::vector<int>> seen(receivers);
            std::vector<std::thread> threads;
            for (int i = 0; i < senders; ++i) {
                threads.emplace_back([mine = tx.clone(), i] {
                    for (int sent = 0; sent < each; ++sent)
                        mine.send_blocking(std::make_unique<int>(i * each + sent));
                });
            }
            for (auto& mine : seen) {
                threads.emplace_back([&mine, from = rx.clone()] {
                    while (auto value = from.receive_blocking()) mine.push_back(**value);
                });
            }
            tx.close();
            for (auto& thread : threads) thread.join();
            threads.clear();
            std::vector<int> all;
            bool each_in_order = true;
            for (const auto& mine : seen) {
                std::vector<int> last(senders, -1);
                for (const int value : mine) {
                    int& before = last[static_cast<std::size_t>(value / each)];
                    each_in_order = each_in_order && before < value;
                    before = value;
                }
                all.insert(all.end(), mine.begin(), mine.end());
            }
            CHECK(each_in_order);
            std::sort(all.begin(), all.end());
            REQUIRE(all.size() == senders * each);
            for (std::size_t i = 0; i < all.size(); ++i)
                if (all[i] != static_cast<int>(i)) FAIL("value " << i << " is not there once");
            const auto end = rx.statistics();
            CHECK(end.current_buffer_used == 0);
            CHECK(end.open_send_channels == 0);
            CHECK(end.open_receive_channels == 1);
            CHECK(end.tasks_waiting_send + end.tasks_waiting_receive == 0);
        }
        CHECK(support::left_behind() == "");
    }
}
