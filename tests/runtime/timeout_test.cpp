// SPDX-License-Identifier: BSL-1.0
#include <covey/timeout.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
using seconds = std::chrono::duration<double>;

covey::time_point at(covey::duration time) { return covey::time_point(time); }

covey::task<int> number_after(covey::duration length, int number) {
    co_await covey::sleep_for(length);
    co_return number;
}

covey::task<> fail_later(covey::duration length) {
    co_await covey::sleep_for(length);
    throw std::domain_error("the body's own");
}

// A type with and one without a boolean sense of its own.
struct plain {
    int number = 0;
};
struct testable {
    explicit operator bool() const { return true; }
};

}  // namespace

TEST_CASE("limited tests as a bool only where its value doesn't") {
    static_assert(std::is_constructible_v<bool, covey::limited<plain>>);
    static_assert(std::is_constructible_v<bool, covey::limited<std::string>>);
    static_assert(std::is_constructible_v<bool, covey::limited<void>>);
    static_assert(std::is_convertible_v<covey::limited<void>, bool>);
    static_assert(!std::is_convertible_v<covey::limited<plain>, bool>);
    static_assert(!std::is_constructible_v<bool, covey::limited<bool>>);
    static_assert(!std::is_constructible_v<bool, covey::limited<int>>);
    static_assert(!std::is_constructible_v<bool, covey::limited<testable>>);
    static_assert(!std::is_constructible_v<bool, covey::limited<std::optional<int>>>);
    static_assert(!std::is_constructible_v<bool, covey::limited<std::unique_ptr<int>>>);
    static_assert(std::is_convertible_v<covey::limited<int>, std::optional<int>>);
    static_assert(std::is_convertible_v<covey::limited<bool>, std::optional<bool>>);
    SUCCEED();
}

TEST_CASE("limited gives the value, a pointer to it, an optional, or says that there is none") {
    support::run_virtual([]() -> covey::task<> {
        auto word = co_await covey::move_on_after(1s, [] { return std::string("yes"); });
        CHECK(word.finished());
        CHECK(word);
        CHECK(*word == "yes");
        CHECK(word->size() == 3);
        const std::optional<std::string> copied = word;
        CHECK(copied == "yes");
        const std::optional<std::string> moved = std::move(word);
        CHECK(moved == "yes");

        auto none = co_await covey::move_on_after(1s, number_after(2s, 5));
        CHECK_FALSE(none.finished());
        CHECK_THROWS_AS(*none, std::bad_optional_access);
        const std::optional<int> empty = none;
        CHECK_FALSE(empty.has_value());

        auto single = co_await covey::move_on_after(
            1s, []() -> covey::task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); });
        const std::unique_ptr<int> taken = *std::move(single);
        CHECK(*taken == 4);
    });
}

