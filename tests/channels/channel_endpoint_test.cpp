// SPDX-License-Identifier: BSL-1.0
// An operation keeps its end of the channel without being counted, where nobody could notice. Here
// somebody does: the handles go at every moment of an operation's life. (Memory errors and leaks
// are for AddressSanitizer, and for run_virtual, which looks for leaks at the end of each run.)
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/channels.hpp>
#include <covey/lowlevel/park.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using text = std::string;

covey::task<text> received(const covey::receive_channel<text>& rx) {
    try {
        co_return co_await rx.receive();
    } catch (const covey::closed_resource_error& error) {
        co_return error.what();
    } catch (const covey::end_of_channel& error) {
        co_return error.what();
    }
}

bool names_channel(const text& message) {
    return message.find("channel channel_endpoint_test.cpp:") != text::npos;
}

// A task that waits to receive, its own scope, and the only handles.
struct waiting_receiver {
    std::optional<covey::send_channel<text>> tx;
    std::optional<covey::receive_channel<text>> rx;
    covey::cancel_scope* scope = nullptr;
    text got = "nothing";

    explicit waiting_receiver(int capacity) {
        auto [send, receive] = covey::open_memory_channel<text>(capacity);
        tx.emplace(std::move(send));
        rx.emplace(std::move(receive));
    }
    covey::task<> run() {
        co_await covey::with_cancel_scope([this](covey::cancel_scope& own) -> covey::task<> {
            scope = &own;
            got = co_await received(*rx);
        });
    }
};

template <class Meanwhile>
void while_it_waits(Meanwhile meanwhile, const text& expected) {
    support::run_virtual([&]() -> covey::task<> {
        waiting_receiver receiver(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&receiver] { return receiver.run(); });
            co_await covey::testing::wait_all_tasks_blocked();
            meanwhile(receiver);
        });
        if (expected.empty())
            CHECK(names_channel(receiver.got));
        else
            CHECK(receiver.got == expected);
    });
}

}  // namespace

TEST_CASE("a value that came is received though both handles are gone (M41)") {
    while_it_waits(
        [](waiting_receiver& receiver) {
            CHECK(receiver.tx->try_send("hello"));
            receiver.rx.reset();
            receiver.tx.reset();
        },
        "hello");
}

TEST_CASE("a wait that is closed or ended names its channel when the handles are gone (M41, M43)") {
    while_it_waits(
        [](waiting_receiver& receiver) {
            receiver.rx.reset();
            receiver.tx.reset();
        },
        "");
    while_it_waits(
        [](waiting_receiver& receiver) {
            receiver.tx.reset();
            receiver.rx.reset();
        },
        "");
}

TEST_CASE("a wait that was cancelled unwinds after its handles (M41, M14)") {
    while_it_waits(
        [](waiting_receiver& receiver) {
            receiver.scope->cancel();
            receiver.rx.reset();
            receiver.tx.reset();
        },
        "nothing");
    while_it_waits(
        [](waiting_receiver& receiver) {
            receiver.scope->cancel();
            receiver.tx.reset();
            receiver.rx.reset();
        },
        "nothing");
}

TEST_CASE(
    "a wait that was cancelled, and passed over by a value, unwinds after its handles (M41)") {
    while_it_waits(
        [](waiting_receiver& receiver) {
            receiver.scope->cancel();
            CHECK(receiver.tx->try_send("for nobody"));  // takes its place out of the list
            receiver.rx.reset();
            receiver.tx.reset();
        },
        "nothing");
}

TEST_CASE("an operation that yields after its end has its channel's name (M41)") {
    support::run_virtual([]() -> covey::task<> {
        struct yielding {
            const bool before = covey::testing::set_yield_every_operation(true);
            ~yielding() { covey::testing::set_yield_every_operation(before); }
        } const every_operation;
        auto [tx, first] = covey::open_memory_channel<text>(1);
        std::optional rx(std::move(first));
        tx.close();
        text got;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> { got = co_await received(*rx); });
            nursery.start_soon([&] { rx.reset(); });
            co_return;
        });
        CHECK(names_channel(got));
    });
}

TEST_CASE("several operations of one turn, destroyed in any order, keep their end (M41)") {
    support::run_virtual([]() -> covey::task<> {
        for (const bool first_goes_first : {true, false}) {
            auto [handle, rx] = covey::open_memory_channel<text>(4);
            std::optional tx(std::move(handle));
            std::optional first(tx->send("first"));
            std::optional second(tx->send("second"));
            (first_goes_first ? first : second).reset();
            auto third = tx->send("third");
            tx.reset();
            (first_goes_first ? second : first).reset();
            text message;
            try {
                co_await std::move(third);
            } catch (const covey::closed_resource_error& error) {
                message = error.what();
            }
            CHECK(names_channel(message));
        }
    });
}

TEST_CASE("operations of two channels made in turns keep their ends (M41)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx_a, rx_a] = covey::open_memory_channel<text>(4);
        auto [tx_b, rx_b] = covey::open_memory_channel<text>(4);
        auto a = tx_a.send("a"), b = tx_b.send("b"), again = tx_a.send("again");
        co_await std::move(b);
        co_await std::move(a);
        co_await std::move(again);
        const text first = co_await rx_a.receive(), second = co_await rx_a.receive();
        CHECK(first + " " + second == "a again");
        CHECK(rx_b.try_receive() == "b");
    });
}

TEST_CASE("an operation that goes to another task through a channel outlives the turn (M33, M41)") {
    using operation = decltype(std::declval<covey::send_channel<text>&>().send(text()));
    support::run_virtual([]() -> covey::task<> {
        auto [handle, rx] = covey::open_memory_channel<text>(1);
        std::optional tx(std::move(handle));
        auto [give, take] = covey::open_memory_channel<std::unique_ptr<operation>>(1);
        CHECK(give.try_send(std::make_unique<operation>(tx->send("late"))));
        text message;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                const auto sending = co_await take.receive();
                try {
                    co_await std::move(*sending);
                } catch (const covey::closed_resource_error& error) {
                    message = error.what();
                }
            });
            tx.reset();
            co_return;
        });
        CHECK(names_channel(message));
    });
}

TEST_CASE("an operation made on a thread that is no worker is counted at once (M41)") {
    using operation = decltype(std::declval<covey::send_channel<text>&>().send(text()));
    support::run_virtual([]() -> covey::task<> {
        auto [handle, rx] = covey::open_memory_channel<text>(1);
        std::optional tx(std::move(handle));
        std::optional<operation> sending;
        std::thread([&] { sending.emplace(tx->send("hello")); }).join();
        auto other = tx->send("nobody awaits this one");
        co_await std::move(*sending);
        sending.reset();
        tx.reset();
        CHECK(rx.try_receive() == "hello");
    });
}

TEST_CASE("a turn pays before another debt, and what is cancelled isn't paid") {
    covey::lowlevel::turn turn;
    covey::lowlevel::reference_count first, second;
    turn.owe(first);
    CHECK_FALSE(turn.cancel_debt(second));
    turn.owe(second);  // so `first` is counted: two of it now
    CHECK(turn.cancel_debt(second));
    turn.pay();
    CHECK_FALSE(first.remove_reference());
    CHECK(first.remove_reference());
    CHECK(second.remove_reference());
}
