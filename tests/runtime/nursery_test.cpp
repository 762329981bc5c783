// SPDX-License-Identifier: BSL-1.0
#include <covey/nursery.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

using support::trace;

covey::task<> sleep_and_note(trace& order, std::string name, covey::duration length) {
    co_await covey::sleep_for(length);
    order.note(std::move(name));
}

covey::task<> forever() { co_await covey::sleep_forever(); }

struct counter {
    int value = 0;
    void add(int change) { value += change; }
    covey::task<> add_later(int change) {
        co_await covey::sleep_for(1s);
        value += change;
    }
};

}  // namespace

TEST_CASE("start_soon runs nothing before the next suspension of the caller (N1, K3, RN62)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace trace;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                trace.step(1);
                nursery.start_soon([&] { trace.step(4); });
                trace.step(2);
                static_cast<void>(co_await []() -> covey::task<int> { co_return 1; }());
                trace.step(3);  // awaiting a task is no suspension
                co_await covey::testing::wait_all_tasks_blocked();
                trace.step(5);
            });
        });
        trace.done(6);
    }
}

TEST_CASE("tasks started together run in an order that is free (N2)") {
    std::set<std::string> orders;
    for (const std::uint64_t seed : support::seeds(60)) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&] { order.note("a"); });
                nursery.start_soon([&] { order.note("b"); });
                nursery.start_soon([&] { order.note("c"); });
            });
        });
        orders.insert(order.text());
    }
    if (support::seeds(60).size() == 60) CHECK(orders.size() == 6);
}

TEST_CASE("a block ends with its last child, whatever the body does (N4, N5, CX04)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const int value =
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<int> {
                nursery.start_soon(sleep_and_note, std::ref(order), "two", 2s);
                nursery.start_soon(sleep_and_note, std::ref(order), "one", 1s);
                order.note("body");
                co_return 7;  // leaving early cancels nobody
            });
        order.note("after");
        CHECK(value == 7);
        CHECK(support::elapsed() == 2s);
    });
    CHECK(order.text() == "body one two after");
}

TEST_CASE("a block ends with its body when that is the last (N4, CX04)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(sleep_and_note, std::ref(order), "child", 1s);
            co_await covey::sleep_for(3s);
            order.note("body");
        });
        CHECK(support::elapsed() == 3s);
    });
    CHECK(order.text() == "child body");
}

TEST_CASE("an empty nursery ends at once and lets others run, uncancelled (N9, K4)") {
    support::run_virtual([]() -> covey::task<> {
        const bool finished =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                co_await covey::with_nursery([](covey::nursery&) {});
                co_await covey::with_nursery([](covey::nursery& nursery) {
                    nursery.start_soon([] {});  // ends without a checkpoint
                });
            });
        CHECK(finished);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("the exit of an empty nursery yields when every operation does (N9, K4)") {
    struct restore {
        bool before = covey::testing::set_yield_every_operation(true);
        ~restore() { covey::testing::set_yield_every_operation(before); }
    } const every_time;
    trace trace;
    support::run_checked({.workers = 1}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&] { trace.step(3); });
            co_await covey::testing::expect_no_checkpoints([&]() -> covey::task<> {
                trace.step(1);
                co_return;
            });
            co_await covey::with_nursery([&](covey::nursery&) { trace.step(2); });
            trace.step(4);
        });
    });
    trace.done(5);
}

TEST_CASE("a child may start others while the block waits for its end (N6, NB30, RN77)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                order.note("first");
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    order.note("second");
                    nursery.start_soon(sleep_and_note, std::ref(order), "fourth", 2s);
                });
                nursery.start_soon(sleep_and_note, std::ref(order), "third", 2s);
            });
        });
        CHECK(support::elapsed() == 4s);
    });
    CHECK(order.text() == "first second third fourth");
}

TEST_CASE("any task that holds the nursery may start children in it (N6, RN16)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& inner) {
                inner.start_soon([&] {
                    // Started from inside the inner one, it belongs to the outer one.
                    outer.start_soon(sleep_and_note, std::ref(order), "outer child", 5s);
                });
            });
            order.note("inner ended");
            CHECK(support::elapsed() == 0s);
        });
        CHECK(support::elapsed() == 5s);
    });
    CHECK(order.text() == "inner ended outer child");
}

TEST_CASE("a child of a cancelled nursery runs to its first checkpoint (N8, C11, RN26)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.cancel();
            nursery.start_soon([&]() -> covey::task<> {
                order.note("started");
                co_await covey::checkpoint();
                order.note("never");
            });
            nursery.start_soon([&] { order.note("plain"); });
        });
    });
    CHECK(order.notes().size() == 2);
    CHECK(std::set(order.notes().begin(), order.notes().end()) ==
          std::set<std::string>{"started", "plain"});
}

