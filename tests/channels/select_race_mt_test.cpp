// SPDX-License-Identifier: BSL-1.0
// Select on several workers, beside ordinary threads: against all who may end it at the same
// moment, against other selects, and in a crowd. Exactly one case takes effect, or none.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/scope_slot.hpp"

#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::after;
using covey::receive_from;
using covey::select;
using covey::send_to;
using support::dice;
using support::parties;
using support::scope_slot;
using support::verdict;

namespace {

using box = std::unique_ptr<std::string>;

box make_box() { return std::make_unique<std::string>(60, 'v'); }

// A select waits to receive from a, to send to b, and for a moment; somebody sends to a, somebody
// receives from b, somebody cancels or closes.
covey::task<> duel(dice& random, verdict& judge, support::foreign_thread& first,
                   support::foreign_thread& second) {
    auto [a_in, a] = covey::open_memory_channel<box>(static_cast<int>(random.roll(2)));
    auto [b, b_out] = covey::open_memory_channel<box>(0);
    const auto a_keeper = a.clone();
    const auto b_keeper = b.clone();
    const auto time = random.roll(3) == 0 ? covey::duration(random.roll(20'000)) : 1h;
    const std::uint64_t third = random.roll(4);
    parties others(3);
    scope_slot scope;
    box value = make_box();
    std::atomic<bool> sent = false, taken = false;
    bool received = false, gave = false, closed = false, timed_out = false;

    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        auto selecting = nursery.spawn([&]() -> covey::task<> {
            co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                scope.set(own.handle());
                try {
                    auto which = co_await select(receive_from(a), send_to(b, value), after(time),
                                                 receive_from(a));
                    gave = which.index() == 1;
                    timed_out = which.index() == 2;
                    if (which.index() == 0) received = std::get<0>(which).has_value();
                    if (which.index() == 3) received = std::get<3>(which).has_value();
                } catch (const covey::closed_resource_error&) {
                    closed = true;
                }
            });
        });
        others.start(nursery, random, first, [&] { sent = a_in.try_send(make_box()); });
        others.start(nursery, random, second, [&] { taken = b_out.try_receive().has_value(); });
        others.start(nursery, random, random.roll(2) == 0 ? first : second, [&, third] {
            switch (third) {
                case 0: scope.cancel(); break;
                case 1: a.close(); break;
                case 2: b.close(); break;
                case 3:
                    judge.require(a_keeper.statistics().tasks_waiting_receive <= 2,
                                  "more wait than there are");
                    break;
            }
        });
        co_await others.wait();
        scope.cancel();
        selecting.cancel();
    });

    judge.require(static_cast<int>(received) + static_cast<int>(gave) + static_cast<int>(closed) +
                          static_cast<int>(timed_out) <=
                      1,
                  "two cases took effect");
    judge.require(gave == taken, "sent, and not received");
    judge.require((value == nullptr) == gave, "moved from unless chosen");
    const bool left = a_keeper.try_receive().has_value();
    judge.require(sent == (received || left), "a value is lost");
    judge.require(!(received && left), "a value is doubled");
    judge.require(a_keeper.statistics().tasks_waiting_receive == 0, "an arm is left in a");
    judge.require(b_keeper.statistics().tasks_waiting_send == 0, "an arm is left in b");
}

// Values on their way between tasks that only select, on the same few channels, each in both
// directions: what was sent is received once, by another one.
struct crowd {
    static constexpr std::size_t channels = 3;

    explicit crowd(std::size_t capacity) {
        for (std::size_t i = 0; i < channels; ++i) {
            auto [in, out] = covey::open_memory_channel<std::unique_ptr<std::uint64_t>>(capacity);
            tx.push_back(std::move(in));
            rx.push_back(std::move(out));
        }
    }
    std::vector<covey::send_channel<std::unique_ptr<std::uint64_t>>> tx;
    std::vector<covey::receive_channel<std::unique_ptr<std::uint64_t>>> rx;
    std::atomic<std::uint64_t> next{1}, sent_count{0}, sent_sum{0}, got_count{0}, got_sum{0};

