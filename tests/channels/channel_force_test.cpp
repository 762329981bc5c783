// SPDX-License-Identifier: BSL-1.0
// force_send: what other rooms put into a channel beyond its capacity. There is no public verb for
// it, so these tests open a channel by its compiled half.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <source_location>
#include <string>
#include <utility>

namespace {

using big = std::array<int, 64>;

constexpr covey::detail::element_type element = {
    sizeof(big), alignof(big),
    [](void* to, void* from) noexcept { ::new (to) big(*static_cast<big*>(from)); },
    [](void*) noexcept {}};

struct handle : covey::detail::channel_handle {
    explicit handle(covey::detail::endpoint* owned) : channel_handle(owned) {}
    [[nodiscard]] covey::detail::endpoint& end() const { return through("test"); }
};

class sending final : public covey::detail::send_operation_base {
 public:
    using covey_result = void;
    sending(const handle& used, int number) noexcept : send_operation_base(used.end()) {
        value_[0] = number;
    }
    bool await_ready() {
        prepare(&value_, &dropped_);
        return send_operation_base::await_ready();
    }

 private:
    big value_{};
    big dropped_{};
};

struct channel {
    handle tx;
    handle rx;

    explicit channel(std::size_t capacity, covey::overflow policy = covey::overflow::block)
        : channel(covey::detail::make_channel(element, capacity, policy,
                                              std::source_location::current())) {}

    [[nodiscard]] bool force(int number) const {
        big value{number};
        return covey::detail::force_send(tx.end(), &value);
    }
    [[nodiscard]] bool try_send(int number) const {
        big value{number}, dropped{};
        bool has_dropped = false;
        return covey::detail::try_send_now(tx.end(), &value, &dropped, has_dropped);
    }
    // "1 2 3 "
    [[nodiscard]] std::string drained() const {
        std::string text;
        big value{};
        try {
            while (covey::detail::try_receive_now(rx.end(), &value) ==
                   covey::detail::try_received::value)
                text += std::to_string(value[0]) + " ";
        } catch (const covey::end_of_channel&) {
        }
        return text;
    }

 private:
    explicit channel(covey::detail::endpoint_pair ends) : tx(ends.send), rx(ends.receive) {}
};

}  // namespace

TEST_CASE("force_send goes beyond the capacity, to the end of the buffer") {
    for (const std::size_t capacity : {0U, 1U, 2U, 3U}) {
        const channel tested(capacity);
        for (std::size_t i = 0; i < capacity; ++i) CHECK(tested.try_send(static_cast<int>(i)));
        CHECK_FALSE(tested.try_send(99));
        CHECK(tested.force(10));
        CHECK(tested.force(11));
        CHECK_FALSE(tested.try_send(99));
        CHECK(tested.rx.statistics().current_buffer_used == capacity + 2);
        CHECK(tested.rx.statistics().max_buffer_size == capacity);
        const std::string all = tested.drained();
        CHECK(all.ends_with("10 11 "));
        CHECK(all.size() == 2 * capacity + 6);
        CHECK(tested.try_send(1) == (capacity != 0));
    }
}

TEST_CASE("senders wait until the buffer is below its capacity again, in their order") {
    for (const std::size_t capacity : {0U, 1U, 2U}) {
        for (const std::uint64_t seed : support::seeds(8)) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                const channel tested(capacity);
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    for (std::size_t i = 0; i < capacity; ++i) CHECK(tested.try_send(0));
                    for (int i = 1; i <= 3; ++i) {
                        nursery.start_soon(
                            [&, i]() -> covey::task<> { co_await sending(tested.tx, i); });
                        co_await covey::testing::wait_all_tasks_blocked();
                    }
                    CHECK(tested.force(10));
                    CHECK(tested.force(11));
                    big value{};
                    // One out: still full.
                    CHECK(covey::detail::try_receive_now(tested.rx.end(), &value) ==
                          covey::detail::try_received::value);
                    CHECK(tested.rx.statistics().tasks_waiting_send == 3);
                    CHECK(tested.rx.statistics().current_buffer_used == capacity + 1);
                    const std::string rest = tested.drained();
                    CHECK(rest.ends_with(capacity == 0 ? "11 1 2 3 " : "10 11 1 2 3 "));
                    CHECK(rest.size() == (capacity == 0 ? 9 : 12 + 2 * (capacity - 1)));
                });
            });
        }
    }
}