TEST_CASE("move_on_after cuts a long sleep and goes on (TO02, C25)") {
    support::run_virtual([]() -> covey::task<> {
        const auto cut = co_await covey::move_on_after(5s, covey::sleep_for(10s));
        CHECK_FALSE(cut);
        CHECK(support::elapsed() == 5s);
        const auto finished = co_await covey::move_on_after(5s, covey::sleep_for(3s));
        CHECK(finished);
        CHECK(support::elapsed() == 8s);
        const auto at_time = co_await covey::move_on_at(at(9s), covey::sleep_forever());
        CHECK_FALSE(at_time);
        CHECK(support::elapsed() == 9s);
        co_await covey::sleep_for(10s);
        CHECK(support::elapsed() == 19s);
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("the limit counts from the moment the block is awaited (C23)") {
    support::run_virtual([]() -> covey::task<> {
        auto block = covey::move_on_after(5s, covey::sleep_forever());
        co_await covey::sleep_for(3s);
        const auto result = co_await std::move(block);
        CHECK_FALSE(result);
        CHECK(support::elapsed() == 8s);
    });
}

TEST_CASE("a body is an awaitable, or a function with or without the scope, plain or not (C25)") {
    support::run_virtual([]() -> covey::task<> {
        const auto of_task = co_await covey::move_on_after(1s, number_after(0s, 1));
        CHECK(*of_task == 1);
        const auto of_coroutine =
            co_await covey::move_on_after(1s, [] { return number_after(0s, 2); });
        CHECK(*of_coroutine == 2);
        const auto with_scope =
            co_await covey::move_on_after(1s, [](covey::cancel_scope& scope) -> covey::task<int> {
                CHECK(scope.deadline() == covey::now() + 1s);
                co_return 3;
            });
        CHECK(*with_scope == 3);
        const auto of_function = co_await covey::move_on_after(1s, [] { return 4; });
        CHECK(*of_function == 4);
        const auto of_awaitable =
            co_await covey::move_on_after(1s, [] { return covey::sleep_for(0s); });
        CHECK(of_awaitable.finished());
        covey::event flag;
        const auto of_event = co_await covey::move_on_after(1s, flag.wait());
        CHECK_FALSE(of_event);
        const int failing = co_await covey::fail_after(1s, number_after(0s, 5));
        CHECK(failing == 5);
        co_await covey::fail_after(1s, [](covey::cancel_scope&) {});
    });
}

TEST_CASE("fail_after and fail_at throw when they cut, and are silent otherwise (TO07, C25)") {
    support::run_virtual([]() -> covey::task<> {
        const auto cut = co_await covey::attempt(covey::fail_after(1s, covey::sleep_forever()));
        CHECK(support::holds<covey::too_slow_error>(cut.error()));
        CHECK(support::message_of(cut.error()).find("main") != std::string::npos);
        CHECK(support::elapsed() == 1s);
        const auto cut_at = co_await covey::attempt(covey::fail_at(at(2s), number_after(9s, 1)));
        CHECK(support::holds<covey::too_slow_error>(cut_at.error()));
        CHECK(support::elapsed() == 2s);
        const int value = co_await covey::fail_after(9s, number_after(1s, 6));
        CHECK(value == 6);
        co_await covey::fail_at(at(9s), covey::sleep_for(1s));
        CHECK(support::elapsed() == 4s);
    });
}

TEST_CASE("fail_after: the body's error goes before the limit's, its value before it too (C16)") {
    support::run_virtual([]() -> covey::task<> {
        const auto shielded_error =
            co_await covey::attempt(covey::fail_after(1s, covey::shielded(fail_later(3s))));
        CHECK(support::holds<std::domain_error>(shielded_error.error()));
        CHECK(support::elapsed() == 3s);
        const int value = co_await covey::fail_after(1s, covey::shielded(number_after(3s, 8)));
        CHECK(value == 8);
        CHECK(support::elapsed() == 6s);
        const auto moved_on =
            co_await covey::attempt(covey::move_on_after(1s, covey::shielded(fail_later(3s))));
        CHECK(support::holds<std::domain_error>(moved_on.error()));
    });
}

TEST_CASE(
    "fail_after cancelled by hand just ends: void returns, a value is a cancelled_error (C27)") {
    support::run_virtual([]() -> covey::task<> {
        bool went_on = false;
        co_await covey::fail_after(5s, [&](covey::cancel_scope& scope) -> covey::task<> {
            scope.cancel("not needed");
            co_await covey::checkpoint();
            went_on = true;
        });
        CHECK_FALSE(went_on);
        std::optional<covey::cancel_cause> cause;
        try {
            co_await covey::fail_after(5s, [&](covey::cancel_scope& scope) -> covey::task<int> {
                scope.cancel("not needed");
                co_await covey::checkpoint();
                co_return 1;
            });
        } catch (const covey::cancelled_error& error) {
            cause = error.cause();
        }
        REQUIRE(cause);
        CHECK(cause->source == covey::cancel_source::explicit_call);
        CHECK(cause->reason == "not needed");
        const int kept = co_await covey::fail_after(5s, [](covey::cancel_scope& scope) {
            scope.cancel();
            return 2;
        });
        CHECK(kept == 2);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("fail_after cut by an outer scope is no error of its own (C28)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outer =
            co_await covey::move_on_after(1s, covey::fail_after(5s, covey::sleep_forever()));
        CHECK_FALSE(outer);
        CHECK(support::elapsed() == 1s);
        // Both are over by the time of the checkpoint: the outer one absorbs.
        const auto both = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::fail_after(2s, [&]() -> covey::task<> {
                co_await covey::shielded(covey::sleep_for(3s));
                co_await covey::checkpoint();
            });
        });
        CHECK_FALSE(both);
    });
}

TEST_CASE("limits of zero: the body runs to its first checkpoint (C26, NB36)") {
    support::run_virtual([]() -> covey::task<> {
        bool started = false, went_on = false;
        const auto cut = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
            started = true;
            co_await covey::checkpoint_if_cancelled();
            went_on = true;
        });
        CHECK_FALSE(cut);
        CHECK(started);
        CHECK_FALSE(went_on);
        const auto without_checkpoint = co_await covey::move_on_after(0s, [] { return 1; });
        CHECK(*without_checkpoint == 1);
        const auto too_slow = co_await covey::attempt(covey::fail_after(0s, covey::checkpoint()));
        CHECK(support::holds<covey::too_slow_error>(too_slow.error()));
        co_await covey::fail_after(0s, [] {});
        const auto now = co_await covey::move_on_at(covey::now(), covey::checkpoint_if_cancelled());
        CHECK_FALSE(now);
        const auto past = co_await covey::move_on_at(at(-5s), covey::checkpoint_if_cancelled());
        CHECK_FALSE(past);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("absurd limits: negative and NaN are refused, infinite is for ever (TO08, C23)") {
    support::run_virtual([]() -> covey::task<> {
        CHECK_THROWS_AS(covey::move_on_after(-1ns, covey::checkpoint()), std::invalid_argument);
        CHECK_THROWS_AS(covey::move_on_after(-1h, covey::checkpoint()), std::invalid_argument);
        CHECK_THROWS_AS(covey::move_on_after(seconds(not_a_number), covey::checkpoint()),
                        std::invalid_argument);
        CHECK_THROWS_AS(covey::move_on_after(seconds(-infinite), covey::checkpoint()),
                        std::invalid_argument);
        CHECK_THROWS_AS(covey::fail_after(-1s, covey::checkpoint()), std::invalid_argument);
        CHECK_THROWS_AS(covey::fail_after(seconds(not_a_number), covey::checkpoint()),
                        std::invalid_argument);
        using point = std::chrono::time_point<covey::run_clock, seconds>;
        CHECK_THROWS_AS(covey::move_on_at(point(seconds(not_a_number)), covey::checkpoint()),
                        std::invalid_argument);
        CHECK_THROWS_AS(covey::fail_at(point(seconds(not_a_number)), covey::checkpoint()),
                        std::invalid_argument);
        const auto minus_infinite =
            co_await covey::move_on_at(point(seconds(-infinite)), covey::sleep_forever());
        CHECK_FALSE(minus_infinite);

        const auto check_for_ever = [](auto limit) -> covey::task<> {
            const auto result =
                co_await covey::move_on_after(limit, [](covey::cancel_scope& scope) {
                    CHECK(scope.deadline() == covey::time_point::max());
                    CHECK(covey::testing::leaks().timers == 0);
                    return covey::sleep_for(24h * 365);
                });
            CHECK(result.finished());
        };
        co_await check_for_ever(covey::never);
        co_await check_for_ever(seconds(infinite));
        co_await check_for_ever(seconds::max());
        co_await check_for_ever(std::chrono::hours::max());
        co_await check_for_ever(std::chrono::duration<long double>(1e30L));
        co_await check_for_ever(std::chrono::duration<float>(std::numeric_limits<float>::max()));
        co_await check_for_ever(std::chrono::duration<std::uint64_t>(UINT64_MAX));
        CHECK(support::elapsed() == 24h * 365 * 7);
        const auto infinite_point =
            co_await covey::move_on_at(point(seconds(infinite)), covey::sleep_for(1s));
        CHECK(infinite_point.finished());
    });
}

TEST_CASE("a shielded limit ignores the outer cancel until it is unshielded (TO04, C29)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outside =
            co_await covey::with_cancel_scope([](covey::cancel_scope& outer) -> covey::task<> {
                outer.cancel();
                const auto own = co_await covey::move_on_after(
                    10s, [](covey::cancel_scope& scope) -> covey::task<> {
                        scope.set_shield(true);
                        co_await covey::sleep_for(20s);
                    });
                CHECK_FALSE(own);  // its own limit works behind the shield
                CHECK(support::elapsed() == 10s);
                const auto exposed = co_await covey::move_on_after(
                    10s, [](covey::cancel_scope& scope) -> covey::task<> {
                        scope.set_shield(true);
                        co_await covey::sleep_for(5s);
                        scope.set_shield(false);
                        co_await covey::sleep_for(1s);
                        FAIL("passed");
                    });
                static_cast<void>(exposed);
                FAIL("passed");
            });
        CHECK_FALSE(outside.finished());
        CHECK(support::elapsed() == 15s);
    });
}

TEST_CASE("2 s around 4 s around a sleep of 5: the outer one catches, at 2 (CX01)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> outer_kept, inner_kept;
        bool after_inner = false;
        const auto outside =
            co_await covey::move_on_after(2s, [&](covey::cancel_scope& outer) -> covey::task<> {
                outer_kept.emplace(outer.handle());
                const auto inside = co_await covey::move_on_after(
                    4s, [&](covey::cancel_scope& inner) -> covey::task<> {
                        inner_kept.emplace(inner.handle());
                        co_await covey::sleep_for(5s);
                    });
                static_cast<void>(inside);
                after_inner = true;
            });
        CHECK_FALSE(outside);
        CHECK(support::elapsed() == 2s);
        CHECK_FALSE(after_inner);
        CHECK(outer_kept->cancelled_caught());
        CHECK_FALSE(inner_kept->cancelled_caught());
        CHECK_FALSE(inner_kept->cancel_called());
    });
}

