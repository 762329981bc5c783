// SPDX-License-Identifier: BSL-1.0
#include <covey/join_handle.hpp>

#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

using support::trace;

covey::task<int> give_after(covey::duration length, int value) {
    co_await covey::sleep_for(length);
    co_return value;
}

covey::task<int> fail_after(covey::duration length, std::string text) {
    co_await covey::sleep_for(length);
    throw std::runtime_error(text);
}

// What awaiting the handle throws, as "type: what", or "value n".
template <class T>
covey::task<std::string> outcome_of(const covey::join_handle<T>& handle) {
    try {
        const T value = co_await handle;
        co_return "value " + std::to_string(value);
    } catch (const covey::cancelled_error& error) {
        co_return std::string("cancelled_error: ") + error.what();
    } catch (const std::logic_error& error) {
        co_return std::string("logic_error: ") + error.what();
    }
}

covey::task<std::string> outcome_of_void(const covey::join_handle<void>& handle) {
    try {
        co_await handle;
        co_return "returned";
    } catch (const covey::cancelled_error& error) {
        co_return error.what();
    }
}

}  // namespace

TEST_CASE("a handle gives the value of its child (NB18, CX06)") {
    support::run_virtual([]() -> covey::task<> {
        const int sum =
            co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                const auto one = nursery.spawn(give_after, 1s, 1);
                const auto two = nursery.spawn(give_after, 1s, 2);
                const auto three = nursery.spawn([] { return 3; });
                CHECK_FALSE(one.done());
                const int first = co_await one;
                const int second = co_await two;
                const int third = co_await three;
                CHECK(one.done());
                co_return first + second + third;
            });
        CHECK(sum == 6);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("awaiting a child that has ended gives its value at once, and is a checkpoint (K1)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto ready = nursery.spawn(give_after, 0s, 5);
            const auto other = nursery.spawn(give_after, 0s, 6);
            co_await covey::sleep_for(1s);
            CHECK(ready.done());
            co_await covey::testing::expect_checkpoints([&]() -> covey::task<> {
                const int value = co_await ready;
                CHECK(value == 5);
            });
            // In a cancelled scope it takes nothing.
            const auto limited = co_await covey::with_cancel_scope(
                [&](covey::cancel_scope& scope) -> covey::task<int> {
                    scope.cancel();
                    co_return co_await other;
                });
            CHECK_FALSE(limited.finished());
            const int kept = co_await other;
            CHECK(kept == 6);
        });
    });
}

TEST_CASE("results are there after the nursery has ended (NB19)") {
    support::run_virtual([]() -> covey::task<> {
        std::vector<covey::join_handle<int>> handles;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            handles.push_back(nursery.spawn(give_after, 2s, 20));
            co_await covey::sleep_for(1s);
            handles.push_back(nursery.spawn(give_after, 3s, 30));  // later in the body
        });
        CHECK(support::elapsed() == 4s);
        CHECK(handles[0].done());
        CHECK(handles[1].done());
        const int first = co_await handles[0];
        const int second = co_await handles[1];
        CHECK(first == 20);
        CHECK(second == 30);
        handles.clear();
    });
}

TEST_CASE("a handle outlives the run, and its result goes with it") {
    auto held = std::make_shared<int>(3);
    {
        std::optional<covey::join_handle<std::shared_ptr<int>>> handle;
        covey::run({.workers = 1}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                handle.emplace(nursery.spawn([held] { return held; }));
            });
        });
        CHECK(handle->done());
        handle->cancel();
        CHECK(held.use_count() == 2);
        // In another run it is awaited like any other.
        const int seen = covey::run({.workers = 1}, [&]() -> covey::task<int> {
            const auto value = co_await *handle;
            co_return *value;
        });
        CHECK(seen == 3);
    }
    CHECK(held.use_count() == 1);
    CHECK(support::left_behind() == "");
}

