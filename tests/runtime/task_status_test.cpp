// SPDX-License-Identifier: BSL-1.0
// nursery.start(): a child that says when it is ready.
#include <covey/task_status.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

using support::trace;

covey::task<> serve(covey::task_status<int> status, trace& order, int port) {
    co_await covey::sleep_for(1s);
    status.started(port);
    order.note("serving");
    co_await covey::sleep_for(3s);
    order.note("served");
}

covey::task<> sleep_then_start(covey::task_status<void> status, covey::duration before,
                               covey::duration after, trace& order) {
    co_await covey::sleep_for(before);
    status.started();
    order.note("started");
    co_await covey::sleep_for(after);
    order.note("done");
}

}  // namespace

TEST_CASE("start gives what started was given, and the child goes on (N40, N41, RN86)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const int port = co_await nursery.start(serve, std::ref(order), 8080);
            CHECK(port == 8080);
            CHECK(support::elapsed() == 1s);
            order.note("caller");
        });
        CHECK(support::elapsed() == 4s);
    });
    CHECK(order.text() == "serving caller served");
}

TEST_CASE("the type of the value is that of the status, deduced or spelled out (N40)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto pointer = co_await nursery.start(
                [](const covey::task_status<std::unique_ptr<int>>& status) -> covey::task<> {
                    status.started(std::make_unique<int>(1));
                    co_return;
                });
            CHECK(*pointer == 1);

            const std::string text = co_await nursery.start<std::string>(
                [](auto status, const char* given) -> covey::task<> {
                    status.started(given);
                    co_return;
                },
                "generic");
            CHECK(text == "generic");

            co_await nursery.start([](covey::task_status<void> status) -> covey::task<> {
                status.started();
                co_return;
            });

            int calls = 0;
            const int plain =
                co_await nursery.start([&calls](covey::task_status<int> status) mutable {
                    ++calls;
                    status.started(9);
                });
            CHECK(plain == 9);
            CHECK(calls == 1);
        });
    });
}

TEST_CASE("callable and arguments of a started child live until it ends") {
    auto held = std::make_shared<int>(5);
    const std::weak_ptr<int> watch = held;
    int seen = 0;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            co_await nursery.start(
                [&seen, held = std::move(held)](covey::task_status<void> status,
                                                std::unique_ptr<int> argument) -> covey::task<> {
                    status.started();
                    co_await covey::sleep_for(1s);
                    seen = *held + *argument;
                },
                std::make_unique<int>(6));
            CHECK_FALSE(watch.expired());
        });
        CHECK(watch.expired());
    });
    CHECK(seen == 11);
}

TEST_CASE("an ignored status lets the function be called directly (N51, RN87)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await serve(covey::task_status<int>::ignored(), order, 1);
        co_await sleep_then_start(covey::task_status<void>::ignored(), 1s, 1s, order);
        CHECK(support::elapsed() == 6s);
        const auto twice = covey::task_status<void>::ignored();
        twice.started();
        twice.started();
    });
    CHECK(order.text() == "serving served started done");
}

TEST_CASE("started twice throws in the child, which then fails its nursery (N44, RN87)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        std::string message;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto child = [&](covey::task_status<int> status) -> covey::task<> {
                    status.started(1);
                    co_await covey::sleep_for(1s);
                    status.started(2);
                    order.note("never");
                };
                const int value = co_await nursery.start(child);
                CHECK(value == 1);
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group& group) {
            REQUIRE(group.find<std::logic_error>() != nullptr);
            message = group.find<std::logic_error>()->what();
        }
        CHECK_THAT(message, Contains("started() was called twice by task 'lambda"));
        CHECK(support::elapsed() == 1s);
    });
    CHECK(order.text().empty());
}

TEST_CASE("an error before started comes out of start as it is (N42, RN88)") {
    const auto error = std::make_exception_ptr(std::runtime_error("no such port"));
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result = co_await covey::attempt(
                nursery.start([&](covey::task_status<int>) -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    std::rethrow_exception(error);
                }));
            CHECK(result.error() == error);
            // The nursery has nothing to do with it.
            CHECK_FALSE(nursery.scope().cancel_called());
            co_await covey::sleep_for(1s);
            CHECK(support::elapsed() == 2s);
        });
    });
}

TEST_CASE("a plain function that throws before started comes out as it is (N42)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto result = co_await covey::attempt(nursery.start(
                [](covey::task_status<int>) -> void { throw std::out_of_range("plain"); }));
            CHECK(support::message_of(result.error()) == "plain");
        });
    });
}

TEST_CASE("a child that returns without started is an error of start (N43, RN88)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            std::string message;
            try {
                co_await nursery.start(
                    [](covey::task_status<void>) -> covey::task<> { co_return; });
            } catch (const std::logic_error& error) {
                message = error.what();
            }
            CHECK_THAT(message, Contains("ended without calling started()"));
            CHECK_FALSE(nursery.scope().cancel_called());
        });
    });
}

