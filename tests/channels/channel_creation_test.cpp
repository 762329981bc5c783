// SPDX-License-Identifier: BSL-1.0
// Opening a channel: what its ends are, what they tell, and what is refused.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

using Catch::Matchers::Contains;

namespace {

using sender = covey::send_channel<int>;
using receiver = covey::receive_channel<int>;

template <class C>
concept is_a_capacity = requires(C capacity) { covey::open_memory_channel<int>(capacity); };

auto contains(const std::string& part) { return Contains(part.c_str()); }

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

template <class T, class I>
void check_refused(I capacity) {
    CHECK_THROWS_AS(covey::open_memory_channel<T>(capacity), std::invalid_argument);
    for (const auto policy : {covey::overflow::block, covey::overflow::drop_newest,
                              covey::overflow::drop_oldest, covey::overflow::fail})
        CHECK_THROWS_AS(covey::open_memory_channel<T>(capacity, policy), std::invalid_argument);
    CHECK(support::left_behind() == "");
}

template <class I>
void check_capacity(I capacity) {
    auto [tx, rx] = covey::open_memory_channel<char>(capacity);
    CHECK(tx.statistics().max_buffer_size == static_cast<std::size_t>(capacity));
    CHECK(rx.statistics().max_buffer_size == static_cast<std::size_t>(capacity));
}

}  // namespace

TEST_CASE("open_memory_channel gives a sending and a receiving end, both open (M1)") {
    auto [tx, rx] = covey::open_memory_channel<int>(3);
    static_assert(std::is_same_v<decltype(tx), sender>);
    static_assert(std::is_same_v<decltype(rx), receiver>);
    CHECK_FALSE(tx.closed());
    CHECK_FALSE(rx.closed());
    CHECK(tx.statistics().max_buffer_size == 3);
}

TEST_CASE("a capacity is any integer, and nothing else (M1, CH01)") {
    check_capacity<signed char>(7);
    check_capacity<unsigned char>(7);
    check_capacity<short>(7);
    check_capacity<unsigned short>(0);
    check_capacity(0);
    check_capacity(7U);
    check_capacity(7L);
    check_capacity(7ULL);
    check_capacity<std::int64_t>(std::int64_t{1}
                                 << 40);  // costs what is buffered, which is nothing
    static_assert(is_a_capacity<int> && is_a_capacity<std::size_t>);
    static_assert(is_a_capacity<covey::unbounded_t>);
    static_assert(!is_a_capacity<double> && !is_a_capacity<float>);
    static_assert(!is_a_capacity<const char*> && !is_a_capacity<std::string>);
    static_assert(!is_a_capacity<std::nullptr_t> && !is_a_capacity<covey::overflow>);
}

TEST_CASE("a negative capacity is an invalid argument (M1, CH01)") {
    check_refused<int>(-1);
    check_refused<int>(static_cast<signed char>(-1));
    check_refused<int>(static_cast<short>(-5));
    check_refused<int>(std::numeric_limits<int>::min());
    check_refused<int>(std::numeric_limits<std::int64_t>::min());
    CHECK_THROWS_WITH(covey::open_memory_channel<int>(-1),
                      Contains("capacity is negative") && Contains("covey::unbounded"));
}

TEST_CASE("a capacity that no memory holds is an invalid argument (M1)") {
    check_refused<int>(no_limit);
    check_refused<char>(no_limit);
    check_refused<int>(no_limit - 1);
    check_refused<char>(std::numeric_limits<std::int64_t>::max());
    check_refused<int>(std::numeric_limits<std::int64_t>::max());
    // The product with the size of a value doesn't wrap around.
    check_refused<std::array<char, 4096>>((no_limit / 4096) + 2);
    check_refused<std::array<char, 4096>>(std::size_t{1} << 52);
    CHECK_THROWS_WITH(covey::open_memory_channel<int>(no_limit),
                      Contains("covey::unbounded has no limit"));
}

TEST_CASE("an unbounded channel reads SIZE_MAX as its capacity (M1, M3)") {
    auto [tx, rx] = covey::open_memory_channel<int>(covey::unbounded);
    CHECK(tx.statistics().max_buffer_size == SIZE_MAX);
    CHECK(rx.statistics().max_buffer_size == SIZE_MAX);
}

