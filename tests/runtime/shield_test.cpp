// SPDX-License-Identifier: BSL-1.0
#include <covey/shield.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

covey::task<int> number_after(covey::duration length, int number) {
    co_await covey::sleep_for(length);
    co_return number;
}

covey::task<> throw_after(covey::duration length, const char* what) {
    co_await covey::sleep_for(length);
    throw std::runtime_error(what);
}

// Runs body(outer) in a scope that is cancelled after a second by another task.
template <class F>
covey::task<bool> cancelled_after_a_second(F body) {
    bool stopped = false;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                nursery.start_soon([handle = outer.handle()]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    handle.cancel();
                });
                co_await body(outer);
            });
        stopped = !result.finished();
    });
    co_return stopped;
}

}  // namespace

TEST_CASE("shielded runs to its end, and the cancellation is met outside (C4, C40)") {
    support::run_virtual([]() -> covey::task<> {
        bool went_on = false;
        int value = 0;
        const bool stopped =
            co_await cancelled_after_a_second([&](covey::cancel_scope& outer) -> covey::task<> {
                value = co_await covey::shielded(number_after(3s, 5));
                CHECK(support::elapsed() == 3s);
                CHECK(outer.cancel_called());
                co_await covey::checkpoint_if_cancelled();
                went_on = true;
            });
        CHECK(stopped);
        CHECK(value == 5);
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("shielded lets values and errors of every kind of body through") {
    support::run_virtual([]() -> covey::task<> {
        const int of_task = co_await covey::shielded(number_after(0s, 1));
        CHECK(of_task == 1);
        const int of_function = co_await covey::shielded([] { return 2; });
        CHECK(of_function == 2);
        auto single = co_await covey::shielded(
            []() -> covey::task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); });
        CHECK(*single == 3);
        co_await covey::shielded(covey::sleep_for(1s));
        co_await covey::shielded([](covey::cancel_scope& scope) { CHECK(scope.shield()); });
        const auto error = co_await covey::attempt(covey::shielded(throw_after(0s, "mine")));
        CHECK(support::message_of(error.error()) == "mine");
    });
}

TEST_CASE("shields in shields protect as long as the outermost of them") {
    support::run_virtual([]() -> covey::task<> {
        const bool stopped =
            co_await cancelled_after_a_second([](covey::cancel_scope&) -> covey::task<> {
                co_await covey::shielded([]() -> covey::task<> {
                    co_await covey::shielded(covey::sleep_for(2s));
                    co_await covey::sleep_for(2s);
                });
                CHECK(support::elapsed() == 4s);
            });
        CHECK_FALSE(stopped);
    });
}

TEST_CASE("a time limit works inside a shield, and inside a limit a shield does (C29)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::shielded([]() -> covey::task<> {
            const auto cut = co_await covey::move_on_after(1s, covey::sleep_forever());
            CHECK_FALSE(cut);
        });
        const auto outside =
            co_await covey::move_on_after(1s, covey::shielded(covey::sleep_for(5s)));
        CHECK(outside);  // the body finished, without a checkpoint outside of the shield
        CHECK(support::elapsed() == 6s);
    });
}

TEST_CASE("a grace counts from the arrival of the cancellation, not from the entry") {
    support::run_virtual([]() -> covey::task<> {
        const bool stopped =
            co_await cancelled_after_a_second([](covey::cancel_scope&) -> covey::task<> {
                co_await covey::shielded(2s, covey::sleep_for(10s));
            });
        CHECK(stopped);
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("a body that ends within its grace keeps its value, and no timer stays") {
    support::run_virtual([]() -> covey::task<> {
        int value = 0;
        const bool stopped =
            co_await cancelled_after_a_second([&](covey::cancel_scope&) -> covey::task<> {
                value = co_await covey::shielded(5s, number_after(3s, 4));
                CHECK(support::elapsed() == 3s);
            });
        CHECK_FALSE(stopped);
        CHECK(value == 4);
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("a grace without a cancellation never ends, whatever it is") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::shielded(0s, covey::sleep_for(1s));
        co_await covey::shielded(1s, covey::sleep_for(10s));
        co_await covey::shielded(covey::never, covey::sleep_for(1s));
        CHECK(support::elapsed() == 12s);
        CHECK_THROWS_AS(covey::shielded(-1s, covey::sleep_for(1s)), std::invalid_argument);
    });
}

TEST_CASE("a grace begins on entry where the cancellation has arrived before") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                outer.cancel();
                co_await covey::shielded(2s, covey::sleep_for(10s));
            });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 2s);
        const auto none =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                outer.cancel();
                co_await covey::shielded(0s, covey::sleep_for(10s));
            });
        CHECK_FALSE(none.finished());
        CHECK(support::elapsed() == 2s);
        const auto for_ever =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                outer.cancel();
                co_await covey::shielded(covey::never, covey::sleep_for(10s));
            });
        CHECK(for_ever.finished());
        CHECK(support::elapsed() == 12s);
    });
}

TEST_CASE("graces in graces each count from when the cancellation reaches them") {
    support::run_virtual([]() -> covey::task<> {
        const bool stopped =
            co_await cancelled_after_a_second([](covey::cancel_scope&) -> covey::task<> {
                // At 1 the outer one hears of it, at 1 + 2 it lets it in, at 3 + 4 so does the
                // inner.
                co_await covey::shielded(2s, covey::shielded(4s, covey::sleep_for(100s)));
            });
        CHECK(stopped);
        CHECK(support::elapsed() == 7s);
    });
}

