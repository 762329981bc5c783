// SPDX-License-Identifier: BSL-1.0
// What a channel carries: any object that moves and dies without throwing.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using support::receiving;
using support::sending;

namespace {

// Every way in against every way out, waiting on either side: `make(i)` and the check of what came.
template <class T, class Make, class Check>
void pass_through_channel(Make make, Check check) {
    for (const sending in : support::all_sendings) {
        for (const receiving out : support::all_receivings) {
            for (const int capacity : {0, 1, 3}) {
                INFO(support::name_of(in)
                     << ", " << support::name_of(out) << ", capacity " << capacity);
                support::run_virtual([&]() -> covey::task<> {
                    auto [tx, rx] = covey::open_memory_channel<T>(capacity);
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon(
                            [&](covey::send_channel<T> mine) -> covey::task<> {
                                for (int i = 0; i < 6; ++i) {
                                    T value = make(i);
                                    co_await support::send_by(in, mine, value);
                                }
                            },
                            std::move(tx));
                        for (int i = 0; i < 6; ++i) {
                            auto value = co_await support::receive_by(out, rx);
                            REQUIRE(value.has_value());
                            check(*value, i);
                        }
                        const auto end = co_await support::receive_by(out, rx);
                        CHECK_FALSE(end.has_value());
                    });
                });
            }
        }
    }
    auto [tx, rx] = covey::open_memory_channel<T>(4);
    for (int i = 0; i < 4; ++i) CHECK(tx.try_send(make(i)));
    for (int i = 0; i < 4; ++i) {
        auto value = rx.try_receive();
        REQUIRE(value.has_value());
        check(*value, i);
    }
}

struct no_default {
    explicit no_default(int given) : number(given) {}
    int number;
};

template <std::size_t alignment>
struct alignas(alignment) aligned {
    explicit aligned(int given) : number(given) { check(); }
    aligned(aligned&& other) noexcept : number(other.number) { check(); }
    aligned& operator=(aligned&&) = delete;
    ~aligned() { check(); }
    void check() const noexcept {
        if (reinterpret_cast<std::uintptr_t>(this) % alignment != 0) ++misplaced;
    }
    int number;
    static inline int misplaced = 0;
};

struct large {
    explicit large(int given) : first(given), last(given) {}
    int first;
    char between[(1U << 20U) + 100];
    int last;
};

struct hides_its_address {
    int number = 0;
    hides_its_address* operator&() = delete;              // NOLINT
    const hides_its_address* operator&() const = delete;  // NOLINT
    template <class X>
    void operator,(X&&) const = delete;
};

struct copies_badly {
    copies_badly() = default;
    copies_badly(const copies_badly&) { throw std::runtime_error("no copy today"); }
    copies_badly(copies_badly&&) noexcept = default;
    copies_badly& operator=(const copies_badly&) = delete;
    copies_badly& operator=(copies_badly&&) = delete;
    ~copies_badly() = default;
};

// Owns an end of the very channel that carries it.
struct traveller {
    int number = 0;
    std::optional<covey::send_channel<traveller>> tx;
    std::optional<covey::receive_channel<traveller>> rx;
};

// When it dies it uses a channel, unless it was moved from.
class tells_when_it_dies {
 public:
    explicit tells_when_it_dies(std::function<void()> told) : tell_(std::move(told)) {}
    tells_when_it_dies(tells_when_it_dies&& other) noexcept
        : tell_(std::exchange(other.tell_, nullptr)) {}
    tells_when_it_dies& operator=(tells_when_it_dies&&) = delete;
    ~tells_when_it_dies() {
        if (tell_) tell_();
    }

 private:
    std::function<void()> tell_;
};

}  // namespace

TEST_CASE("values that only move go through a channel by every way (M1, M30)") {
    pass_through_channel<std::unique_ptr<int>>([](int i) { return std::make_unique<int>(i); },
                                               [](const std::unique_ptr<int>& value, int i) {
                                                   REQUIRE(value != nullptr);
                                                   CHECK(*value == i);
                                               });
}