TEST_CASE("the wait for the children is not cut short by a cancellation (N10)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::shielded(sleep_and_note(order, "slow clean-up", 4s));
                    order.note("between");
                    co_await covey::checkpoint();
                    order.note("never");
                });
            });
            order.note("never");
        });
        CHECK_FALSE(finished);
        CHECK(support::elapsed() == 4s);
    });
    CHECK(order.text() == "slow clean-up between");
}

TEST_CASE("a child lives under its nursery's scopes, not under those of its spawner (N11)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            // The spawner is cancelled, the nursery isn't.
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) {
                scope.cancel();
                nursery.start_soon(sleep_and_note, std::ref(order), "lives", 2s);
            });
            // The spawner is in a hurry, the child isn't.
            co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                nursery.start_soon(sleep_and_note, std::ref(order), "unhurried", 3s);
                co_await covey::sleep_forever();
            });
        });
        CHECK(support::elapsed() == 3s);
        // The spawner is shielded, the nursery is not.
        const bool finished =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    scope.cancel();
                    co_await covey::shielded([&]() -> covey::task<> {
                        nursery.start_soon(sleep_and_note, std::ref(order), "never", 1s);
                        co_await covey::sleep_for(5s);
                    });
                    order.note("shielded");
                });
            });
        CHECK_FALSE(finished);  // the child's stop came from this scope and goes on to it
        CHECK(support::elapsed() == 8s);
    });
    CHECK(order.text() == "lives unhurried shielded");
}

TEST_CASE("cancelling a nursery stops body and children, and nothing outside (N12, RN28)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            outer.start_soon(sleep_and_note, std::ref(order), "outside", 9s);
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                const auto grandchildren = [&]() -> covey::task<> {
                    co_await covey::with_nursery([](covey::nursery& below) -> covey::task<> {
                        below.start_soon(forever);
                        below.start_soon(forever);
                        co_await covey::sleep_forever();
                    });
                    order.note("never");
                };
                inner.start_soon(grandchildren);
                inner.start_soon(grandchildren);
                co_await covey::sleep_for(1s);
                inner.cancel();
                order.note("cancelling is no checkpoint");
                co_await covey::checkpoint();
                order.note("never");
            });
            order.note("after");
            CHECK(support::elapsed() == 1s);
        });
        CHECK(support::elapsed() == 9s);
    });
    CHECK(order.text() == "cancelling is no checkpoint after outside");
}

TEST_CASE("the scope of a nursery has a deadline like any other (N12)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            nursery.scope().set_deadline(covey::now() + 4s);
            CHECK(nursery.scope().deadline() == covey::now() + 4s);
            CHECK(covey::current_effective_deadline() == covey::now() + 4s);
            nursery.start_soon(forever);
            co_await covey::sleep_forever();
        });
        CHECK(support::elapsed() == 4s);
    });
}

TEST_CASE("a deadline that is no number is refused, any other is taken (RN21)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            using seconds = std::chrono::duration<double>;
            using point = std::chrono::time_point<covey::run_clock, seconds>;
            const auto deadline = [&](double when) {
                nursery.scope().set_deadline(point(seconds(when)));
            };
            CHECK_THROWS_AS(deadline(std::numeric_limits<double>::quiet_NaN()),
                            std::invalid_argument);
            CHECK(nursery.scope().deadline() == covey::time_point::max());
            deadline(1.5);
            CHECK(nursery.scope().deadline() == covey::now() + 1500ms);
            deadline(std::numeric_limits<double>::infinity());
            CHECK(nursery.scope().deadline() == covey::time_point::max());
            CHECK_THROWS_AS(covey::move_on_after(-1s, covey::checkpoint()), std::invalid_argument);
            CHECK_FALSE(nursery.scope().cancel_called());
            deadline(-std::numeric_limits<double>::infinity());
            CHECK(nursery.scope().cancel_called());
            co_return;
        });
    });
}

TEST_CASE("the shield of a nursery's scope covers its children (N12, C43)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.scope().set_shield(true);
                nursery.start_soon(sleep_and_note, std::ref(order), "child", 3s);
            });
            order.note("block");
            co_await covey::checkpoint();
            order.note("never");
        });
        CHECK_FALSE(finished);
        CHECK(support::elapsed() == 3s);
    });
    CHECK(order.text() == "child block");
}

TEST_CASE("the value of a block is its body's, and a later cancel does not take it (C10)") {
    support::run_virtual([]() -> covey::task<> {
        const int after_the_body =
            co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    nursery.cancel();
                    co_await covey::sleep_forever();
                });
                co_return 1;
            });
        CHECK(after_the_body == 1);
        CHECK(support::elapsed() == 1s);

        const int without_checkpoint =
            co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                nursery.cancel();
                co_return 2;
            });
        CHECK(without_checkpoint == 2);

        const std::string plain =
            co_await covey::with_nursery([](covey::nursery&) { return std::string("plain"); });
        CHECK(plain == "plain");

        const auto only_moves =
            co_await covey::with_nursery([](covey::nursery&) { return std::make_unique<int>(3); });
        CHECK(*only_moves == 3);
    });
}

