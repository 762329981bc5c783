// SPDX-License-Identifier: BSL-1.0
// Select over channels whose number only the program knows.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>

#include <array>
#include <concepts>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using support::ending_of;
using support::run_virtual;

namespace {

using box = std::unique_ptr<int>;

}  // namespace

TEST_CASE("select_any receives from any number of channels") {
    for (const std::size_t count : {1U, 2U, 7U, 40U}) {
        run_virtual([count]() -> covey::task<> {
            std::vector<covey::send_channel<box>> tx;
            std::vector<covey::receive_channel<box>> rx;
            for (std::size_t i = 0; i < count; ++i) {
                auto [in, out] = covey::open_memory_channel<box>(1);
                tx.push_back(std::move(in));
                rx.push_back(std::move(out));
            }
            const std::span<const covey::receive_channel<box>> channels(rx);
            for (std::size_t i = 0; i < count; ++i) {
                co_await tx[i].send(std::make_unique<int>(static_cast<int>(i)));
                auto [index, value] = co_await covey::select_any(channels);
                CHECK(index == i);
                REQUIRE(value.has_value());
                CHECK(**value == static_cast<int>(i));
            }
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::testing::wait_all_tasks_blocked();
                    tx[count / 2].close();
                });
                auto [index, value] = co_await covey::select_any(rx);
                CHECK(index == count / 2);
                CHECK_FALSE(value.has_value());
            });
            for (const auto& each : rx) CHECK(each.statistics().tasks_waiting_receive == 0);
        });
    }
}

TEST_CASE("select_any takes arrays, and refuses to wait for no channel") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        const std::array both{rx.clone(), rx.clone()};
        co_await tx.send(1);
        auto which = co_await covey::select_any(both);
        static_assert(std::same_as<decltype(which), covey::selected<int>>);
        CHECK(which.value == 1);
        const std::vector<covey::receive_channel<int>> none;
        CHECK_THROWS_MATCHES(covey::select_any(none), std::invalid_argument,
                             Catch::Matchers::Message("select_any: of no channels it would wait "
                                                      "for ever: give it at least one"));
        const std::string closed = co_await [&]() -> covey::task<std::string> {
            std::vector<covey::receive_channel<int>> one;
            one.push_back(rx.clone());
            one[0].close();
            const std::string how = co_await ending_of(covey::select_any(one));
            co_return how;
        }();
        CHECK(closed == "closed");
    });
}
