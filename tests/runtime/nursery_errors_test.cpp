// SPDX-License-Identifier: BSL-1.0
// What comes out of a nursery when its body or its children fail.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using messages = std::vector<std::string>;
using support::trace;

covey::task<> forever() { co_await covey::sleep_forever(); }

covey::task<> fail_after_sleep(covey::duration length, std::string text) {
    co_await covey::sleep_for(length);
    throw std::runtime_error(text);
}

// The group that the block throws, or a failed test.
template <class F>
covey::task<covey::exception_group> group_of(F body) {
    try {
        co_await covey::with_nursery(std::move(body));
    } catch (const covey::exception_group& group) {
        co_return group;
    }
    throw std::logic_error("the nursery threw no group");
}

}  // namespace

TEST_CASE("a body error comes out as a group that holds the same object (N21, RN05, RN94)") {
    const auto error = std::make_exception_ptr(std::runtime_error("body"));
    support::run_virtual([&]() -> covey::task<> {
        const auto group = co_await group_of([&](covey::nursery&) -> covey::task<> {
            co_await covey::checkpoint();
            std::rethrow_exception(error);
        });
        REQUIRE(group.exceptions().size() == 1);
        CHECK(group.exceptions()[0] == error);

        const auto from_plain =
            co_await group_of([&](covey::nursery&) -> void { std::rethrow_exception(error); });
        REQUIRE(from_plain.exceptions().size() == 1);
        CHECK(from_plain.exceptions()[0] == error);
    });
}

TEST_CASE("a child error comes out as a group that holds the same object (N21, RN06)") {
    const auto error = std::make_exception_ptr(std::runtime_error("child"));
    support::run_virtual([&]() -> covey::task<> {
        const auto group = co_await group_of([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::checkpoint();
                std::rethrow_exception(error);
            });
        });
        REQUIRE(group.exceptions().size() == 1);
        CHECK(group.exceptions()[0] == error);

        const auto from_plain = co_await group_of([&](covey::nursery& nursery) {
            nursery.start_soon([&] { std::rethrow_exception(error); });
        });
        REQUIRE(from_plain.exceptions().size() == 1);
        CHECK(from_plain.exceptions()[0] == error);
    });
}

TEST_CASE("a group comes out of run when nobody catches it, the run having joined all (RN08)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace order;
        const auto main = [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    struct at_end {
                        trace& order;
                        ~at_end() { order.note("spinner ends"); }
                    } const mark{order};
                    for (;;) co_await covey::checkpoint();
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::checkpoint();
                    order.note("crash");
                    throw std::runtime_error("crashed");
                });
            });
        };
        const auto group =
            support::thrown_by<covey::exception_group>([&] { support::run_virtual(seed, main); });
        CHECK(support::messages_of(group) == messages{"crashed"});
        CHECK(order.text() == "crash spinner ends");
    }
}

TEST_CASE("body and child both fail: one group with both (N22, RN09)") {
    support::run_virtual([]() -> covey::task<> {
        // The body fails while it is being cancelled: clean-up errors count as well.
        const auto child_first = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(fail_after_sleep, 1s, "child");
            co_await covey::finally(covey::sleep_forever(),
                                    [] { throw std::runtime_error("body's clean-up"); });
        });
        CHECK(support::messages_of(child_first) == messages{"child", "body's clean-up"});

        const auto body_first = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(),
                                        [] { throw std::runtime_error("child's clean-up"); });
            });
            co_await covey::sleep_for(1s);
            throw std::runtime_error("body");
        });
        CHECK(support::messages_of(body_first) == messages{"body", "child's clean-up"});
    });
}

TEST_CASE("errors stand in the order in which members ended, none is dropped (N22, N23, RN10)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            const auto group = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
                // Each fails later than the one before it, in clean-up or by itself.
                for (const int turn : {5, 2, 4, 1}) {
                    nursery.start_soon([turn]() -> covey::task<> {
                        co_await covey::shielded(
                            fail_after_sleep(std::chrono::seconds(turn), std::to_string(turn)));
                    });
                }
                co_await covey::shielded(fail_after_sleep(3s, "body"));
            });
            CHECK(support::messages_of(group) == messages{"1", "2", "body", "4", "5"});
            CHECK(support::elapsed() == 5s);
        });
    }
}

