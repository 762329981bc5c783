// SPDX-License-Identifier: BSL-1.0
// One waiting operation against those who complete, cancel and close at the same moment, on several
// workers and from ordinary threads: both sides have to agree on who was first.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/scope_slot.hpp"

#include <covey/channel.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using support::dice;
using support::parties;
using support::receiving;
using support::scope_slot;
using support::sending;
using support::verdict;

namespace {

using value_type = std::unique_ptr<std::string>;

value_type make_value() { return std::make_unique<std::string>(60, 'v'); }

enum class third_party { another_cancel, close_own_end, close_other_end, statistics };

// A receiver waits: somebody sends, somebody cancels, and a third one interferes.
covey::task<> duel_over_receive(dice& random, verdict& judge, support::foreign_thread& first,
                                support::foreign_thread& second) {
    const int capacity = static_cast<int>(random.roll(3));
    const receiving how = support::all_receivings[random.roll(3)];
    const auto third = static_cast<third_party>(random.roll(4));
    const bool blocking = random.roll(4) == 0;
    auto [tx, rx] = covey::open_memory_channel<value_type>(capacity);
    auto closing_tx = tx.clone();
    auto keeper = rx.clone();
    parties others(3);
    scope_slot scope;
    std::atomic<bool> cancel_returned = false, sent = false, received = false, closed = false;
    std::atomic<bool> sent_after_cancel = false;

    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon([&]() -> covey::task<> {
            co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                scope.set(own.handle());
                try {
                    const auto value = co_await support::receive_by(how, rx);
                    if (value) {
                        judge.require(**value == *make_value(), "the value received is broken");
                        received = true;
                    }
                } catch (const covey::closed_resource_error&) {
                    closed = true;
                }
            });
        });
        others.start(nursery, random, first, [&] {
            const bool late = cancel_returned.load();
            // What is buffered may be taken by nobody: so only a hand-over tells.
            sent = tx.try_send(make_value());
            sent_after_cancel = late && sent;
        });
        others.start(nursery, random, second, [&] { cancel_returned = scope.cancel(); });
        others.start(nursery, random, blocking ? first : second, [&, third] {
            switch (third) {
                case third_party::another_cancel: scope.cancel(); break;
                case third_party::close_own_end: rx.close(); break;
                case third_party::close_other_end: closing_tx.close(); break;
                case third_party::statistics: {
                    const auto now = keeper.statistics();
                    judge.require(now.tasks_waiting_receive == 0 || now.current_buffer_used == 0,
                                  "a receiver waits beside a buffered value");
                    break;
                }
            }
        });
        co_await others.wait();
        tx.close();
        closing_tx.close();  // whoever still waits has missed them all
    });

    const auto now = keeper.statistics();
    judge.require(now.tasks_waiting_receive == 0, "somebody still waits to receive");
    bool left = false;
    try {
        left = keeper.try_receive().has_value();
    } catch (const covey::end_of_channel&) {
    }
    judge.require(sent == (received || left), "a value is lost or doubled");
    judge.require(!(received && left), "a value is doubled");
    judge.require(!(closed && received), "closed, and served");
    if (capacity == 0) {
        judge.require(sent == received, "handed over, and not received");
        judge.require(!sent_after_cancel, "handed over to a wait that was cancelled before");
    }
}

// A sender waits: somebody receives, somebody cancels, and a third one interferes.
covey::task<> duel_over_send(dice& random, verdict& judge, support::foreign_thread& first,
                             support::foreign_thread& second) {
    const int capacity = static_cast<int>(random.roll(3));
    const sending how = support::all_sendings[random.roll(4)];
    const auto third = static_cast<third_party>(random.roll(4));
    auto [tx, rx] = covey::open_memory_channel<value_type>(capacity);
    for (int i = 0; i < capacity; ++i) judge.require(tx.try_send(make_value()), "no room");
    auto keeper_tx = tx.clone();
    auto closing_rx = rx.clone();
    parties others(3);
    scope_slot scope;
    value_type value = make_value();
    std::atomic<bool> sent = false, closed = false, ended = false;
    std::atomic<std::size_t> taken = 0;

    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon([&]() -> covey::task<> {
            co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                scope.set(own.handle());
                try {
                    co_await support::send_by(how, tx, value);
                    sent = true;
                } catch (const covey::closed_resource_error&) {
                    closed = true;
                }
            });
            ended = true;
        });
        others.start(nursery, random, first, [&] {
            if (const auto got = rx.try_receive()) ++taken;
        });
        others.start(nursery, random, second, [&] { scope.cancel(); });
        others.start(nursery, random, second, [&, third] {
            switch (third) {
                case third_party::another_cancel: scope.cancel(); break;
                case third_party::close_own_end: tx.close(); break;
                case third_party::close_other_end: closing_rx.close(); break;
                case third_party::statistics: {
                    const auto now = rx.statistics();
                    judge.require(now.tasks_waiting_send == 0 ||
                                      now.current_buffer_used == now.max_buffer_size,
                                  "a sender waits beside a free place");
                    break;
                }
            }
        });
        co_await others.wait();
        while (!ended) {  // it may come to wait only now
            if (const auto got = rx.try_receive()) ++taken;
            co_await covey::checkpoint();
        }
    });

    judge.require(rx.statistics().tasks_waiting_send == 0, "somebody still waits to send");
    while (const auto got = rx.try_receive()) ++taken;
    judge.require(taken == static_cast<std::size_t>(capacity) + (sent ? 1U : 0U),
                  "a value is lost or doubled");
    judge.require(!(sent && closed), "closed, and sent");
    if (support::keeps_unsent(how))
        judge.require((value == nullptr) == sent, "moved from unless accepted");
}

template <class Duel>
void many_duels(Duel duel, std::size_t count) {
    support::foreign_thread first, second;
    verdict judge;
    for (const unsigned workers : {2U, 3U}) {
        support::run_mt(workers, workers, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t round = 0; round < count && judge.first().empty(); ++round)
                co_await duel(random, judge, first, second);
        });
    }
    CHECK(judge.first() == "");
}

}  // namespace

TEST_CASE("receive against send, cancel and close, race_mt (C1, K17, M22, M43)") {
    many_duels(duel_over_receive, support::rounds(2000));
}

TEST_CASE("send against receive, cancel and close, race_mt (C1, K17, M13, M14, M42)") {
    many_duels(duel_over_send, support::rounds(2000));
}