TEST_CASE("values without a default constructor go through a channel by every way (M1)") {
    pass_through_channel<no_default>(
        [](int i) { return no_default(i); },
        [](const no_default& value, int i) { CHECK(value.number == i); });
}

TEST_CASE("long texts go through a channel by every way (M1)") {
    pass_through_channel<std::string>(
        [](int i) { return std::string(100, static_cast<char>('a' + i)); },
        [](const std::string& value, int i) {
            CHECK(value == std::string(100, static_cast<char>('a' + i)));
        });
}

TEST_CASE("empty types, flags and functions go through a channel (M1)") {
    pass_through_channel<std::monostate>([](int) { return std::monostate(); },
                                         [](std::monostate, int) { SUCCEED(); });
    pass_through_channel<bool>([](int i) { return i % 2 == 0; },
                               [](bool value, int i) { CHECK(value == (i % 2 == 0)); });
    pass_through_channel<std::function<int()>>(
        [](int i) { return [i] { return i; }; },
        [](const std::function<int()>& value, int i) { CHECK(value() == i); });
}

TEST_CASE("an optional may be a value, and an empty one is not the end of the channel (M23)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::optional<int>>(3);
        CHECK(tx.try_send(std::nullopt));
        CHECK(tx.try_send(1));
        tx.close();
        const auto first = co_await rx.next();
        REQUIRE(first.has_value());
        CHECK_FALSE(first->has_value());
        const auto second = co_await rx.next();
        REQUIRE(second.has_value());
        CHECK(*second == 1);
        const auto end = co_await rx.next();
        CHECK_FALSE(end.has_value());
    });
}

TEST_CASE("over-aligned values lie where they have to in the buffer of a channel (M1)") {
    const auto check = []<std::size_t alignment>(std::integral_constant<std::size_t, alignment>) {
        using value = aligned<alignment>;
        auto [tx, rx] = covey::open_memory_channel<value>(covey::unbounded);
        // Grows several times, and goes round the ring.
        for (int i = 0; i < 300; ++i) {
            CHECK(tx.try_send(value(2 * i)));
            CHECK(tx.try_send(value(2 * i + 1)));
            CHECK(rx.try_receive()->number == i);
        }
        for (int i = 300; i < 600; ++i) CHECK(rx.try_receive()->number == i);
        CHECK(value::misplaced == 0);
    };
    check(std::integral_constant<std::size_t, 32>());
    check(std::integral_constant<std::size_t, 64>());
    check(std::integral_constant<std::size_t, 4096>());
}

// Not in a coroutine: neither compiler aligns a frame, and so its variables, to more than
// operator new does. There an over-aligned value is kept behind a std::unique_ptr.
TEST_CASE("over-aligned values lie where they have to on their way through a thread (M1)") {
    auto [tx, rx] = covey::open_memory_channel<aligned<64>>(2);
    for (int i = 0; i < 20; ++i) {
        tx.send_blocking(aligned<64>(i));
        const auto value = rx.receive_blocking();
        REQUIRE(value.has_value());
        CHECK(value->number == i);
    }
    CHECK(aligned<64>::misplaced == 0);
}

TEST_CASE("a value of more than 1 MiB waits, is let in and comes out whole (M20)") {
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 1, 2}) {
            auto [tx, rx] = covey::open_memory_channel<large>(capacity);
            auto first = std::make_unique<large>(1), second = std::make_unique<large>(2),
                 third = std::make_unique<large>(3);
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (large* each : {first.get(), second.get(), third.get()}) {
                    nursery.start_soon(
                        [&tx, each]() -> covey::task<> { co_await tx.send_from(*each); });
                    co_await covey::testing::wait_all_tasks_blocked();
                }
                for (const int expected : {1, 2}) {
                    const auto value = rx.try_receive();
                    REQUIRE(value.has_value());
                    CHECK(value->first == expected);
                    CHECK(value->last == expected);
                }
                const auto values = co_await rx.receive_many(5);
                REQUIRE(values.size() == 1);
                CHECK(values[0].last == 3);
            });
        }
    });
}