TEST_CASE("force_send refuses a channel that is closed or broken") {
    support::run_virtual([]() -> covey::task<> {
        channel tested(1);
        CHECK(tested.force(1));
        tested.rx.close();
        CHECK_FALSE(tested.force(2));
        channel closed(1);
        closed.tx.close();
        CHECK_FALSE(closed.force(3));
        co_return;
    });
}

TEST_CASE("a burst beyond the capacity gives its memory back and leaves the channel as it was") {
    support::run_virtual([]() -> covey::task<> {
        const channel tested(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            CHECK(tested.try_send(0));
            nursery.start_soon([&]() -> covey::task<> { co_await sending(tested.tx, -1); });
            co_await covey::testing::wait_all_tasks_blocked();
            for (int i = 1; i < 10'000; ++i) CHECK(tested.force(i));  // more than 1 MiB
            const std::string all = tested.drained();
            CHECK(all.starts_with("0 1 2 3 "));
            CHECK(all.ends_with(" 9998 9999 -1 "));
        });
        CHECK(tested.try_send(1));
        CHECK_FALSE(tested.try_send(2));
        CHECK(tested.drained() == "1 ");
    });
}

TEST_CASE("take_matching takes what matches in one step, and leaves the rest in order") {
    constexpr auto is_odd = [](void*, const void* value) {
        return (*static_cast<const big*>(value))[0] % 2 == 1;
    };
    for (const std::size_t capacity : {4U, 5U, 8U}) {
        support::run_virtual([&]() -> covey::task<> {
            const channel tested(capacity);
            // Somewhere in the ring, so that it wraps.
            for (int i = 0; i < 3; ++i) CHECK(tested.try_send(i));
            CHECK(tested.drained() == "0 1 2 ");
            int sent = 0;
            while (tested.try_send(sent)) ++sent;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 100; i < 102; ++i) {
                    nursery.start_soon(
                        [&, i]() -> covey::task<> { co_await sending(tested.tx, i); });
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                big taken[8] = {};
                CHECK(covey::detail::take_matching(tested.rx.end(), taken, 3, nullptr, is_odd) ==
                      covey::detail::unbounded_capacity);
                CHECK(tested.rx.statistics().current_buffer_used == capacity);
                const std::size_t count =
                    covey::detail::take_matching(tested.rx.end(), taken, 8, nullptr, is_odd);
                CHECK(count == capacity / 2);
                for (std::size_t i = 0; i < count; ++i)
                    CHECK(taken[i][0] == static_cast<int>(2 * i + 1));
                CHECK(tested.rx.statistics().tasks_waiting_send == 0);
                std::string rest;
                for (int i = 0; i < sent; i += 2) rest += std::to_string(i) + " ";
                CHECK(tested.drained() == rest + "100 101 ");
            });
        });
    }
}

// A channel for one small value keeps it in itself, until there are more.
TEST_CASE("what is forced beyond the only place stays in order, and all of it is destroyed") {
    static int alive;  // NOLINT: the element's functions know no test
    alive = 0;
    struct counted {
        std::int32_t number;
        explicit counted(std::int32_t n) noexcept : number(n) { ++alive; }
        counted(counted&& other) noexcept : number(other.number) { ++alive; }
        ~counted() { --alive; }
    };
    constexpr covey::detail::element_type small = {
        sizeof(counted), alignof(counted),
        [](void* to, void* from) noexcept {
            ::new (to) counted(std::move(*static_cast<counted*>(from)));
        },
        [](void* value) noexcept { static_cast<counted*>(value)->~counted(); }};
    for (const int forced : {1, 2, 5}) {
        CAPTURE(forced);
        const covey::detail::endpoint_pair ends = covey::detail::make_channel(
            small, 1, covey::overflow::block, std::source_location::current());
        handle tx(ends.send), rx(ends.receive);
        for (int round = 0; round < 2; ++round) {
            for (int i = 0; i < forced; ++i) {
                counted value(i);
                REQUIRE(covey::detail::force_send(tx.end(), &value));
            }
            CHECK(alive == forced);
            for (int i = 0; round == 0 && i < forced; ++i) {
                alignas(counted) unsigned char slot[sizeof(counted)];
                REQUIRE(covey::detail::try_receive_now(rx.end(), slot) ==
                        covey::detail::try_received::value);
                auto* received = std::launder(reinterpret_cast<counted*>(slot));
                CHECK(received->number == i);
                received->~counted();
            }
        }
        rx.close();  // with the second round's values in it
        CHECK(alive == 0);
        CHECK(tx.statistics().current_buffer_used == 0);
    }
}
