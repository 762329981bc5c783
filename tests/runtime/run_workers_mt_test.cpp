// SPDX-License-Identifier: BSL-1.0
//
// What several workers promise each other: no wake-up is lost, work is found, idle costs nothing.

#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/clock.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <support/catch.hpp>
#include <support/race.hpp>
#include <support/usage.hpp>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {

covey::task<> echo(covey::receive_channel<int> in, covey::send_channel<int> out) {
    while (auto number = co_await in.next()) co_await out.send(*number);
}

}  // namespace

// A foreign thread's value reaches a run that may just be going to sleep. In each round the run
// parks and is woken, and so is the thread; COVEY_RACE_FACTOR=50 makes it a million, in the
// optimised build (tests/CMakeLists.txt). If a wake-up is lost, the test never ends.
TEST_CASE("no wake-up from another thread is lost, however idle the run is (T30)", "[scheduler]") {
    const int rounds = static_cast<int>(support::rounds(20'000));
    auto [requests, in] = covey::open_memory_channel<int>(0);
    auto [out, replies] = covey::open_memory_channel<int>(0);
    std::int64_t sum = 0;
    covey::lowlevel::thread host(
        [&sum, rounds, tx = std::move(requests), rx = std::move(replies)]() mutable {
            for (int i = 0; i < rounds; ++i) {
                tx.send_blocking(i);
                sum += rx.receive_blocking().value_or(-1);
            }
            tx.close();
        });
    covey::run({.workers = 2}, echo, std::move(in), std::move(out));
    host.join();
    CHECK(sum == std::int64_t{rounds} * (rounds - 1) / 2);
}

TEST_CASE("work behind a task that doesn't come back is found by another worker", "[scheduler]") {
    covey::run({.workers = 2}, []() -> covey::task<> {
        std::atomic<int> ran{0};
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 10; ++i) nursery.start_soon([&ran] { ran.fetch_add(1); });
            nursery.start_soon([&ran] {
                while (ran.load() < 15) {  // those before and those after it
                }
            });
            for (int i = 0; i < 10; ++i) nursery.start_soon([&ran] { ran.fetch_add(1); });
        });
        CHECK(ran.load() == 20);
    });
}

TEST_CASE("the only task behind one that doesn't come back is found, too", "[scheduler]") {
    covey::run({.workers = 2}, []() -> covey::task<> {
        for (int round = 0; round < 50; ++round) {
            std::atomic<bool> ran{false};
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&ran] { ran.store(true); });
                while (!ran.load()) {
                }
            });
            CHECK(ran.load());
        }
    });
}

// The owner takes its first task while a thief, who believes in a long turn, takes it as well.
TEST_CASE("each task runs once, whoever takes it from the front of a queue", "[scheduler]") {
    const std::size_t rounds = support::rounds(3000);
    std::atomic<std::size_t> ran{0};
    covey::run({.workers = 3}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            support::dice random(7);
            for (std::size_t i = 0; i < rounds; ++i) {
                nursery.start_soon([&ran] { ran.fetch_add(1); });
                const auto until = std::chrono::steady_clock::now() +
                                   std::chrono::microseconds(random.roll(20) == 0 ? 600 : 1);
                while (std::chrono::steady_clock::now() < until) {
                }
                co_await covey::checkpoint();
            }
        });
    });
    CHECK(ran.load() == rounds);
}

TEST_CASE("more tasks than a ring holds, from one worker and for all, each run once",
          "[scheduler]") {
    constexpr int tasks = 20'000;
    std::atomic<int> ran{0};
    covey::run({.workers = 3}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < tasks; ++i)
                nursery.start_soon([&ran]() -> covey::task<> {
                    co_await covey::checkpoint();
                    ran.fetch_add(1);
                });
        });
    });
    CHECK(ran.load() == tasks);
}