TEST_CASE("drop_oldest works with values of more than 1 MiB") {
    auto [tx, rx] = covey::open_memory_channel<large>(1, covey::overflow::drop_oldest);
    auto value = std::make_unique<large>(0);
    for (int i = 1; i <= 3; ++i) {
        value->first = value->last = i;
        CHECK(tx.try_send(std::move(*value)));
    }
    CHECK(rx.statistics().dropped == 2);
    CHECK(rx.try_receive()->last == 3);
}

TEST_CASE("a type that hides its address goes through a channel (M1)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<hides_its_address>(2);
        hides_its_address value{7};
        co_await tx.send_from(value);
        CHECK(tx.try_send(std::move(value)));
        const auto first = co_await rx.next();
        CHECK(first->number == 7);
        CHECK(rx.try_receive()->number == 7);
    });
}

TEST_CASE("a copy that throws sends nothing (M10)") {
    auto [tx, rx] = covey::open_memory_channel<copies_badly>(1);
    const copies_badly original;
    CHECK_THROWS_AS(tx.try_send(original), std::runtime_error);
    CHECK(rx.statistics().current_buffer_used == 0);
    CHECK(tx.try_send(copies_badly()));
}

TEST_CASE("a value may carry the way to answer it, as another channel's end (M40)") {
    support::run_virtual([]() -> covey::task<> {
        struct question {
            int number;
            covey::send_channel<int> answer;
        };
        auto [ask, questions] = covey::open_memory_channel<question>(0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                while (auto asked = co_await questions.next())
                    co_await asked->answer.send(asked->number * asked->number);
            });
            for (int i = 0; i < 5; ++i) {
                auto [reply, answers] = covey::open_memory_channel<int>(0);
                co_await ask.emplace(i, std::move(reply));
                const int answer = co_await answers.receive();
                CHECK(answer == i * i);
                const auto end = co_await answers.next();
                CHECK_FALSE(end.has_value());
            }
            ask.close();
        });
    });
}

TEST_CASE("values that own a sender of their own channel die with its last receiver (M45)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<traveller>(5);
        for (int i = 0; i < 5; ++i) {
            co_await tx.send(traveller{i, tx.clone(), std::nullopt});
        }
        CHECK(rx.statistics().open_send_channels == 6);
        tx.close();
        {
            auto first = rx.try_receive();
            REQUIRE(first.has_value());
            CHECK(first->number == 0);
            CHECK(first->tx->try_send(traveller{9, std::nullopt, std::nullopt}));
        }
        CHECK(rx.statistics().open_send_channels == 4);
        rx.close();  // destroys four senders of this channel
        CHECK(rx.statistics().open_send_channels == 0);
        CHECK(rx.statistics().current_buffer_used == 0);
    });
}

TEST_CASE("values that own both ends of their own channel travel through it (M40)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<traveller>(1);
        co_await tx.send(traveller{1, tx.clone(), rx.clone()});
        auto inside = rx.try_receive();
        REQUIRE(inside.has_value());
        tx.close();
        rx.close();
        // The value is all that keeps the channel open.
        CHECK(inside->tx->try_send(traveller{2, std::nullopt, std::nullopt}));
        CHECK(inside->rx->try_receive()->number == 2);
        inside->rx.reset();
        CHECK(support::try_send(*inside->tx, traveller{}) == "broken");
    });
}

