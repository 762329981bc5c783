// SPDX-License-Identifier: BSL-1.0
#include <covey/task.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

// How deep and how often awaits go: in every build, sanitizers included.
constexpr int deep = 100'000;
constexpr int many = 1'000'000;

struct says_when_destroyed {
    support::trace* order;
    std::string name;
    says_when_destroyed(support::trace& where, std::string what)
        : order(&where), name(std::move(what)) {}
    says_when_destroyed(const says_when_destroyed&) = delete;
    says_when_destroyed& operator=(const says_when_destroyed&) = delete;
    ~says_when_destroyed() { order->note(name); }
};

covey::task<int> give(int value) { co_return value; }

covey::task<int> count_down(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await count_down(depth - 1);
    co_return below + 1;
}

covey::task<> fail_down(int depth, int& destroyed) {
    struct counts {
        int& destroyed;
        ~counts() { ++destroyed; }
    } const local{destroyed};
    if (depth == 0) throw std::runtime_error("the bottom");
    co_await fail_down(depth - 1, destroyed);
}

covey::task<> wait_down(int depth, int& destroyed) {
    struct counts {
        int& destroyed;
        ~counts() { ++destroyed; }
    } const local{destroyed};
    if (depth == 0) {
        co_await covey::sleep_forever();
    } else {
        co_await wait_down(depth - 1, destroyed);
    }
}

}  // namespace

TEST_CASE("a task runs nothing until it is awaited") {
    support::trace trace;
    support::run_virtual([&]() -> covey::task<> {
        const auto body = [&]() -> covey::task<int> {
            trace.step(2);
            co_return 1;
        };
        auto task = body();
        trace.step(1);
        const int value = co_await std::move(task);
        CHECK(value == 1);
        trace.step(3);
    });
    trace.done(4);
}

TEST_CASE("a task that is never awaited never runs, and frees its arguments") {
    auto argument = std::make_shared<int>(1);
    bool ran = false;
    support::run_virtual([&]() -> covey::task<> {
        const auto body = [&ran](std::shared_ptr<int>) -> covey::task<> {
            ran = true;
            co_return;
        };
        {
            const auto unused = body(argument);
            CHECK(argument.use_count() == 2);
        }
        CHECK(argument.use_count() == 1);
        co_return;
    });
    CHECK_FALSE(ran);
}

TEST_CASE("a task only moves, and may be assigned over") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<covey::task<int>>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<covey::task<int>>);
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<covey::task<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<covey::task<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<covey::task<int>>);

    support::run_virtual([]() -> covey::task<> {
        auto task = give(1);
        task = give(2);
        auto other = std::move(task);
        const int value = co_await std::move(other);
        CHECK(value == 2);
    });
}

TEST_CASE("a task awaited twice throws with its name") {
    support::run_virtual([]() -> covey::task<> {
        auto task = give(5);
        const int first = co_await std::move(task);
        CHECK(first == 5);
        std::string message;
        try {
            // NOLINTNEXTLINE(bugprone-use-after-move): that is what is tested
            static_cast<void>(co_await std::move(task));
            FAIL("awaited twice");
        } catch (const std::logic_error& error) {
            message = error.what();
        }
        CHECK_THAT(message, Contains("give") && Contains("awaited a second time"));
    });
}

TEST_CASE("a task awaited after it was moved from throws in every block that takes one") {
    support::run_virtual([]() -> covey::task<> {
        auto task = give(5);
        auto taken = std::move(task);
        int refused = 0;
        try {
            // NOLINTNEXTLINE(bugprone-use-after-move): that is what is tested
            static_cast<void>(co_await covey::move_on_after(1s, std::move(task)));
        } catch (const std::logic_error&) {
            ++refused;
        }
        CHECK(refused == 1);
        const int value = co_await std::move(taken);
        CHECK(value == 5);
    });
}

TEST_CASE("values of all kinds come through, without a copy") {
    struct no_default {
        explicit no_default(int number) noexcept : value(number) {}
        int value;
    };
    support::run_virtual([]() -> covey::task<> {
        const auto unique = []() -> covey::task<std::unique_ptr<int>> {
            co_return std::make_unique<int>(3);
        };
        const auto plain = []() -> covey::task<no_default> { co_return no_default(4); };
        const auto maybe = []() -> covey::task<std::optional<int>> { co_return std::nullopt; };
        const auto braces = []() -> covey::task<std::pair<int, std::string>> {
            co_return {1, "one"};
        };
        const auto pointer = co_await unique();
        CHECK(*pointer == 3);
        const no_default object = co_await plain();
        CHECK(object.value == 4);
        const auto nothing = co_await maybe();
        CHECK_FALSE(nothing.has_value());
        const auto pair = co_await braces();
        CHECK(pair == std::pair<int, std::string>(1, "one"));
    });
}

