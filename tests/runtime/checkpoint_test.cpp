// SPDX-License-Identifier: BSL-1.0
#include <covey/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
using seconds = std::chrono::duration<double>;

// Sleeps, and notes its name when it wakes.
covey::task<> nap(support::trace& order, covey::duration length, const char* name) {
    co_await covey::sleep_for(length);
    order.note(name);
}

// Switches the yield after every operation on for a block.
class yielding {
 public:
    yielding() : before_(covey::testing::set_yield_every_operation(true)) {}
    yielding(const yielding&) = delete;
    yielding& operator=(const yielding&) = delete;
    ~yielding() { covey::testing::set_yield_every_operation(before_); }

 private:
    bool before_;
};

}  // namespace

TEST_CASE("checkpoint lets the others run first (K1, K8)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&] { order.note("child"); });
                order.note("before");
                co_await covey::checkpoint();
                co_await covey::checkpoint();
                order.note("after");
            });
        });
        CHECK(order.text() == "before child after");
    }
}

TEST_CASE("checkpoint_if_cancelled lets nobody run (K9)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&] { order.note("child"); });
                for (int i = 0; i < 1000; ++i) co_await covey::checkpoint_if_cancelled();
                order.note("body");
            });
        });
        CHECK(order.text() == "body child");
    }
}

TEST_CASE("a deadline that passes while a checkpoint yields is met by that checkpoint (K8)") {
    covey::testing::virtual_clock clock;
    for (const std::uint64_t seed : support::seeds()) {
        support::run_checked({.workers = 1, .clock = &clock, .seed = seed}, [&]() -> covey::task<> {
            bool went_on = false;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                    // Time passes in another task, while this one is in the queue.
                    nursery.start_soon([&] { clock.jump(2s); });
                    co_await covey::checkpoint();
                    co_await covey::checkpoint();
                    went_on = true;
                });
                CHECK_FALSE(result);
            });
            CHECK_FALSE(went_on);
        });
    }
}

TEST_CASE(
    "a cancellation that comes while a checkpoint yields is met by it, a lifted one is not (K8)") {
    for (const bool lifted : {false, true}) {
        support::run_virtual([&]() -> covey::task<> {
            bool went_on = false;
            covey::cancel_scope* inner_scope = nullptr;
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                    const auto inside = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& inner) -> covey::task<> {
                            inner_scope = &inner;
                            co_await covey::with_nursery(
                                [&](covey::nursery& nursery) -> covey::task<> {
                                    nursery.scope().set_shield(true);
                                    nursery.start_soon([&] {
                                        outer.cancel();
                                        inner_scope->set_shield(lifted);
                                        nursery.scope().set_shield(false);
                                    });
                                    co_await covey::checkpoint();
                                    co_await covey::checkpoint();
                                    went_on = true;
                                });
                        });
                    CHECK(inside.finished() == lifted);
                });
            CHECK(went_on == lifted);
            CHECK(result.finished() == lifted);
        });
    }
}

TEST_CASE("sleeping lasts as long as asked, in virtual time exactly (TO01, Q4)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::sleep_for(1s);
        CHECK(support::elapsed() == 1s);
        co_await covey::sleep_for(1500ms);
        CHECK(support::elapsed() == 2500ms);
        co_await covey::sleep_for(seconds(0.25));
        CHECK(support::elapsed() == 2750ms);
        co_await covey::sleep_until(covey::time_point(4s));
        CHECK(support::elapsed() == 4s);
        co_await covey::sleep_for(1ns);
        CHECK(support::elapsed() == 4s + 1ns);
    });
}

TEST_CASE("a sleep is never shorter than asked: fractions of a nanosecond are rounded up (C33)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::sleep_for(std::chrono::duration<double, std::pico>(1.0));
        CHECK(support::elapsed() == 1ns);
        co_await covey::sleep_for(std::chrono::duration<int, std::pico>(1001));
        CHECK(support::elapsed() == 3ns);
        co_await covey::sleep_for(seconds(1e-10));
        CHECK(support::elapsed() == 4ns);
    });
}

TEST_CASE(
    "a sleep of nothing and one into the past let others run, take no time, and are cancelled "
    "(C30, TO01)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&] { order.note("child"); });
                co_await covey::sleep_for(0s);
                co_await covey::sleep_until(covey::now() - 1h);
                order.note("body");
            });
            CHECK(support::elapsed() == 0s);
            const auto expired = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
                co_await covey::sleep_for(0s);
                order.note("passed");
            });
            CHECK_FALSE(expired);
        });
        CHECK(order.text() == "child body");
    }
}

