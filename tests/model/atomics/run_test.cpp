// SPDX-License-Identifier: BSL-1.0
// Whole runs of two workers under the checker: tasks, cancellation, channels and select as users
// have them. Too many schedules for all of them: so many are drawn by lot, from a fixed seed.

#include <covey/run.hpp>

#include "explored.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <variant>

namespace {

using model::expect;

template <class Program>
void explore_some(std::uint64_t schedules, Program program) {
    const model::report found = model::explore(
        {.random = schedules, .time_is_up = model::options::timeouts::when_nothing_else_can_happen},
        program);
    INFO(found.text());
    if (std::getenv("COVEY_MODEL_FIGURES") != nullptr) WARN(found.text());
    REQUIRE_FALSE(found.failed);
}

TEST_CASE("run: two tasks on two workers hand over a value") {
    explore_some(1000, [] {
        int came = 0;
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            co_await covey::with_nursery([&](covey::nursery& n) -> covey::task<> {
                n.start_soon([&tx]() -> covey::task<> { co_await tx.send(7); });
                came = co_await rx.receive();
            });
        });
        expect(came == 7, "the value has come");
    });
}

// The value is with the receiver, or still in the channel: never lost with a cancelled wait.
TEST_CASE("run: a hand-over against a cancellation") {
    explore_some(1000, [] {
        std::size_t came = 0;
        std::size_t left = 0;
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            co_await covey::with_nursery([&](covey::nursery& n) -> covey::task<> {
                n.start_soon([&tx]() -> covey::task<> { co_await tx.send(7); });
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    n.start_soon([handle = scope.handle()]() mutable -> covey::task<> {
                        handle.cancel();
                        co_return;
                    });
                    static_cast<void>(co_await rx.receive());
                    ++came;
                });
            });
            left = rx.statistics().current_buffer_used;
        });
        expect(came + left == 1, "a value is received once or stays");
    });
}

// Each of the two could serve the other, in two ways, and names them in another order.
TEST_CASE("run: a select against a select") {
    explore_some(1000, [] {
        std::size_t first = 9;
        std::size_t second = 9;
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            auto [left_tx, left_rx] = covey::open_memory_channel<int>(0);
            auto [right_tx, right_rx] = covey::open_memory_channel<int>(0);
            co_await covey::with_nursery([&](covey::nursery& n) -> covey::task<> {
                n.start_soon([&]() -> covey::task<> {
                    const auto which = co_await covey::select(covey::send_to(left_tx, 1),
                                                              covey::receive_from(right_rx));
                    first = which.index();
                });
                const auto which = co_await covey::select(covey::send_to(right_tx, 2),
                                                          covey::receive_from(left_rx));
                second = which.index();
            });
        });
        expect(first + second == 1, "both have chosen the same channel");
    });
}

TEST_CASE("run: two selects for the values of two senders") {
    explore_some(1000, [] {
        int sum = 0;
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            auto [left_tx, left_rx] = covey::open_memory_channel<int>(0);
            auto [right_tx, right_rx] = covey::open_memory_channel<int>(0);
            int one = 0;
            int two = 0;
            const auto take = [&](int& to) -> covey::task<> {
                const auto which = co_await covey::select(covey::receive_from(left_rx),
                                                          covey::receive_from(right_rx));
                to = which.index() == 0 ? *std::get<0>(which) : *std::get<1>(which);
            };
            co_await covey::with_nursery([&](covey::nursery& n) -> covey::task<> {
                n.start_soon([&]() -> covey::task<> { co_await left_tx.send(1); });
                n.start_soon([&]() -> covey::task<> { co_await right_tx.send(2); });
                n.start_soon([&]() -> covey::task<> { return take(one); });
                co_await take(two);
            });
            sum = one + two;
        });
        expect(sum == 3, "each value is received once");
    });
}

// In some of the schedules the second worker steals some of them.
TEST_CASE("run: children that are stolen are joined, and their frames go back") {
    int stolen = 0;
    explore_some(1000, [&stolen] {
        int ended[3] = {};
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& n) -> covey::task<> {
                for (int& each : ended)
                    n.start_soon([&each]() -> covey::task<> {
                        const unsigned begun_on = model::this_thread();
                        co_await covey::checkpoint();
                        each = model::this_thread() == begun_on ? 1 : 2;
                    });
                co_await covey::checkpoint();
            });
        });
        for (const int each : ended) {
            expect(each != 0, "each child ends");
            if (each == 2) ++stolen;
        }
    });
    CHECK(stolen > 0);
}

}  // namespace