TEST_CASE("a value is given once, a void result as often as asked") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto number = nursery.spawn({.name = "counter"}, give_after, 1s, 7);
            const std::string first = co_await outcome_of(number);
            CHECK(first == "value 7");
            const std::string again = co_await outcome_of(number);
            CHECK_THAT(again, Contains("logic_error") && Contains("'counter'") &&
                                  Contains("was taken already"));

            const auto nothing =
                nursery.spawn([]() -> covey::task<> { co_await covey::sleep_for(1s); });
            co_await nothing;
            co_await nothing;
            CHECK(support::elapsed() == 2s);

            const auto only_moves = nursery.spawn([] { return std::make_unique<int>(8); });
            const auto pointer = co_await only_moves;
            CHECK(*pointer == 8);
        });
    });
}

TEST_CASE("a handle that was moved from says so, and is done") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            auto first = nursery.spawn(give_after, 1s, 1);
            auto second = std::move(first);
            // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
            CHECK(first.done());
            first.cancel();
            const std::string text = co_await outcome_of(first);
            CHECK_THAT(text, Contains("logic_error") && Contains("moved from"));
            // NOLINTEND(bugprone-use-after-move)
            first = std::move(second);
            const int value = co_await first;
            CHECK(value == 1);
        });
    });
}

TEST_CASE("a child's error goes to the nursery, its handle says that there is no value (NB18)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::join_handle<int>> handle;
        std::vector<std::string> errors;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                handle.emplace(nursery.spawn({.name = "reader"}, fail_after, 1s, "disk is full"));
                // Awaited inside, the failure has cancelled the one who waits.
                static_cast<void>(co_await *handle);
                errors.emplace_back("never");
            });
        } catch (const covey::exception_group& group) {
            errors = support::messages_of(group);
        }
        CHECK(errors == std::vector<std::string>{"disk is full"});
        CHECK(handle->done());
        const std::string text = co_await outcome_of(*handle);
        CHECK(text == "cancelled_error: task 'reader' failed: its nursery has the error");
        handle.reset();
    });
}

TEST_CASE("from outside a failed child is a cancelled_error, not its error (NB18)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::join_handle<int>> handle;
        std::string text;
        co_await covey::with_nursery([&](covey::nursery& outside) -> covey::task<> {
            covey::event spawned;
            outside.start_soon([&]() -> covey::task<> {
                co_await spawned.wait();
                text = co_await outcome_of(*handle);
                CHECK(support::elapsed() == 1s);
            });
            const auto result = co_await covey::attempt([&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    handle.emplace(nursery.spawn({.name = "a"}, fail_after, 1s, "boom"));
                    spawned.set();
                });
            });
            CHECK_FALSE(result.has_value());
        });
        CHECK(text == "cancelled_error: task 'a' failed: its nursery has the error");
        handle.reset();
    });
}

TEST_CASE("cancel stops one child only, which does not fail its nursery (N30, NB18)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto child = [&](std::string name) -> covey::task<int> {
                struct at_end {
                    trace& order;
                    std::string name;
                    ~at_end() { order.note(name); }
                } const mark{order, name + " ends"};
                co_await covey::sleep_for(5s);
                co_return 1;
            };
            const auto stopped = nursery.spawn({.name = "one"}, child, "one");
            const auto lives = nursery.spawn({.name = "two"}, child, "two");
            co_await covey::sleep_for(1s);
            stopped.cancel("not needed");
            stopped.cancel("said again");
            const std::string text = co_await outcome_of(stopped);
            CHECK(text == "cancelled_error: task 'one' was cancelled and has no result");
            CHECK(support::elapsed() == 1s);
            CHECK(stopped.done());
            CHECK_FALSE(lives.done());
            CHECK_FALSE(nursery.scope().cancel_called());
            const int value = co_await lives;
            CHECK(value == 1);

            covey::cancel_cause cause;
            try {
                static_cast<void>(co_await stopped);
            } catch (const covey::cancelled_error& error) {
                cause = error.cause();
            }
            CHECK(cause.source == covey::cancel_source::explicit_call);
            CHECK(cause.reason == "not needed");
            CHECK(cause.task_name == "main");
        });
        CHECK(support::elapsed() == 5s);
    });
    CHECK(order.text() == "one ends two ends");
}