TEST_CASE("timers fire while every worker is busy with short turns", "[scheduler]") {
    covey::run({.workers = 2}, []() -> covey::task<> {
        const auto busy = []() -> covey::task<> {
            for (;;) co_await covey::checkpoint();
        };
        const auto start = std::chrono::steady_clock::now();
        co_await covey::move_on_after(20ms, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 8; ++i) nursery.start_soon(busy);
            });
        });
        CHECK(std::chrono::steady_clock::now() - start >= 20ms);
    });
}

// Everybody sleeps, nobody until a time that is near; then an ordinary thread wakes a task. What
// that one leaves behind is found by another worker, though nobody looked when it began.
template <class Left>
void check_found_behind_woken(unsigned workers, Left left_behind) {
    constexpr int rounds = 20;
    auto [wake, woken] = covey::open_memory_channel<int>(0);
    std::thread foreign([tx = std::move(wake)]() mutable {
        for (int i = 0; i < rounds; ++i) {
            std::this_thread::sleep_for(3ms);  // the sentinel goes to sleep as well
            tx.send_blocking(i);
        }
        tx.close();
    });
    int found = 0;
    covey::run({.workers = workers}, [&, rx = std::move(woken)]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1h); });
            while (co_await rx.next()) {
                co_await left_behind();
                ++found;
            }
            nursery.cancel();
        });
    });
    foreign.join();
    CHECK(found == rounds);
}

covey::task<> spin_until_child_has_run() {
    std::atomic<bool> ran{false};
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon([&ran] { ran.store(true); });
        while (!ran.load()) {
        }
    });
}

// Each keeps its worker until the last one has been woken.
covey::task<> sleep_and_spin(int sleepers) {
    std::atomic<int> woken{0};
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (int i = 1; i <= sleepers; ++i)
            nursery.start_soon([&woken, i, sleepers]() -> covey::task<> {
                co_await covey::sleep_for(i * 2ms);
                woken.fetch_add(1);
                while (woken.load() < sleepers) {
                }
            });
    });
}

TEST_CASE("what a task leaves behind that an ordinary thread has woken is found", "[scheduler]") {
    for (const unsigned workers : {2U, 3U})
        check_found_behind_woken(workers, spin_until_child_has_run);
}

TEST_CASE("times are kept though each task that wakes keeps its worker", "[scheduler]") {
    for (const int workers : {2, 3})
        check_found_behind_woken(static_cast<unsigned>(workers),
                                 [workers] { return sleep_and_spin(workers); });
}

// Two that have nothing to do look every 500 us, and don't wake each other meanwhile.
TEST_CASE("to watch a task that doesn't come back costs little", "[scheduler]") {
    static constexpr auto length = 300ms;
    constexpr auto limit = support::is_sanitized ? length * 2 : length * 5 / 4;
    const auto before = support::cpu_time();
    covey::run({.workers = 3}, []() -> covey::task<> {
        const auto until = std::chrono::steady_clock::now() + length;
        while (std::chrono::steady_clock::now() < until) {
        }
        co_return;
    });
    CHECK(support::cpu_time() - before < limit);
}

// Tasks that wait for a channel and for a time that is far off, and then a thread of somebody else.
TEST_CASE("3 s of idleness cost at most 1 ms of CPU time", "[scheduler]") {
    constexpr auto limit = support::is_sanitized ? 50ms : 1ms;  // its own threads are at work
    auto [wake, idle] = covey::open_memory_channel<int>(0);
    std::chrono::nanoseconds spent{};
    std::thread foreign([&spent, tx = std::move(wake)] {
        std::this_thread::sleep_for(50ms);  // the sentinel goes to sleep as well
        const auto before = support::cpu_time();
        std::this_thread::sleep_for(3s);
        spent = support::cpu_time() - before;
        tx.send_blocking(1);
    });
    covey::run({.workers = 2}, [rx = std::move(idle)]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 1000; ++i)
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1h); });
            const int value = co_await rx.receive();
            CHECK(value == 1);
            nursery.scope().cancel();
        });
    });
    foreign.join();
    CHECK(spent <= limit);
}