TEST_CASE("an error after started goes to the nursery, not to start (N41)") {
    support::run_virtual([]() -> covey::task<> {
        bool reached = false;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                co_await nursery.start([](covey::task_status<void> status) -> covey::task<> {
                    status.started();
                    throw std::runtime_error("later");
                    co_return;
                });
                reached = true;
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group& group) {
            CHECK(support::message_of(group.only()) == "later");
        }
        CHECK(reached);
    });
}

TEST_CASE("until started the child lives at the caller, then in the nursery (N40, N41)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            // The caller's limit would stop it at 5 s, but it has moved out by then.
            const bool finished = co_await covey::move_on_after(5s, [&]() -> covey::task<> {
                co_await target.start(sleep_then_start, 2s, 8s, std::ref(order));
                co_await covey::sleep_forever();
            });
            CHECK_FALSE(finished);
            CHECK(support::elapsed() == 5s);
            order.note("caller cut off");
        });
        CHECK(support::elapsed() == 10s);
    });
    CHECK(order.text() == "started caller cut off done");
}

TEST_CASE("the nursery's cancellation reaches the child when it has moved there (N41)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            target.cancel();
            co_await covey::shielded([&]() -> covey::task<> {
                const auto child = [&](covey::task_status<int> status) -> covey::task<> {
                    co_await covey::sleep_for(1s);  // not the target's yet
                    order.note("slept");
                    status.started(1);
                    order.note("moved");
                    co_await covey::checkpoint();
                    order.note("never");
                };
                const int value = co_await target.start(child);
                CHECK(value == 1);
                order.note("caller");
            });
        });
        CHECK(support::elapsed() == 1s);
    });
    CHECK(order.text() == "slept moved caller");
}

TEST_CASE(
    "started moves all descendants, and wakes those asleep if the target is cancelled (N41)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto sleeper = [&](std::string name) -> covey::task<> {
            struct at_end {
                trace& order;
                std::string name;
                ~at_end() { order.note(name + " stopped"); }
            } const mark{order, name};
            co_await covey::sleep_forever();
        };
        const auto child = [&](covey::task_status<void> status) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& below) -> covey::task<> {
                below.start_soon(sleeper, "grandchild");
                co_await covey::sleep_for(2s);
                status.started();  // from inside a block of the child
                order.note("started");
                co_await covey::sleep_forever();
            });
        };
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            target.cancel();
            co_await covey::shielded([&]() -> covey::task<> { co_await target.start(child); });
        });
        CHECK(support::elapsed() == 2s);

        // ... and if it is cancelled later, they are its own.
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            co_await target.start(child);
            co_await covey::sleep_for(1s);
            order.note("cancel");
            target.cancel();
        });
        CHECK(support::elapsed() == 5s);
    });
    CHECK(order.text() == "started grandchild stopped started cancel grandchild stopped");
}

TEST_CASE("started may be called by another task than the child (N41)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            co_await target.start([&](covey::task_status<void> status) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& below) {
                    below.start_soon([status, &order]() -> covey::task<> {
                        co_await covey::sleep_for(1s);
                        status.started();
                        co_await covey::sleep_for(1s);
                        order.note("grandchild");
                    });
                });
                order.note("child");
            });
            CHECK(support::elapsed() == 1s);
            order.note("caller");
        });
    });
    CHECK(order.text() == "caller grandchild child");
}

TEST_CASE("cancelling start cancels the child, and the target is untouched (N47)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            target.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(9s);
                order.note("sibling");
            });
            const bool finished = co_await covey::move_on_after(
                1s, target.start(sleep_then_start, 5s, 5s, std::ref(order)));
            CHECK_FALSE(finished);
            CHECK(support::elapsed() == 1s);
            CHECK_FALSE(target.scope().cancel_called());
        });
        CHECK(support::elapsed() == 9s);
    });
    CHECK(order.text() == "sibling");
}

TEST_CASE("start in a cancelled scope runs the child to its first checkpoint only (N8, N47)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            const bool finished =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    scope.cancel();
                    co_await target.start([&](covey::task_status<void> status) -> covey::task<> {
                        order.note("child runs");
                        co_await covey::checkpoint();
                        status.started();
                        order.note("never");
                    });
                    order.note("never");
                });
            CHECK_FALSE(finished);
            CHECK_FALSE(target.scope().cancel_called());
        });
        CHECK(support::elapsed() == 0s);
    });
    CHECK(order.text() == "child runs");
}

TEST_CASE("start cancelled by the time of started: the child stays and is stopped (N45)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                const auto child = [&](covey::task_status<int> status) -> covey::task<> {
                    co_await covey::shielded(covey::sleep_for(2s));
                    status.started(5);  // too late: does nothing
                    order.note("started late");
                    co_await covey::sleep_for(5s);
                    order.note("never");
                };
                static_cast<void>(co_await target.start(child));
                order.note("never");
            });
            CHECK_FALSE(finished);
            CHECK(support::elapsed() == 2s);
        });
        CHECK(support::elapsed() == 2s);
    });
    CHECK(order.text() == "started late");
}