TEST_CASE("two children that fail in one step are both in the group (RN10)") {
    std::set<messages> orders;
    for (const std::uint64_t seed : support::seeds(40)) {
        support::run_virtual(seed, [&]() -> covey::task<> {
            const auto group = co_await group_of([](covey::nursery& nursery) {
                nursery.start_soon(fail_after_sleep, 1s, "a");
                nursery.start_soon(fail_after_sleep, 1s, "b");
            });
            const messages found = support::messages_of(group);
            CHECK(std::multiset<std::string>(found.begin(), found.end()) ==
                  std::multiset<std::string>{"a", "b"});
            orders.insert(found);
        });
    }
    if (support::seeds(40).size() == 40) CHECK(orders.size() == 2);
}

TEST_CASE("a failing child wakes the body at once, wherever it sleeps (N20, RN11)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto group = co_await group_of([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(fail_after_sleep, 1s, "child");
            co_await covey::sleep_for(1h);
            order.note("never");
        });
        CHECK(support::messages_of(group) == messages{"child"});
        CHECK(support::elapsed() == 1s);
    });
    CHECK(order.text().empty());
}

TEST_CASE("a failing member cancels body and siblings, at all levels below (N20, NB21)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto sleeper = [&](std::string name) -> covey::task<> {
            struct at_end {
                trace& order;
                std::string name;
                ~at_end() { order.note(name); }
            } const mark{order, name};
            co_await covey::sleep_forever();
        };
        const auto group = co_await group_of([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& below) -> covey::task<> {
                    below.start_soon(sleeper, "grandchild");
                    co_await covey::sleep_forever();
                });
            });
            nursery.start_soon(sleeper, "child");
            nursery.start_soon(fail_after_sleep, 2s, "failed");
            co_await sleeper("body");
        });
        CHECK(support::messages_of(group) == messages{"failed"});
        CHECK(support::elapsed() == 2s);
    });
    CHECK(std::multiset<std::string>(order.notes().begin(), order.notes().end()) ==
          std::multiset<std::string>{"body", "child", "grandchild"});
}

TEST_CASE("a member that does not check goes on until it does (N20)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto group = co_await group_of([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::shielded(covey::sleep_for(5s));
                order.note("done anyway");
                co_await covey::checkpoint();
                order.note("never");
            });
            nursery.start_soon(fail_after_sleep, 1s, "failed");
        });
        CHECK(support::messages_of(group) == messages{"failed"});
        CHECK(support::elapsed() == 5s);
    });
    CHECK(order.text() == "done anyway");
}

TEST_CASE("the nursery's own cancel leaves no error, unless clean-up fails (N24, N25, N26)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(forever);
            nursery.start_soon(forever);
            nursery.cancel();
            co_await covey::sleep_forever();
        });

        const auto group = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(forever);
            nursery.start_soon([]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(),
                                        [] { throw std::runtime_error("clean-up"); });
            });
            co_await covey::sleep_for(1s);
            nursery.cancel();
        });
        CHECK(support::messages_of(group) == messages{"clean-up"});
    });
}

TEST_CASE("errors win over an outer cancellation that passes through (N24, N29)") {
    support::run_virtual([]() -> covey::task<> {
        messages found;
        bool limit_fired = false;
        try {
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                struct at_end {
                    covey::cancel_scope& scope;
                    bool& fired;
                    ~at_end() { fired = scope.cancel_called(); }
                } const mark{scope, limit_fired};
                co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
                    // Three are stopped from outside, one fails on the way out.
                    nursery.start_soon(forever);
                    nursery.start_soon(forever);
                    nursery.start_soon([]() -> covey::task<> {
                        co_await covey::finally(covey::sleep_forever(),
                                                [] { throw std::out_of_range("key"); });
                    });
                    co_await covey::sleep_forever();
                });
            });
        } catch (const covey::exception_group& group) {
            found = support::messages_of(group);
        }
        CHECK(found == messages{"key"});
        CHECK(limit_fired);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a body error in a nursery that was cancelled before is not lost (N29)") {
    support::run_virtual([]() -> covey::task<> {
        const auto group = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
            nursery.cancel();
            nursery.start_soon(forever);
            throw std::out_of_range("key");
            co_return;
        });
        CHECK(support::messages_of(group) == messages{"key"});
    });
}

TEST_CASE("what is thrown need not be a std::exception: it is grouped as well (N27)") {
    support::run_virtual([]() -> covey::task<> {
        const auto group = co_await group_of(
            [](covey::nursery& nursery) { nursery.start_soon([] { throw 42; }); });
        REQUIRE(group.exceptions().size() == 1);
        int thrown = 0;
        try {
            std::rethrow_exception(group.only());
        } catch (int value) {
            thrown = value;
        }
        CHECK(thrown == 42);
        CHECK(*group.find<int>() == 42);
    });
}