TEST_CASE("a send that fails destroys the value, which may own the channel's ends (M42, M45)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<traveller>(0);
        auto sibling = tx.clone();
        std::string closed, broken;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await support::note_send(sending::send, tx, traveller{1, tx.clone(), rx.clone()},
                                            closed);
            });
            nursery.start_soon([&]() -> covey::task<> {
                co_await support::note_send(sending::emplace, sibling,
                                            traveller{2, tx.clone(), std::nullopt}, broken);
            });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx.statistics().open_send_channels == 4);
            tx.close();
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(closed == "closed");
            CHECK(rx.statistics().open_send_channels == 2);
            CHECK(rx.statistics().open_receive_channels == 1);
            rx.close();
        });
        CHECK(broken == "broken");
        CHECK(sibling.statistics().open_send_channels == 1);
    });
}

TEST_CASE("a destructor may use the channel whose last receiver's end destroys it (M45)") {
    auto [tx, rx] = covey::open_memory_channel<tells_when_it_dies>(3);
    auto [log_tx, log_rx] = covey::open_memory_channel<std::size_t>(10);
    const auto tell = [&] {
        const auto now = tx.statistics();  // takes the lock: it must be free
        CHECK(log_tx.try_send(now.current_buffer_used + 10 * now.open_receive_channels));
        CHECK_THROWS_AS(tx.try_send(tells_when_it_dies(nullptr)), covey::broken_resource_error);
    };
    for (int i = 0; i < 3; ++i) CHECK(tx.try_send(tells_when_it_dies(tell)));
    rx.close();
    for (int i = 0; i < 3; ++i) CHECK(log_rx.try_receive() == 0U);
    CHECK_FALSE(log_rx.try_receive().has_value());
}

TEST_CASE("a destructor may use the channel that drops the value") {
    support::run_virtual([]() -> covey::task<> {
        int told = 0;
        bool at_the_end = false;
        auto [tx, rx] =
            covey::open_memory_channel<tells_when_it_dies>(2, covey::overflow::drop_oldest);
        const auto tell = [&] {
            ++told;
            if (at_the_end) return;
            CHECK(rx.statistics().current_buffer_used == 2);
            CHECK(rx.statistics().dropped == static_cast<std::size_t>(told));
        };
        for (int i = 0; i < 4; ++i) co_await tx.send(tells_when_it_dies(tell));
        CHECK(told == 2);
        CHECK(tx.try_send(tells_when_it_dies(tell)));
        CHECK(told == 3);
        tells_when_it_dies last(tell);
        co_await tx.send_from(last);
        CHECK(told == 4);

        auto [tx2, rx2] =
            covey::open_memory_channel<tells_when_it_dies>(0, covey::overflow::drop_newest);
        bool died = false;
        const auto tell2 = [&] { died = rx2.statistics().dropped == 1; };
        co_await tx2.send(tells_when_it_dies(tell2));
        CHECK(died);
        at_the_end = true;
        rx.close();
        CHECK(told == 6);
    });
}

TEST_CASE("a destructor may use the channel when a cancelled send destroys the value (M14)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<tells_when_it_dies>(0);
        std::size_t waiting = 99;
        const auto tell = [&] { waiting = rx.statistics().tasks_waiting_send; };
        const bool in_time = co_await covey::move_on_after(1s, tx.send(tells_when_it_dies(tell)));
        CHECK_FALSE(in_time);
        CHECK(waiting == 0);
    });
}

TEST_CASE("a destructor that sends what it finds goes on to the next value (M45)") {
    // Every value that dies sends itself into another channel, which drops it in turn.
    auto [second_tx, second_rx] = covey::open_memory_channel<std::unique_ptr<int>>(2);
    {
        auto [first_tx, first_rx] =
            covey::open_memory_channel<tells_when_it_dies>(covey::unbounded);
        for (int i = 0; i < 5; ++i)
            CHECK(first_tx.try_send(tells_when_it_dies(
                [&, i] { static_cast<void>(second_tx.try_send(std::make_unique<int>(i))); })));
    }
    CHECK(**second_rx.try_receive() == 0);
    CHECK(**second_rx.try_receive() == 1);
    CHECK_FALSE(second_rx.try_receive().has_value());
}