TEST_CASE("cancel reaches all that the child has opened, and nothing beside it (N30, C5)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto sleep_and_note = [&](std::string name) -> covey::task<> {
            struct at_end {
                trace& order;
                std::string name;
                ~at_end() { order.note(name); }
            } const mark{order, std::move(name)};
            co_await covey::sleep_for(5s);
        };
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(sleep_and_note, "sibling");
            const auto child = nursery.spawn([&]() -> covey::task<> {
                CHECK(&covey::current_scope() == &nursery.scope());
                const bool in_time = co_await covey::move_on_after(1h, [&]() -> covey::task<> {
                    co_await covey::with_nursery(
                        [&](covey::nursery& own) { own.start_soon(sleep_and_note, "grandchild"); });
                });
                order.note(in_time ? "in time" : "late");  // never: the stop goes on
            });
            co_await covey::sleep_for(1s);
            child.cancel();
            const std::string text = co_await outcome_of_void(child);
            CHECK_THAT(text, Contains("was cancelled"));
            CHECK(support::elapsed() == 1s);
        });
        CHECK(support::elapsed() == 5s);
    });
    CHECK(order.text() == "grandchild sibling");
}

TEST_CASE("a shield inside the child holds its cancellation off, and it is met behind (C12, N30)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto child = nursery.spawn([&]() -> covey::task<> {
                co_await covey::shielded([&]() -> covey::task<> {
                    co_await covey::sleep_for(2s);
                    order.note("shielded");
                    CHECK_FALSE(covey::current_scope().cancel_called());
                });
                CHECK(covey::current_scope().cancel_called());
                const bool in_time =
                    co_await covey::move_on_after(1h, covey::shielded(covey::sleep_for(1s)));
                CHECK(in_time);
                co_await covey::checkpoint();
                order.note("never");
            });
            co_await covey::sleep_for(1s);
            child.cancel();
            const std::string text = co_await outcome_of_void(child);
            CHECK_THAT(text, Contains("was cancelled"));
        });
        CHECK(support::elapsed() == 3s);
    });
    CHECK(order.text() == "shielded");
}

TEST_CASE("a child cancelled before it starts runs to its first checkpoint (N8, C11)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto child = nursery.spawn([&]() -> covey::task<int> {
                order.note("starts");
                co_await covey::checkpoint();
                order.note("never");
                co_return 1;
            });
            child.cancel();
            const std::string text = co_await outcome_of(child);
            CHECK_THAT(text, Contains("was cancelled"));
        });
    });
    CHECK(order.text() == "starts");
}

TEST_CASE("a child that finishes without meeting its cancellation keeps its value (C10)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto child = nursery.spawn([]() -> covey::task<int> {
                co_await covey::shielded(covey::sleep_for(2s));
                co_return 9;
            });
            co_await covey::sleep_for(1s);
            child.cancel();
            const int value = co_await child;
            CHECK(value == 9);
            child.cancel();  // it is over: nothing to do
            CHECK(support::elapsed() == 2s);
        });
    });
}

TEST_CASE("cancelling the one who waits leaves the child alone, and its value too (K6)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto child = nursery.spawn(give_after, 3s, 4);
            const auto limited = co_await covey::move_on_after(
                1s, [&]() -> covey::task<int> { co_return co_await child; });
            CHECK_FALSE(limited.finished());
            CHECK_FALSE(child.done());
            const int value = co_await child;
            CHECK(value == 4);
            CHECK(support::elapsed() == 3s);
        });
    });
}

