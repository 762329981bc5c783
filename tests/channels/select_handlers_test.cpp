// SPDX-License-Identifier: BSL-1.0
// Cases with handlers: what they are called with, and what select gives then.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

using namespace std::chrono_literals;
using covey::after;
using covey::on;
using covey::otherwise;
using covey::select;
using support::ending_of;
using support::run_virtual;

namespace {

using box = std::unique_ptr<int>;

int twice(int value) { return 2 * value; }

}  // namespace

TEST_CASE("the handler of the case that was chosen is called, and no other") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<int>(1);
        std::string seen;
        const auto round = [&, &rx = rx1, &tx = tx2](bool poll) -> covey::task<> {
            co_await select(on(rx, [&](int v) { seen += " got " + std::to_string(v); }),
                            on(tx, 5, [&] { seen += " sent"; }).when(!poll),
                            after(2s, [&] { seen += " late"; }).when(!poll),
                            otherwise([&] { seen += " nothing"; }).when(poll));
        };
        co_await tx1.send(1);
        co_await round(true);
        co_await round(true);
        co_await round(false);
        co_await round(false);
        CHECK(seen == " got 1 nothing sent late");
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("select gives what the handlers return, in place of each case's own") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        co_await tx.send(21);
        auto which = co_await select(on(rx, twice), on(tx, 1, [] { return std::string("sent"); }),
                                     after(1s, [] {}), covey::receive_from(rx).when(false),
                                     covey::at(covey::now() + 1s, [] { return 1.5; }));
        static_assert(std::same_as<decltype(which), std::variant<int, std::string, std::monostate,
                                                                 std::optional<int>, double>>);
        REQUIRE(which.index() == 0);
        CHECK(std::get<0>(which) == 42);
        auto second = co_await select(on(tx, 1, [] { return std::make_unique<int>(3); }));
        CHECK(*std::get<0>(second) == 3);
    });
}

TEST_CASE("a handler that takes an optional is told of the end, another one gets an error (M44)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        co_await tx.send(1);
        tx.close();
        const auto value = co_await select(
            on(rx, [](std::optional<int> v) { return v ? std::to_string(*v) : "end"; }));
        CHECK(std::get<0>(value) == "1");
        const auto end = co_await select(
            on(rx, [](const std::optional<int>& v) { return v ? std::to_string(*v) : "end"; }));
        CHECK(std::get<0>(end) == "end");
        const std::string plain = co_await ending_of(select(on(rx, twice)));
        CHECK(plain == "end");
        bool called = false;
        const std::string generic = co_await ending_of(select(on(rx, [&](auto v) {
            called = true;
            return v + 1;
        })));
        CHECK(generic == "end");
        CHECK_FALSE(called);
    });
}

TEST_CASE("a handler takes its value as it likes: by value, by reference, moved") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(1);
        int sum = 0;
        for (int i = 0; i < 3; ++i) {
            co_await tx.send(std::make_unique<int>(1));
            switch (i) {
                case 0: co_await select(on(rx, [&](box v) { sum += *v; })); break;
                case 1: co_await select(on(rx, [&](const box& v) { sum += *v; })); break;
                default: co_await select(on(rx, [&](box&& v) { sum += *v; }));
            }
        }
        CHECK(sum == 3);
    });
}

TEST_CASE("a handler may be a coroutine: it runs in the task that selects") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::string>(1);
        co_await tx.send("value");
        auto which =
            co_await select(on(rx,
                               [](const std::string& v) -> covey::task<std::size_t> {
                                   co_await covey::sleep_for(1s);  // the value outlives this
                                   co_return v.size();
                               }),
                            after(1s, []() -> covey::task<> { co_return; }),
                            on(tx, "x", [] { return 1; }).when(false));
        static_assert(
            std::same_as<decltype(which), std::variant<std::size_t, std::monostate, int>>);
        REQUIRE(which.index() == 0);
        CHECK(std::get<0>(which) == 5);
        CHECK(support::elapsed() == 1s);

        const auto late = co_await select(on(rx, [](std::string) -> covey::task<> { co_return; }),
                                          after(1s, [] { return covey::sleep_for(2s); }));
        CHECK(late.index() == 1);
        CHECK(support::elapsed() == 4s);

        const auto plain = co_await select(on(tx, "y", [] { return 7; }),
                                           after(1s, []() -> covey::task<> { co_return; }));
        CHECK(std::get<0>(plain) == 7);
    });
}

TEST_CASE("an error of a handler passes through, its case has taken effect") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        for (const bool coroutine : {false, true}) {
            co_await tx.send(1);
            std::string message;
            try {
                if (coroutine) {
                    co_await select(on(rx, [](int) -> covey::task<> {
                        co_await covey::checkpoint();
                        throw std::runtime_error("later");
                    }));
                } else {
                    co_await select(on(rx, [](int) { throw std::runtime_error("at once"); }));
                }
            } catch (const std::runtime_error& error) {
                message = error.what();
            }
            CHECK(message == (coroutine ? "later" : "at once"));
            CHECK(rx.statistics().current_buffer_used == 0);
        }
    });
}

TEST_CASE("a select with a coroutine handler is cancelled like any other (M22)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(0);
        const auto waiting = co_await covey::move_on_after(
            1s, select(on(rx, [](box) -> covey::task<> { co_return; })));
        CHECK_FALSE(waiting.finished());
        CHECK(rx.statistics().tasks_waiting_receive == 0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> { co_await tx.send(nullptr); });
            const auto handling = co_await covey::move_on_after(
                1s, select(on(rx, [](box) -> covey::task<> { co_await covey::sleep_forever(); })));
            CHECK_FALSE(handling.finished());
        });
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("a handler may select in turn") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        co_await tx.send(1);
        co_await tx.send(2);
        const auto both = co_await select(on(rx, [&in = rx](int first) -> covey::task<int> {
            const auto second = co_await select(on(in, [first](int v) { return first * 10 + v; }));
            co_return std::get<0>(second);
        }));
        CHECK(std::get<0>(both) == 12);
    });
}