TEST_CASE("ends move and don't copy, and only open_memory_channel makes them (M5)") {
    static_assert(!std::is_copy_constructible_v<sender> && !std::is_copy_assignable_v<sender>);
    static_assert(!std::is_copy_constructible_v<receiver> && !std::is_copy_assignable_v<receiver>);
    static_assert(std::is_nothrow_move_constructible_v<sender>);
    static_assert(std::is_nothrow_move_assignable_v<sender>);
    static_assert(std::is_nothrow_move_constructible_v<receiver>);
    static_assert(std::is_nothrow_move_assignable_v<receiver>);
    static_assert(!std::is_default_constructible_v<sender>);
    static_assert(!std::is_default_constructible_v<receiver>);
    static_assert(!std::is_constructible_v<sender, covey::detail::endpoint*>);
    static_assert(!std::is_constructible_v<receiver, covey::detail::endpoint*>);
    SUCCEED();
}

TEST_CASE("ends are usable outside a run, and leave nothing behind (M2, M5)") {
    {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        CHECK(covey::testing::leaks().handles == 2);
        CHECK(tx.try_send(1));
        CHECK(tx.try_send(2));
        CHECK_FALSE(tx.try_send(3));
        CHECK(rx.try_receive() == 1);
        CHECK(rx.try_receive() == 2);
        CHECK_FALSE(rx.try_receive().has_value());
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("an end that is kept open is reported, and its destructor closes it (M5, NB07)") {
    auto ends = std::make_unique<std::pair<sender, receiver>>(covey::open_memory_channel<int>(1));
    CHECK(covey::testing::leaks().handles == 2);
    CHECK(support::left_behind() == "2 handles");
    auto clone = ends->first.clone();
    CHECK(covey::testing::leaks().handles == 3);
    clone.close();
    CHECK(covey::testing::leaks().handles == 2);
    sender kept = std::move(ends->first);
    ends.reset();
    CHECK(support::left_behind() == "1 handle");
    CHECK_THROWS_AS(kept.try_send(1), covey::broken_resource_error);
    kept.close();
    CHECK(support::left_behind() == "");
}

TEST_CASE("both ends report the same statistics (M2, M3, CH21)") {
    auto [tx, rx] = covey::open_memory_channel<int>(4);
    CHECK(tx.try_send(1));
    const covey::channel_statistics from_send = tx.statistics(), from_receive = rx.statistics();
    CHECK(from_send.current_buffer_used == from_receive.current_buffer_used);
    CHECK(from_send.max_buffer_size == from_receive.max_buffer_size);
    CHECK(from_send.open_send_channels == from_receive.open_send_channels);
    CHECK(from_send.open_receive_channels == from_receive.open_receive_channels);
    CHECK(from_send.tasks_waiting_send == from_receive.tasks_waiting_send);
    CHECK(from_send.tasks_waiting_receive == from_receive.tasks_waiting_receive);
    CHECK(from_send.peak_buffer_used == from_receive.peak_buffer_used);
    CHECK(from_send.dropped == from_receive.dropped);
}

TEST_CASE("an error names the verb and the place where the channel was opened (M10, M20)") {
    const auto line = std::to_string(__LINE__ + 1);
    auto [tx, rx] = covey::open_memory_channel<int>(0);
    const std::string place = "channel channel_creation_test.cpp:" + line;
    auto other = rx.clone();
    other.close();
    CHECK_THROWS_WITH(other.try_receive(), contains("try_receive on " + place + ": ") &&
                                               Contains("this end was closed"));
    CHECK_THROWS_WITH(other.clone(), contains("clone on " + place));
    rx.close();
    CHECK_THROWS_WITH(tx.try_send(1), contains("send on " + place + ": all receivers are gone"));
    tx.close();
    CHECK_THROWS_WITH(tx.try_send(1), contains("try_send on " + place));
}

TEST_CASE("an error of an awaited operation names the channel too (M11, M21)") {
    support::run_virtual([]() -> covey::task<> {
        const auto line = std::to_string(__LINE__ + 1);
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        const std::string place = "channel channel_creation_test.cpp:" + line;
        tx.close();
        std::string ended, closed, broken;
        try {
            co_await rx.receive();
        } catch (const covey::end_of_channel& error) {
            ended = error.what();
        }
        try {
            co_await tx.send(1);
        } catch (const covey::closed_resource_error& error) {
            closed = error.what();
        }
        CHECK_THAT(ended, contains("receive on " + place) && Contains("next() gives nullopt"));
        CHECK_THAT(closed, contains("send on " + place) && Contains("clone()"));
        auto [other_tx, other_rx] = covey::open_memory_channel<int>(0);
        other_rx.close();
        try {
            co_await other_tx.send(1);
        } catch (const covey::broken_resource_error& error) {
            broken = error.what();
        }
        CHECK_THAT(broken, Contains("nobody will take the value"));
    });
}