TEST_CASE("cancelled start whose child ends without a further checkpoint returns (N46)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await target.start([&](covey::task_status<int> status) -> covey::task<> {
                    co_await covey::shielded(covey::sleep_for(2s));
                    status.started(5);
                });
                order.note("start returned");
                co_await covey::checkpoint();
                order.note("never");
            });
            CHECK_FALSE(finished);
            CHECK(support::elapsed() == 2s);
        });
    });
    CHECK(order.text() == "start returned");
}

TEST_CASE("cancelled start whose child fails gives that error (N46)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& target) -> covey::task<> {
            for (const bool says_started : {false, true}) {
                std::string message;
                try {
                    co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                        const auto child = [&](covey::task_status<int> status) -> covey::task<> {
                            co_await covey::shielded(covey::sleep_for(2s));
                            if (says_started) status.started(5);
                            throw std::runtime_error("on the way out");
                        };
                        static_cast<void>(co_await target.start(child));
                    });
                } catch (const std::runtime_error& error) {
                    message = error.what();
                }
                CHECK(message == "on the way out");
                CHECK_FALSE(target.scope().cancel_called());
            }
        });
    });
}

TEST_CASE("a cancellation in the same step after started does not take the value away (K17)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
                const bool finished = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        const int value = co_await target.start(
                            [&](covey::task_status<int> status) -> covey::task<> {
                                co_await covey::sleep_for(1s);
                                status.started(5);
                                scope.cancel();
                                co_await covey::sleep_for(1s);
                                order.note("child");
                            });
                        CHECK(value == 5);
                        order.note("caller");
                        co_await covey::checkpoint();
                        order.note("never");
                    });
                CHECK_FALSE(finished);
            });
            CHECK(support::elapsed() == 2s);
        });
        CHECK(order.text() == "caller child");
    }
}

TEST_CASE("a cancellation just before started in the same step keeps the child (N45)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
                const bool finished = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        const auto child = [&](covey::task_status<int> status) -> covey::task<> {
                            co_await covey::sleep_for(1s);
                            scope.cancel();
                            status.started(5);
                            order.note("child");
                            co_await covey::checkpoint();
                            order.note("never");
                        };
                        static_cast<void>(co_await target.start(child));
                        order.note("never");
                    });
                CHECK_FALSE(finished);
            });
            CHECK(support::elapsed() == 1s);
        });
        CHECK(order.text() == "child");
    }
}

TEST_CASE("a pending start keeps the nursery open, without any task in it (N6, N48)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        covey::event ready;
        covey::nursery* target = nullptr;
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            outer.start_soon([&]() -> covey::task<> {
                co_await ready.wait();
                co_await target->start(sleep_then_start, 2s, 2s, std::ref(order));
                order.note("starter");
            });
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                target = &inner;
                ready.set();
                co_await covey::sleep_for(1s);
                order.note("body");
            });
            order.note("closed");
            CHECK(support::elapsed() == 4s);
        });
    });
    CHECK(order.text() == "body started starter done closed");
}

TEST_CASE("if the child of a pending start dies, the nursery can close (N48)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        covey::event ready;
        covey::nursery* target = nullptr;
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            outer.start_soon([&]() -> covey::task<> {
                co_await ready.wait();
                const auto result = co_await covey::attempt([&]() -> covey::task<> {
                    co_await target->start([](covey::task_status<void>) -> covey::task<> {
                        co_await covey::sleep_for(2s);
                        throw std::runtime_error("died");
                    });
                });
                order.note(support::message_of(result.error()));
            });
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                target = &inner;
                ready.set();
                co_await covey::sleep_for(1s);
            });
            CHECK(support::elapsed() == 2s);
            order.note("closed");
        });
    });
    CHECK(order.notes().size() == 2);
    CHECK(std::set(order.notes().begin(), order.notes().end()) ==
          std::set<std::string>{"died", "closed"});
}

TEST_CASE("a status kept beyond the end of its child does nothing (N43)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::task_status<int>> kept;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result = co_await covey::attempt(
                nursery.start([&](covey::task_status<int> status) { kept.emplace(status); }));
            CHECK_FALSE(result.has_value());
            kept->started(1);
            CHECK_THROWS_AS(kept->started(2), std::logic_error);
            kept.reset();
        });
    });
}

// The slot once kept a pointer to its run, which was gone.
TEST_CASE("a status kept beyond its run does nothing but remember (N43, N46)") {
    std::optional<covey::task_status<void>> kept;
    covey::run({.workers = 1}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            bool refused = false;
            try {
                co_await nursery.start([&](covey::task_status<void> status) { kept = status; });
            } catch (const std::logic_error&) {
                refused = true;
            }
            CHECK(refused);
        });
    });
    CHECK_NOTHROW(kept->started());
    CHECK_THROWS_AS(kept->started(), std::logic_error);
    kept.reset();
    CHECK(support::left_behind() == "");
}