TEST_CASE("4 s around 2 s around a sleep of 5: the inner one catches, and the rest runs (CX01)") {
    support::run_virtual([]() -> covey::task<> {
        bool after_inner = false;
        const auto outside = co_await covey::move_on_after(4s, [&]() -> covey::task<> {
            const auto inside = co_await covey::move_on_after(2s, covey::sleep_for(5s));
            CHECK_FALSE(inside);
            CHECK(support::elapsed() == 2s);
            after_inner = true;
            co_await covey::sleep_for(1s);
        });
        CHECK(outside);
        CHECK(after_inner);
        CHECK(support::elapsed() == 3s);
    });
}

TEST_CASE("2 s around 4 s, the outer limit extended from inside: the inner one cuts at 4 (CX01)") {
    support::run_virtual([]() -> covey::task<> {
        const auto outside =
            co_await covey::move_on_after(2s, [](covey::cancel_scope& outer) -> covey::task<> {
                const auto inside = co_await covey::move_on_after(4s, [&]() -> covey::task<> {
                    outer.set_deadline(outer.deadline() + 3s);
                    co_await covey::sleep_for(5s);
                });
                CHECK_FALSE(inside);
                CHECK(support::elapsed() == 4s);
            });
        CHECK(outside);
    });
}

TEST_CASE(
    "a request that is too slow, and a second one in the clean-up: only a shield helps (CX02)") {
    support::run_virtual([]() -> covey::task<> {
        bool without_shield = false, with_shield = false;
        const auto first = co_await covey::move_on_after(2s, [&]() -> covey::task<> {
            co_await covey::finally(covey::sleep_for(3s), [&]() -> covey::task<> {
                // What finally() protects is given up again: as clean-up in a destructor's place.
                covey::current_scope().set_shield(false);
                co_await covey::sleep_for(1s);
                without_shield = true;
            });
        });
        CHECK_FALSE(first);
        CHECK_FALSE(without_shield);
        CHECK(support::elapsed() == 2s);
        const auto second = co_await covey::move_on_after(2s, [&]() -> covey::task<> {
            co_await covey::finally(covey::sleep_for(3s), [&]() -> covey::task<> {
                co_await covey::shielded(covey::sleep_for(1s));
                with_shield = true;
            });
        });
        CHECK_FALSE(second);
        CHECK(with_shield);
        CHECK(support::elapsed() == 5s);  // 2 + (2 + 1)
    });
}