    void note_got(const std::unique_ptr<std::uint64_t>& value) {
        got_count.fetch_add(1);
        got_sum.fetch_add(*value);
    }
    covey::task<> take_part(dice random, std::size_t steps) {
        std::unique_ptr<std::uint64_t> value;
        for (std::size_t i = 0; i < steps; ++i) {
            if (value == nullptr) value = std::make_unique<std::uint64_t>(next.fetch_add(1));
            const std::uint64_t number = *value;
            const std::size_t p = random.roll(channels), q = random.roll(channels);
            const auto time =
                covey::duration(random.roll(4) == 0 ? random.roll(50'000) : 3'000'000);
            auto which = co_await select(send_to(tx[p], value), receive_from(rx[q]), after(time),
                                         send_to(tx[q], value).when(false),
                                         receive_from(rx[p]).when(random.roll(2) == 0));
            if (which.index() == 0) {
                sent_count.fetch_add(1);
                sent_sum.fetch_add(number);
            } else if (which.index() == 1) {
                note_got(*std::get<1>(which));
            } else if (which.index() == 4) {
                note_got(*std::get<4>(which));
            }
        }
    }
};

covey::task<> crowded_round(dice& random, verdict& judge) {
    crowd all(random.roll(2));
    const bool cancels = random.roll(2) == 0;
    scope_slot scope;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (int i = 0; i < 6; ++i)
            nursery.start_soon([&, mine = dice(random.roll(~std::uint64_t{0}))]() -> covey::task<> {
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.set(own.handle());
                    co_await all.take_part(mine, 40);
                });
            });
        if (cancels) {
            for (std::size_t i = random.roll(60); i > 0; --i) co_await covey::checkpoint();
            scope.cancel();
        }
    });
    for (const auto& each : all.rx) {
        judge.require(each.statistics().tasks_waiting_receive == 0, "a receiving arm is left");
        judge.require(each.statistics().tasks_waiting_send == 0, "a sending arm is left");
        while (const auto value = each.try_receive()) all.note_got(*value);
    }
    // Whoever was cancelled after its case took effect went on to count it: M13, M22.
    judge.require(all.sent_count == all.got_count, "a value is lost or doubled");
    judge.require(all.sent_sum == all.got_sum, "another value came than was sent");
}

// Two selects that offer and ask for the same two things, again and again.
covey::task<> meet(dice& random, verdict& judge) {
    constexpr std::size_t meetings = 50;
    auto [tx1, rx1] = covey::open_memory_channel<std::uint64_t>(0);
    auto [tx2, rx2] = covey::open_memory_channel<std::uint64_t>(0);
    const bool crosswise = random.roll(2) == 0;
    std::array<std::size_t, 2> sent{}, received{};
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon([&]() -> covey::task<> {
            for (std::size_t i = 0; i < meetings; ++i) {
                const auto which = co_await select(send_to(tx1, i), send_to(tx2, i));
                ++sent[which.index()];
            }
        });
        nursery.start_soon([&]() -> covey::task<> {
            for (std::size_t i = 0; i < meetings; ++i) {
                if (crosswise) {
                    const auto which = co_await select(receive_from(rx2), receive_from(rx1));
                    ++received[1 - which.index()];
                } else {
                    const auto which = co_await select(receive_from(rx1), receive_from(rx2));
                    ++received[which.index()];
                }
            }
        });
    });
    judge.require(sent == received, "two selects met on different channels");
}

template <class Round>
void many(std::size_t count, Round round) {
    verdict judge;
    for (const unsigned workers : {2U, 3U}) {
        support::run_mt(workers, workers, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t i = 0; i < count && judge.first().empty(); ++i)
                co_await round(random, judge);
        });
    }
    CHECK(judge.first() == "");
}

}  // namespace

TEST_CASE("select against send, receive, cancel, close and time, race_mt (M13, M14, M22, M42)") {
    support::foreign_thread first, second;
    many(support::rounds(2000),
         [&](dice& random, verdict& judge) { return duel(random, judge, first, second); });
}

TEST_CASE("select against select, race_mt (M30)") { many(support::rounds(200), meet); }

TEST_CASE("a crowd that only selects loses and doubles nothing, race_mt (M13, M14, M22)") {
    many(support::rounds(100), crowded_round);
}