TEST_CASE("several tasks wait for one void child, and all go on when it ends") {
    for (const std::uint64_t seed : support::seeds()) {
        int woken = 0;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto child =
                    nursery.spawn([]() -> covey::task<> { co_await covey::sleep_for(1s); });
                for (int i = 0; i < 5; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        co_await child;
                        CHECK(support::elapsed() == 1s);
                        ++woken;
                    });
                }
                co_await covey::sleep_for(2s);
                CHECK(woken == 5);
            });
        });
    }
}

TEST_CASE("several tasks wait for one value: one takes it, the others are told") {
    for (const std::uint64_t seed : support::seeds()) {
        int values = 0;
        int refused = 0;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto child = nursery.spawn(give_after, 1s, 1);
                for (int i = 0; i < 3; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        const std::string text = co_await outcome_of(child);
                        ++(text == "value 1" ? values : refused);
                    });
                }
                co_await covey::sleep_for(2s);
            });
        });
        CHECK(values == 1);
        CHECK(refused == 2);
    }
}

TEST_CASE("a child whose handle is dropped goes on, and its value is destroyed") {
    auto held = std::make_shared<int>(1);
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            static_cast<void>(nursery.spawn([held]() -> covey::task<std::shared_ptr<int>> {
                co_await covey::sleep_for(1s);
                co_return held;
            }));
            co_await covey::sleep_for(2s);
            CHECK(held.use_count() == 1);
        });
    });
    CHECK(held.use_count() == 1);
}

TEST_CASE("the first that ends wins and the others are cancelled: the way to spell it (NB42)") {
    support::run_virtual([]() -> covey::task<> {
        int winner = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (const int number : {3, 1, 2}) {
                nursery.start_soon([&, number]() -> covey::task<> {
                    const int value = co_await give_after(std::chrono::seconds(number), number);
                    winner = value;
                    nursery.cancel("there is a winner");
                });
            }
        });
        CHECK(winner == 1);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("cancel everybody at the end of the block: the way to spell it (NB42)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto kept = nursery.spawn(give_after, 1s, 5);
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1h);
                order.note("never");
            });
            const int value = co_await kept;
            CHECK(value == 5);
            nursery.cancel("the block is done");
        });
        CHECK(support::elapsed() == 1s);
    });
    CHECK(order.text().empty());
}

TEST_CASE("done, cancel and await from several workers and threads agree_mt (NB18)") {
    std::atomic<long> values = 0;
    std::atomic<long> stops = 0;
    std::atomic<long> undone = 0;
    constexpr long children = 300;
    for (std::size_t round = 0; round < support::rounds(10); ++round) {
        values = stops = 0;
        std::optional<support::foreign_thread> canceller(std::in_place);
        covey::run({.workers = 3}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (long number = 0; number < children; ++number) {
                    nursery.start_soon([&, number]() -> covey::task<> {
                        auto child = std::make_shared<covey::join_handle<long>>(
                            nursery.spawn([number]() -> covey::task<long> {
                                for (long step = 0; step < number % 7; ++step)
                                    co_await covey::checkpoint();
                                co_return number;
                            }));
                        canceller->post([child] {
                            while (!child->done()) child->cancel("from a thread");
                        });
                        const std::string text = co_await outcome_of(*child);
                        if (!child->done()) ++undone;
                        ++(text == "value " + std::to_string(number) ? values : stops);
                    });
                }
            });
        });
        canceller.reset();  // it holds handles until its jobs are done
        CHECK(values + stops == children);
        CHECK(undone == 0);
        CHECK(support::left_behind() == "");
    }
}

// A nursery once found itself joined before the end of its last child was announced: the block was
// over and the handle still said that the child was running.
TEST_CASE("a child is done for its handle when the block is over_mt (N22)") {
    for (std::size_t round = 0; round < support::rounds(2000); ++round) {
        bool done = false;
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            std::optional<covey::join_handle<void>> child;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                child.emplace(
                    nursery.spawn([]() -> covey::task<> { co_await covey::checkpoint(); }));
            });
            done = child->done();
        });
        REQUIRE(done);
    }
}