TEST_CASE("a value that can be moved but not assigned comes out of every block") {
    struct sealed {
        const int number;
    };
    support::run_virtual([]() -> covey::task<> {
        const auto make = []() -> covey::task<sealed> { co_return sealed{3}; };
        const auto limited = co_await covey::move_on_after(1s, make);
        CHECK(limited->number == 3);
        const sealed in_time = co_await covey::fail_after(1s, make);
        CHECK(in_time.number == 3);
        const auto outcome = co_await covey::attempt(make);
        CHECK(outcome.value().number == 3);
        const sealed of_block =
            co_await covey::with_nursery([&](covey::nursery&) { return make(); });
        CHECK(of_block.number == 3);
        const sealed cleaned = co_await covey::finally(make, [] {});
        CHECK(cleaned.number == 3);
    });
}

TEST_CASE("blocks around an operation: a stop that comes from outside goes through all (C5, C22)") {
    bool went_on = false;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
            outer.set_deadline(at(1s));
            static_cast<void>(
                co_await covey::move_on_after(5s, covey::move_on_after(6s, covey::sleep_for(7s))));
            went_on = true;
        });
        CHECK(support::elapsed() == 1s);
        const auto cut =
            co_await covey::move_on_after(5s, covey::move_on_after(1s, covey::sleep_for(7s)));
        CHECK(support::elapsed() == 2s);
        REQUIRE(cut.finished());
        CHECK_FALSE(cut->finished());
        const auto cut_outside =
            co_await covey::move_on_after(1s, covey::move_on_after(5s, covey::sleep_for(7s)));
        CHECK(support::elapsed() == 3s);
        CHECK_FALSE(cut_outside.finished());
    });
    CHECK_FALSE(went_on);
}