TEST_CASE("a grace covers the children of a nursery inside") {
    support::run_virtual([]() -> covey::task<> {
        std::vector<std::string> ends;
        const bool stopped =
            co_await cancelled_after_a_second([&](covey::cancel_scope&) -> covey::task<> {
                co_await covey::shielded(2s, [&]() -> covey::task<> {
                    co_await covey::with_nursery([&](covey::nursery& nursery) {
                        for (const auto length : {2s, 9s}) {
                            nursery.start_soon([&ends, length]() -> covey::task<> {
                                co_await covey::sleep_for(length);
                                ends.push_back(std::to_string(length.count()));
                            });
                        }
                    });
                });
            });
        CHECK(stopped);
        CHECK(support::elapsed() == 3s);
        CHECK(ends == std::vector<std::string>{"2"});
    });
}

TEST_CASE("finally after a value: clean-up runs, the value comes out") {
    support::run_virtual([]() -> covey::task<> {
        support::trace order;
        const int value = co_await covey::finally(number_after(1s, 6), [&]() -> covey::task<> {
            order.step(1);
            co_await covey::sleep_for(1s);
            order.step(2);
        });
        order.done(3);
        CHECK(value == 6);
        CHECK(support::elapsed() == 2s);
        auto single = co_await covey::finally([] { return std::make_unique<int>(7); }, [] {});
        CHECK(*single == 7);
    });
}

TEST_CASE("finally after an error: clean-up runs, the error comes out as it is") {
    support::run_virtual([]() -> covey::task<> {
        support::trace order;
        const auto result = co_await covey::attempt(
            covey::finally(throw_after(1s, "the body"), [&]() -> covey::task<> {
                order.step(1);
                co_await covey::sleep_for(1s);
                order.step(2);
            }));
        order.done(3);
        CHECK(support::message_of(result.error()) == "the body");
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("finally after a cancellation: clean-up awaits, then the stop goes on") {
    support::run_virtual([]() -> covey::task<> {
        support::trace order;
        bool went_on = false;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                order.step(1);
                co_await covey::sleep_for(2s);
                co_await covey::checkpoint();
                order.step(2);
            });
            went_on = true;
        });
        CHECK_FALSE(result);
        CHECK_FALSE(went_on);
        order.done(3);
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("finally with two errors: a group, the body's first") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::attempt(covey::finally(
            throw_after(1s, "the body"), [] { return throw_after(1s, "clean-up"); }));
        REQUIRE(support::holds<covey::exception_group>(result.error()));
        try {
            std::rethrow_exception(result.error());
        } catch (const covey::exception_group& group) {
            CHECK(support::messages_of(group) == std::vector<std::string>{"the body", "clean-up"});
        }
    });
}

TEST_CASE("finally with a cancelled body and failing clean-up: that error, not the stop") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::attempt(covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(),
                                        [] { return throw_after(1s, "clean-up"); });
            }));
        CHECK(support::message_of(result.error()) == "clean-up");
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("finally after a value with failing clean-up: that error") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::attempt(
            covey::finally(number_after(0s, 1), []() -> void { throw std::range_error("plain"); }));
        CHECK(support::holds<std::range_error>(result.error()));
    });
}

TEST_CASE("clean-up may be cut by limits of its own, and cancelled by its own scope") {
    support::run_virtual([]() -> covey::task<> {
        bool cleaned = false;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                const auto cut = co_await covey::move_on_after(2s, covey::sleep_forever());
                CHECK_FALSE(cut);
                cleaned = true;
            });
        });
        CHECK_FALSE(result);
        CHECK(cleaned);
        CHECK(support::elapsed() == 3s);

        bool went_on = false;
        const int value = co_await covey::finally(number_after(0s, 2), [&]() -> covey::task<> {
            covey::current_scope().cancel();
            co_await covey::checkpoint();
            went_on = true;
        });
        CHECK(value == 2);
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("finally in finally: the inner clean-up is over before the outer one begins") {
    support::run_virtual([]() -> covey::task<> {
        support::trace order;
        const auto slow_note = [&order](const char* name) {
            return [&order, name]() -> covey::task<> {
                order.note(std::string(name) + "(");
                co_await covey::sleep_for(1s);
                order.note(std::string(")") + name);
            };
        };
        const auto result = co_await covey::move_on_after(
            1s, covey::finally(covey::finally(covey::sleep_forever(), slow_note("inner")),
                               slow_note("outer")));
        CHECK_FALSE(result);
        CHECK(order.text() == "inner( )inner outer( )outer");
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("a cancellation that comes during clean-up waits for it") {
    support::run_virtual([]() -> covey::task<> {
        int value = 0;
        const bool stopped =
            co_await cancelled_after_a_second([&](covey::cancel_scope&) -> covey::task<> {
                value = co_await covey::finally(number_after(0s, 3), covey::sleep_for(5s));
                CHECK(support::elapsed() == 5s);
            });
        CHECK(value == 3);
        CHECK_FALSE(stopped);
    });
}
