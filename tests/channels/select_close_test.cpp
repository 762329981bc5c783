// SPDX-License-Identifier: BSL-1.0
// Select on channels that end, break, are closed or drop values.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>

#include <memory>
#include <string>
#include <utility>
#include <variant>

using namespace std::chrono_literals;
using covey::after;
using covey::receive_from;
using covey::select;
using covey::send_to;
using support::ending_of;
using support::run_virtual;
using support::seeds;

namespace {

using box = std::unique_ptr<int>;

}  // namespace

TEST_CASE("a receiving case at the end of its channel is ready with nullopt (M44)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        co_await tx.send(1);
        tx.close();
        auto last = co_await select(receive_from(rx), after(1s));
        CHECK(std::get<0>(last) == 1);
        auto end = co_await select(receive_from(rx), after(1s));
        REQUIRE(end.index() == 0);
        CHECK_FALSE(std::get<0>(end).has_value());

        auto [tx2, rx2] = covey::open_memory_channel<int>(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::testing::wait_all_tasks_blocked();
                tx2.close();
            });
            auto waited = co_await select(receive_from(rx2), after(1h));
            REQUIRE(waited.index() == 0);
            CHECK_FALSE(std::get<0>(waited).has_value());
        });
    });
}

TEST_CASE("a case on a closed or broken channel throws, and its value is untouched (M42-M46)") {
    run_virtual([]() -> covey::task<> {
        auto value = std::make_unique<int>(1);
        auto [tx, rx] = covey::open_memory_channel<box>(0);
        auto [other_tx, other_rx] = covey::open_memory_channel<box>(0);
        tx.close();
        const std::string closed_tx = co_await ending_of(select(send_to(tx, value), after(1s)));
        CHECK(closed_tx == "closed");
        rx.close();
        const std::string closed_rx = co_await ending_of(select(receive_from(rx), after(1s)));
        CHECK(closed_rx == "closed");
        other_rx.close();
        const std::string broken =
            co_await ending_of(select(receive_from(other_rx.closed() ? rx : other_rx).when(false),
                                      send_to(other_tx, value), after(1s)));
        CHECK(broken == "broken");
        REQUIRE(value != nullptr);
        CHECK(*value == 1);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("a closed end that is not chosen doesn't throw") {
    std::size_t closed = 0, values = 0;
    for (const std::uint64_t seed : seeds(50)) {
        run_virtual(seed, [&]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(1);
            auto [other_tx, other_rx] = covey::open_memory_channel<int>(1);
            other_rx.close();
            co_await tx.send(1);
            const std::string how =
                co_await ending_of(select(receive_from(rx), receive_from(other_rx)));
            ++(how == "done" ? values : closed);
            CHECK(rx.statistics().current_buffer_used == (how == "done" ? 0U : 1U));
        });
    }
    if (values + closed > 1) CHECK((values > 0 && closed > 0));
}

TEST_CASE("an end that was moved from is refused where the case is made") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        const auto kept_tx = std::move(tx);
        const auto kept_rx = std::move(rx);
        CHECK_THROWS_AS(send_to(tx, 1), covey::closed_resource_error);
        CHECK_THROWS_AS(receive_from(rx), covey::closed_resource_error);
        co_await covey::checkpoint();
    });
}

TEST_CASE("closing an end ends the select that waits on it, and only that (M42, M43, M45)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(0);
        auto [other_tx, other_rx] = covey::open_memory_channel<box>(0);
        auto first = rx.clone();
        std::string of_first, of_second, of_send;
        box value = std::make_unique<int>(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                of_first = co_await ending_of(select(receive_from(first), receive_from(other_rx)));
            });
            nursery.start_soon([&]() -> covey::task<> {
                of_second = co_await ending_of(select(receive_from(other_rx), receive_from(rx)));
            });
            co_await covey::testing::wait_all_tasks_blocked();
            first.close();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(of_first == "closed");
            CHECK(of_second == "");
            CHECK(other_rx.statistics().tasks_waiting_receive == 1);
            CHECK(tx.try_send(std::make_unique<int>(2)));
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(of_second == "done");

            nursery.start_soon([&]() -> covey::task<> {
                of_send = co_await ending_of(
                    select(receive_from(other_rx), send_to(tx, value), after(1h)));
            });
            co_await covey::testing::wait_all_tasks_blocked();
            rx.close();
        });
        CHECK(of_send == "broken");
        REQUIRE(value != nullptr);
        CHECK(*value == 1);
    });
}

TEST_CASE("an end that is destroyed while a select waits on it closes (M5)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto [other_tx, other_rx] = covey::open_memory_channel<int>(0);
        std::string how;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            auto gone = std::make_unique<covey::receive_channel<int>>(rx.clone());
            nursery.start_soon([&, &end = *gone]() -> covey::task<> {
                how = co_await ending_of(select(receive_from(end), receive_from(other_rx)));
            });
            co_await covey::testing::wait_all_tasks_blocked();
            gone.reset();
        });
        CHECK(how == "closed");
    });
}

TEST_CASE("a send case takes part in its channel's overflow policy, at once") {
    run_virtual([]() -> covey::task<> {
        using covey::overflow;
        for (const overflow policy : {overflow::drop_newest, overflow::drop_oldest}) {
            auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(1, policy);
            const auto first = std::make_shared<int>(1), second = std::make_shared<int>(2);
            co_await select(send_to(tx, first));
            const auto which = co_await select(send_to(tx, second), after(1h));
            CHECK(which.index() == 0);
            CHECK(tx.statistics().dropped == 1);
            CHECK(first.use_count() + second.use_count() == 3);  // one is destroyed
            CHECK(**rx.try_receive() == (policy == overflow::drop_newest ? 1 : 2));
        }
        auto [tx, rx] = covey::open_memory_channel<box>(1, overflow::fail);
        box value = std::make_unique<int>(1);
        co_await select(send_to(tx, value));
        value = std::make_unique<int>(2);
        const std::string full = co_await ending_of(select(send_to(tx, value), after(1h)));
        CHECK(full == "full");
        REQUIRE(value != nullptr);
        CHECK(*value == 2);
    });
}

TEST_CASE("a value that is dropped is destroyed when no lock is held") {
    struct looks_back {
        const covey::send_channel<std::unique_ptr<looks_back>>* tx;
        std::size_t* seen;
        ~looks_back() { *seen += tx->statistics().dropped; }
    };
    run_virtual([]() -> covey::task<> {
        std::size_t seen = 0;
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<looks_back>>(
            1, covey::overflow::drop_oldest);
        co_await select(send_to(tx, std::make_unique<looks_back>(&tx, &seen)));
        co_await select(send_to(tx, std::make_unique<looks_back>(&tx, &seen)));
        CHECK(seen == 1);
        static_cast<void>(rx.try_receive());
        CHECK(seen == 2);
    });
}