TEST_CASE("a body cut short by its own nursery: void returns, a value is cancelled_error") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            nursery.cancel("not needed");
            co_await covey::sleep_forever();
        });

        covey::cancel_cause cause;
        std::string text;
        try {
            static_cast<void>(
                co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                    nursery.cancel("not needed");
                    co_await covey::sleep_forever();
                    co_return 1;
                }));
        } catch (const covey::cancelled_error& error) {
            cause = error.cause();
            text = error.what();
        }
        CHECK(cause.source == covey::cancel_source::explicit_call);
        CHECK(cause.reason == "not needed");
        CHECK(text ==
              "a block in task 'main' was asked for a value and cancelled (explicit_call: not "
              "needed)");
    });
}

TEST_CASE("a cancellation from outside passes through a nursery, also with a value (C5)") {
    support::run_virtual([]() -> covey::task<> {
        bool reached = false;
        const auto limited = co_await covey::move_on_after(1s, [&]() -> covey::task<int> {
            const int value =
                co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                    nursery.start_soon(forever);
                    co_await covey::sleep_forever();
                    co_return 1;
                });
            reached = true;
            co_return value;
        });
        CHECK_FALSE(limited.finished());
        CHECK_FALSE(reached);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a body that had finished keeps its value against an outer cancellation (C10)") {
    support::run_virtual([]() -> covey::task<> {
        // The child is stopped by the outer scope, so the stop goes on outwards...
        const auto stopped = co_await covey::move_on_after(1s, []() -> covey::task<int> {
            co_return co_await covey::with_nursery([](covey::nursery& nursery) {
                nursery.start_soon(forever);
                return 1;
            });
        });
        CHECK_FALSE(stopped.finished());
        // ... while a child that ends by itself lets the value through.
        const auto kept = co_await covey::move_on_after(1s, []() -> covey::task<int> {
            co_return co_await covey::with_nursery([](covey::nursery& nursery) {
                nursery.start_soon(
                    []() -> covey::task<> { co_await covey::shielded(covey::sleep_for(5s)); });
                return 2;
            });
        });
        REQUIRE(kept.finished());
        CHECK(*kept == 2);
    });
}

TEST_CASE("children are functions, member functions and function objects, called by std::invoke") {
    counter count;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon(&counter::add, &count, 1);
            nursery.start_soon(&counter::add_later, std::ref(count), 10);
            nursery.start_soon(std::bind_front(&counter::add, &count), 100);
            nursery.start_soon([&count](auto... changes) { (count.add(changes), ...); }, 1000,
                               10000);
            nursery.start_soon([owned = std::make_unique<int>(100000), &count]() mutable {
                count.add(*std::exchange(owned, nullptr));
            });
        });
    });
    CHECK(count.value == 111111);
}

TEST_CASE("callable and arguments are copied or moved into the child and live until it ends") {
    auto captured = std::make_shared<int>(1);
    auto passed = std::make_shared<int>(2);
    const std::weak_ptr<int> watch_captured = captured;
    const std::weak_ptr<int> watch_passed = passed;
    int sum = 0;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(
                [captured = std::move(captured),
                 &sum](std::shared_ptr<int> argument) -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    sum = *captured + *argument;
                },
                std::move(passed));
            co_await covey::sleep_for(500ms);
            CHECK(watch_captured.use_count() == 1);
            CHECK(watch_passed.use_count() == 1);
            co_await covey::sleep_for(1s);
            // The child has ended, the block has not.
            CHECK(watch_captured.expired());
            CHECK(watch_passed.expired());
        });
    });
    CHECK(sum == 3);
}

TEST_CASE("what a child holds is gone before the others see its end (R10)") {
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon(
                [held = std::move(held)]() -> covey::task<> { co_await covey::sleep_for(1s); });
        });
        CHECK(watch.expired());
    });
}

TEST_CASE("a fresh nursery is open, and the scope of its body (RN102)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            CHECK(&covey::current_scope() == &nursery.scope());
            CHECK_FALSE(nursery.scope().cancel_called());
            CHECK_FALSE(nursery.scope().shield());
            CHECK(nursery.scope().deadline() == covey::time_point::max());
            int ran = 0;
            nursery.start_soon([&] { ++ran; });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(ran == 1);
        });
    });
}

TEST_CASE("the body is stored in the block: its captures may be gone outside (N13)") {
    support::run_virtual([]() -> covey::task<> {
        const auto block = [] {
            auto text = std::make_unique<std::string>("kept by the block");
            return covey::with_nursery(
                [text = std::move(text)](covey::nursery& nursery) -> covey::task<std::string> {
                    nursery.start_soon([] {});
                    co_await covey::sleep_for(1s);
                    co_return *text;
                });
        };
        const std::string text = co_await block();
        CHECK(text == "kept by the block");
    });
}