TEST_CASE("a block whose operation is cut off runs on, and its frame is the one that was (C22)") {
    support::run_virtual([]() -> covey::task<> {
        covey::event never_set;
        int rounds = 0;
        for (; rounds < 3; ++rounds) {
            const auto met = co_await covey::move_on_after(1s, never_set.wait());
            CHECK_FALSE(met);
        }
        // Its frame can still be stopped from outside, end, and be resumed by others.
        const auto stopped = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            const auto met = co_await covey::move_on_after(0s, never_set.wait());
            CHECK_FALSE(met);
            co_await never_set.wait();
        });
        CHECK_FALSE(stopped);
        co_await covey::sleep_for(1s);
        CHECK(support::elapsed() == 5s);
    });
}

TEST_CASE("an operation that can't begin is an error of the block, which has left its scope") {
    support::run_virtual([]() -> covey::task<> {
        covey::cancel_scope& root = covey::current_scope();
        covey::event soon;
        soon.set();
        auto operation = soon.wait();
        co_await operation;
        const auto outcome = co_await covey::attempt([&]() -> covey::task<> {
            static_cast<void>(co_await covey::move_on_after(1h, std::move(operation)));
        });
        CHECK_THROWS_AS(outcome.value(), std::logic_error);
        CHECK(&covey::current_scope() == &root);
    });
}

TEST_CASE("a block is awaited once") {
    support::run_virtual([]() -> covey::task<> {
        auto block = covey::move_on_after(1s, covey::sleep_for(2s));
        const auto cut = co_await block;
        CHECK_FALSE(cut);
        const auto again =
            co_await covey::attempt([&]() -> covey::task<> { static_cast<void>(co_await block); });
        CHECK_THROWS_WITH(again.value(), Catch::Matchers::Contains("awaited a second time"));
        auto moved = covey::fail_after(1s, [] { return 1; });
        auto to = std::move(moved);
        const int value = co_await to;
        CHECK(value == 1);
        const auto empty =
            co_await covey::attempt([&]() -> covey::task<> { static_cast<void>(co_await moved); });
        CHECK_THROWS_WITH(empty.value(), Catch::Matchers::Contains("moved from"));
    });
}