TEST_CASE(
    "absurd lengths of sleep: negative and NaN are refused, infinite is for ever (C30, TO08)") {
    using point = std::chrono::time_point<covey::run_clock, seconds>;
    support::run_virtual([]() -> covey::task<> {
        CHECK_THROWS_AS(covey::sleep_for(-1ns), std::invalid_argument);
        CHECK_THROWS_AS(covey::sleep_for(std::chrono::hours::min()), std::invalid_argument);
        CHECK_THROWS_AS(covey::sleep_for(seconds(not_a_number)), std::invalid_argument);
        CHECK_THROWS_AS(covey::sleep_for(seconds(-infinite)), std::invalid_argument);
        CHECK_THROWS_AS(covey::sleep_for(std::chrono::duration<long double>(-0.1L)),
                        std::invalid_argument);
        CHECK_THROWS_AS(covey::sleep_until(point(seconds(not_a_number))), std::invalid_argument);
        co_await covey::sleep_for(seconds(-0.0));
        co_await covey::sleep_until(point(seconds(-infinite)));  // long past: legal
        co_await covey::sleep_until(point(seconds(-3.5)));
        CHECK(support::elapsed() == 0s);

        const auto check_for_ever = [](auto length) -> covey::task<> {
            const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                co_await covey::sleep_for(length);
                FAIL("it woke");
            });
            CHECK_FALSE(result);
        };
        co_await check_for_ever(covey::never);
        co_await check_for_ever(covey::never - 1ns);
        co_await check_for_ever(seconds(infinite));
        co_await check_for_ever(seconds::max());
        co_await check_for_ever(std::chrono::hours::max());
        co_await check_for_ever(std::chrono::duration<long double, std::nano>(9.3e18L));
        co_await check_for_ever(std::chrono::duration<std::uint64_t, std::nano>(UINT64_MAX));
        CHECK(support::elapsed() == 7s);
    });
}

TEST_CASE("sleepers wake in the order of their times, equal ones together (C34, Q4)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(nap, std::ref(order), 3s, "c");
                nursery.start_soon(nap, std::ref(order), 1s, "a");
                nursery.start_soon(nap, std::ref(order), 9s, "e");
                nursery.start_soon(nap, std::ref(order), 2s, "b");
                nursery.start_soon(nap, std::ref(order), 8s, "d");
            });
            CHECK(support::elapsed() == 9s);
        });
        CHECK(order.text() == "a b c d e");
    }
}

TEST_CASE(
    "a thousand sleepers in a thousand orders wake in order, and cancelled ones not at all (C3)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        std::vector<std::int64_t> woken;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < 1000; ++i) {
                    const auto length = std::chrono::milliseconds((i * 7919 + 13) % 1009);
                    auto handle = nursery.spawn([&woken, length]() -> covey::task<> {
                        co_await covey::sleep_for(length);
                        CHECK(support::elapsed() == length);
                        woken.push_back(length.count());
                    });
                    if (i % 3 == 0) handle.cancel();
                    if (i % 5 == 0) co_await covey::testing::wait_all_tasks_blocked();
                }
            });
        });
        CHECK(woken.size() == 666);
        CHECK(std::is_sorted(woken.begin(), woken.end()));
    }
}

TEST_CASE("sleep_forever ends only by cancellation (K18)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(24h * 365 * 100, covey::sleep_forever());
        CHECK_FALSE(result);
        CHECK(support::elapsed() == 24h * 365 * 100);
    });
}

TEST_CASE("an operation that needs no wait yields in the end: nobody starves (K1, R20)") {
    support::run_virtual([]() -> covey::task<> {
        bool other_ran = false;
        covey::event set;
        set.set();
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&] { other_ran = true; });
            int waits = 0;
            while (!other_ran) {
                co_await set.wait();
                ++waits;
                REQUIRE(waits < 10'000);
            }
            CHECK(waits > 1);  // amortised: not each time
        });
    });
}

TEST_CASE("the switch makes every operation yield (K1)") {
    const yielding each_time;
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            bool other_ran = false;
            covey::event set;
            set.set();
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&] { other_ran = true; });
                co_await set.wait();
                co_await set.wait();
                CHECK(other_ran);
            });
        });
    }
}

TEST_CASE("the yield after a decided operation is no place for a cancellation (K11, K17)") {
    const yielding each_time;
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            bool got_it = false, went_on = false;
            covey::event set;
            set.set();
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        nursery.start_soon([&, handle = scope.handle()] {
                            if (!got_it) handle.cancel();
                        });
                        co_await set.wait();  // the other one runs in this yield, or in the next
                        got_it = true;
                        co_await covey::checkpoint();
                        co_await covey::checkpoint();
                        went_on = true;
                    });
                static_cast<void>(result);
            });
            CHECK(got_it);
        });
    }
}

TEST_CASE("what waits belongs to a task: outside a run it throws (RN18)") {
    CHECK_THROWS_AS(covey::now(), std::logic_error);
    CHECK_THROWS_AS(covey::checkpoint().await_ready(), std::logic_error);
    CHECK_THROWS_AS(covey::sleep_for(1s).await_ready(), std::logic_error);
    covey::event flag;
    CHECK_THROWS_AS(flag.wait().await_ready(), std::logic_error);
}