TEST_CASE("an error passes through every await up to the one that catches it") {
    support::trace trace;
    support::run_virtual([&]() -> covey::task<> {
        const auto inner = [&]() -> covey::task<int> {
            const says_when_destroyed local(trace, "inner");
            co_await covey::checkpoint();
            throw std::out_of_range("too far");
        };
        const auto middle = [&]() -> covey::task<int> {
            const says_when_destroyed local(trace, "middle");
            co_return co_await inner();
        };
        try {
            static_cast<void>(co_await middle());
        } catch (const std::out_of_range& error) {
            trace.note(error.what());
        }
    });
    CHECK(trace.text() == "inner middle too far");
}

TEST_CASE("awaiting and returning are no checkpoints (K3)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::testing::expect_no_checkpoints([]() -> covey::task<> {
            const int value = co_await give(1);
            CHECK(value == 1);
        });
        // Even a cancelled task goes on through any number of awaits.
        bool reached = false;
        const bool finished =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                for (int i = 0; i < 100; ++i) static_cast<void>(co_await give(i));
                reached = true;
            });
        CHECK(reached);
        CHECK(finished);
    });
}

TEST_CASE("a million synchronous awaits in a row need no stack") {
    const long sum = support::run_virtual([]() -> covey::task<long> {
        long total = 0;
        for (int i = 0; i < many; ++i) {
            const int one = co_await give(1);
            total += one;
        }
        co_return total;
    });
    CHECK(sum == many);
}

TEST_CASE("a hundred thousand awaits deep return a value without growing the stack") {
    const int depth =
        support::run_virtual([]() -> covey::task<int> { co_return co_await count_down(deep); });
    CHECK(depth == deep);
}

TEST_CASE("an error from a hundred thousand awaits deep comes out without growing the stack") {
    int destroyed = 0;
    std::string message;
    support::run_virtual([&]() -> covey::task<> {
        try {
            co_await fail_down(deep, destroyed);
        } catch (const std::runtime_error& error) {
            message = error.what();
        }
    });
    CHECK(message == "the bottom");
    CHECK(destroyed == deep + 1);
}

TEST_CASE("a cancellation a hundred thousand awaits deep unwinds without growing the stack (R10)") {
    int destroyed = 0;
    support::run_virtual([&]() -> covey::task<> {
        const bool finished = co_await covey::move_on_after(1s, wait_down(deep, destroyed));
        CHECK_FALSE(finished);
        CHECK(support::elapsed() == 1s);
    });
    CHECK(destroyed == deep + 1);
}

TEST_CASE("an unstarted chain of tasks as arguments is freed with its owner") {
    auto argument = std::make_shared<int>(1);
    support::run_virtual([&]() -> covey::task<> {
        std::vector<covey::task<int>> held;
        for (int i = 0; i < 1000; ++i) {
            held.push_back(
                [](std::shared_ptr<int> kept) -> covey::task<int> { co_return *kept; }(argument));
        }
        CHECK(argument.use_count() == 1001);
        held.clear();
        CHECK(argument.use_count() == 1);
        co_return;
    });
}

TEST_CASE("locals of a cancelled task go at once, from the innermost frame outwards (R10)") {
    support::trace trace;
    support::run_virtual([&]() -> covey::task<> {
        const auto inner = [&]() -> covey::task<> {
            const says_when_destroyed first(trace, "inner 1");
            const says_when_destroyed second(trace, "inner 2");
            co_await covey::sleep_forever();
            trace.note("never");
        };
        const auto outer = [&](std::unique_ptr<says_when_destroyed>) -> covey::task<> {
            const says_when_destroyed local(trace, "outer");
            co_await inner();
            trace.note("never");
        };
        const bool finished = co_await covey::move_on_after(
            2s, outer(std::make_unique<says_when_destroyed>(trace, "argument")));
        CHECK_FALSE(finished);
        trace.note("after");
        CHECK(support::elapsed() == 2s);
    });
    CHECK(trace.text() == "inner 2 inner 1 outer argument after");
}

TEST_CASE("no catch clause sees a cancellation (C2)") {
    int caught = 0;
    support::run_virtual([&]() -> covey::task<> {
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            try {
                co_await covey::sleep_forever();
            } catch (...) {
                ++caught;
            }
            ++caught;
        });
        CHECK_FALSE(finished);
    });
    CHECK(caught == 0);
}

TEST_CASE("destructors that run during unwinding may use covey but for awaiting") {
    support::trace trace;
    support::run_virtual([&]() -> covey::task<> {
        struct looks_around {
            support::trace& trace;
            ~looks_around() {
                trace.note(covey::current_scope().cancel_called() ? "cancelled" : "not");
                trace.note(support::elapsed() == 1s ? "1s" : "?");
            }
        };
        co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            const looks_around local{trace};
            co_await covey::sleep_forever();
        });
    });
    CHECK(trace.text() == "cancelled 1s");
}
