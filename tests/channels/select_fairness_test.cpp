// SPDX-License-Identifier: BSL-1.0
// Which of the ready cases is chosen, and what cases that are never chosen leave behind.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"
#include "support/usage.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::after;
using covey::receive_from;
using covey::select;
using covey::send_to;
using support::run_virtual;

namespace {

constexpr std::size_t rounds = 100'000;

// Within two per cent of its fair share.
void check_fair(const std::vector<std::size_t>& chosen) {
    const double fair = static_cast<double>(rounds) / static_cast<double>(chosen.size());
    for (const std::size_t each : chosen) {
        INFO(each << " of " << rounds);
        CHECK(std::abs(static_cast<double>(each) - fair) < 0.02 * fair);
    }
}

}  // namespace

TEST_CASE("of two ready cases each is chosen half of the time") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<int>(1);
        std::vector<std::size_t> chosen(2);
        static_cast<void>(tx1.try_send(1));
        static_cast<void>(tx2.try_send(1));
        for (std::size_t i = 0; i < rounds; ++i) {
            const auto which = co_await select(receive_from(rx1), receive_from(rx2));
            ++chosen[which.index()];
            static_cast<void>((which.index() == 0 ? tx1 : tx2).try_send(1));
        }
        check_fair(chosen);
    });
}

TEST_CASE("ready cases are chosen fairly whatever they are, beside others that are not ready") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<int>(covey::unbounded);
        auto [tx3, rx3] = covey::open_memory_channel<int>(0);
        auto [tx4, rx4] = covey::open_memory_channel<int>(0);
        tx4.close();
        std::vector<std::size_t> chosen(4);
        static_cast<void>(tx1.try_send(1));
        for (std::size_t i = 0; i < rounds; ++i) {
            const auto which =
                co_await select(receive_from(rx3), receive_from(rx1), send_to(tx2, 1),
                                receive_from(rx3), after(1h), receive_from(rx4), after(0s));
            constexpr std::array<std::size_t, 7> place{9, 0, 1, 9, 9, 2, 3};
            ++chosen.at(place[which.index()]);
            if (which.index() == 1) static_cast<void>(tx1.try_send(1));
        }
        check_fair(chosen);
    });
}

TEST_CASE("select_any is fair among a few ready channels of many") {
    run_virtual([]() -> covey::task<> {
        std::vector<covey::send_channel<int>> tx;
        std::vector<covey::receive_channel<int>> rx;
        for (int i = 0; i < 9; ++i) {
            auto [in, out] = covey::open_memory_channel<int>(1);
            tx.push_back(std::move(in));
            rx.push_back(std::move(out));
        }
        std::vector<std::size_t> chosen(3);
        for (const std::size_t i : {1U, 4U, 7U}) static_cast<void>(tx[i].try_send(1));
        for (std::size_t i = 0; i < rounds; ++i) {
            const auto which = co_await covey::select_any(rx);
            ++chosen.at(which.index / 3);
            static_cast<void>(tx[which.index].try_send(1));
        }
        check_fair(chosen);
    });
}

TEST_CASE("the order of the choices is the seed's, wherever the channels lie in memory") {
    const auto choices = [](std::uint64_t seed, std::size_t first) {
        std::string text;
        run_virtual(seed, [&]() -> covey::task<> {
            std::vector<covey::send_channel<int>> tx;
            std::vector<covey::receive_channel<int>> rx;
            for (int i = 0; i < 2; ++i) {
                auto [in, out] = covey::open_memory_channel<int>(100);
                tx.push_back(std::move(in));
                rx.push_back(std::move(out));
            }
            for (int i = 0; i < 60; ++i) {
                const auto which =
                    co_await select(send_to(tx[first], i), send_to(tx[1 - first], i));
                text += which.index() == 0 ? '0' : '1';
            }
        });
        return text;
    };
    const std::string one = choices(1, 0);
    CHECK(choices(1, 0) == one);
    CHECK(choices(1, 1) == one);
    CHECK(choices(2, 0) != one);
}

TEST_CASE("a million cases that lose leave nothing behind, and memory flat") {
    run_virtual([]() -> covey::task<> {
        constexpr std::size_t losing = 1'000'000;
        constexpr std::size_t slack = 1 << 20;  // a byte for each of them
        std::size_t memory = 0;
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto [never_tx, never_rx] = covey::open_memory_channel<int>(0);
        auto [full_tx, full_rx] = covey::open_memory_channel<int>(0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                for (std::size_t i = 0; i < losing / 4; ++i) co_await tx.send(1);
            });
            for (std::size_t i = 0; i < losing / 4; ++i) {
                const auto which =
                    co_await select(receive_from(never_rx), send_to(full_tx, 1), receive_from(rx),
                                    after(1h), receive_from(never_rx));
                if (which.index() != 2) FAIL("case " << which.index());
                if (i == losing / 400) memory = support::resident_bytes();
            }
            if (!support::is_sanitized) CHECK(support::resident_bytes() <= memory + slack);
            const covey::testing::leak_report left = covey::testing::leaks();
            CHECK(left.timers == 0);
            CHECK(left.waiters <= 1);  // the sender, if it hasn't gone on yet
        });
        CHECK(never_rx.statistics().tasks_waiting_receive == 0);
        CHECK(full_tx.statistics().tasks_waiting_send == 0);
        CHECK(never_tx.try_send(1) == false);
        CHECK_FALSE(full_rx.try_receive().has_value());
    });
}