TEST_CASE("nested nurseries nest their groups (N28)") {
    support::run_virtual([]() -> covey::task<> {
        const auto group = co_await group_of([](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(fail_after_sleep, 1s, "outer child");
            co_await covey::shielded([]() -> covey::task<> {
                co_await covey::with_nursery([](covey::nursery& inner) {
                    inner.start_soon(fail_after_sleep, 2s, "inner child");
                });
            });
        });
        REQUIRE(group.exceptions().size() == 2);
        CHECK(support::message_of(group.exceptions()[0]) == "outer child");
        const auto* nested = covey::detail::error_as<covey::exception_group>(group.exceptions()[1]);
        REQUIRE(nested != nullptr);
        CHECK(support::messages_of(*nested) == messages{"inner child"});
    });
}

TEST_CASE("a child cancelled through a scope of its own does not fail the nursery (N30)") {
    support::run_virtual([]() -> covey::task<> {
        int finished = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([]() -> covey::task<> {
                co_await covey::move_on_after(1s, covey::sleep_forever());
            });
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(2s);
                ++finished;
            });
        });
        CHECK(finished == 1);
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("a failed nursery stays cancelled: late children stop at once (N8, NB32)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto group = co_await group_of([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(fail_after_sleep, 1s, "failed");
            co_await covey::shielded(covey::sleep_for(2s));
            nursery.start_soon([&]() -> covey::task<> {
                order.note("late child starts");
                co_await covey::checkpoint();
                order.note("never");
            });
        });
        CHECK(support::messages_of(group) == messages{"failed"});
        CHECK(support::elapsed() == 2s);
    });
    CHECK(order.text() == "late child starts");
}

TEST_CASE("the group says in which task its nursery was, and what failed") {
    support::run_virtual([]() -> covey::task<> {
        const auto group = co_await group_of([](covey::nursery& nursery) {
            nursery.start_soon(fail_after_sleep, 1s, "the disk is full");
        });
        CHECK(std::string(group.what()) ==
              "nursery of task 'main' (1 error)\n╰─ std::runtime_error: the disk is full");
    });
}

TEST_CASE("a limit around nested nurseries stops all levels, inner before outer (CX05)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto clean_up = [&](std::string name) {
            return [&order, name]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                order.note(name + " at " + std::to_string(support::elapsed() / 1s));
            };
        };
        const auto grandchild = [&]() -> covey::task<> {
            co_await covey::finally(covey::sleep_forever(), clean_up("grandchild"));
        };
        const auto child = [&]() -> covey::task<> {
            co_await covey::finally(
                [&]() -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& below) -> covey::task<> {
                        below.start_soon(grandchild);
                        co_await covey::sleep_forever();
                    });
                },
                clean_up("child"));
        };
        const bool finished = co_await covey::move_on_after(10s, [&]() -> covey::task<> {
            co_await covey::finally(
                [&]() -> covey::task<> {
                    co_await covey::with_nursery(
                        [&](covey::nursery& nursery) { nursery.start_soon(child); });
                },
                clean_up("body"));
        });
        CHECK_FALSE(finished);
        order.note("outside");
    });
    CHECK(order.text() == "grandchild at 11 child at 12 body at 13 outside");
}

TEST_CASE("three sleeps side by side take as long as one, and give their sum (CX06)") {
    support::run_virtual([]() -> covey::task<> {
        int sum = 0;
        const auto part = [&sum](int value) -> covey::task<> {
            co_await covey::sleep_for(1s);
            sum += value;
        };
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon(part, 1);
            nursery.start_soon(part, 10);
            nursery.start_soon(part, 100);
        });
        CHECK(sum == 111);
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("one of three fails: the others are cancelled and joined before it is seen (CX06)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const auto part = [&](std::string name) -> covey::task<> {
            co_await covey::finally(covey::sleep_for(10s), [&]() -> covey::task<> {
                co_await covey::sleep_for(3s);
                order.note(name + " cleaned up");
            });
            order.note("never");
        };
        const auto result = co_await covey::attempt([&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(part, "first");
                nursery.start_soon(fail_after_sleep, 1s, "second");
            });
        });
        order.note("error seen");
        CHECK_FALSE(result.has_value());
        CHECK(support::elapsed() == 4s);
    });
    CHECK(order.text() == "first cleaned up error seen");
}
