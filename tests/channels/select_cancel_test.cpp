// SPDX-License-Identifier: BSL-1.0
// Select against cancellation, in every order within one step: what came first decides, exactly one
// case takes effect or none does.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
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
using support::run_virtual;
using support::seeds;

namespace {

using box = std::unique_ptr<int>;

// One who waits to receive from a, to receive from b, to send to c, and for the time; and what the
// test does in one step while it waits.
class waiting_select {
 public:
    covey::send_channel<box> a_in, b_in, c_in;
    covey::receive_channel<box> a, b, c;
    covey::send_channel<box> c_own = c_in.clone();
    box value = std::make_unique<int>(3);
    std::string note;           // "a", "b", "c", "time"; the error; "" as long as it waits
    bool went_on = false;       // after the select
    bool passed_check = false;  // the checkpoint after it
    std::optional<covey::scope_handle> scope;

    waiting_select()
        : waiting_select(covey::open_memory_channel<box>(0), covey::open_memory_channel<box>(0),
                         covey::open_memory_channel<box>(0)) {}

    covey::task<> run(std::function<void()> in_one_step) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([this] { return wait(); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(waiting() == 3);
            in_one_step();
            CHECK(waiting() == 0);
            CHECK(note == "");
        });
        CHECK(waiting() == 0);
        CHECK(covey::testing::leaks().timers == 0);
        CHECK((value == nullptr) == (note == "c"));
    }
    [[nodiscard]] std::size_t waiting() const {
        return a.statistics().tasks_waiting_receive + b.statistics().tasks_waiting_receive +
               c.statistics().tasks_waiting_send;
    }
    void cancel() { scope->cancel(); }

 private:
    using ends = std::pair<covey::send_channel<box>, covey::receive_channel<box>>;
    waiting_select(ends first, ends second, ends third)
        : a_in(std::move(first.first)),
          b_in(std::move(second.first)),
          c_in(std::move(third.first)),
          a(std::move(first.second)),
          b(std::move(second.second)),
          c(std::move(third.second)) {}

    covey::task<> wait() {
        co_await covey::with_cancel_scope([this](covey::cancel_scope& own) -> covey::task<> {
            scope.emplace(own.handle());
            try {
                const auto which = co_await select(receive_from(a), receive_from(b),
                                                   send_to(c_own, value), after(1h));
                constexpr const char* names[] = {"a", "b", "c", "time"};
                note = names[which.index()];
            } catch (const covey::closed_resource_error&) {
                note = "closed";
            } catch (const covey::broken_resource_error&) {
                note = "broken";
            }
            went_on = true;
            co_await covey::checkpoint();
            passed_check = true;
        });
    }
};

box make_box() { return std::make_unique<int>(1); }

// What ends the wait, and as what it must be seen.
struct ending {
    const char* expected;
    std::function<void(waiting_select&)> happens;
    std::function<bool(waiting_select&)> is_refused;  // once the wait is over: true
};

std::vector<ending> endings() {
    return {
        {"a", [](waiting_select& s) { CHECK(s.a_in.try_send(make_box())); },
         [](waiting_select& s) { return support::try_send(s.a_in, make_box()) != "sent"; }},
        {"b", [](waiting_select& s) { CHECK(s.b_in.try_send(make_box())); },
         [](waiting_select& s) { return support::try_send(s.b_in, make_box()) != "sent"; }},
        {"c", [](waiting_select& s) { CHECK(s.c.try_receive().has_value()); },
         [](waiting_select& s) { return s.c.closed() || !s.c.try_receive().has_value(); }},
        {"a", [](waiting_select& s) { s.a_in.close(); },
         [](waiting_select& s) {
             s.a_in.close();
             return true;
         }},
        {"closed", [](waiting_select& s) { s.b.close(); },
         [](waiting_select& s) {
             s.b.close();
             return true;
         }},
        {"closed", [](waiting_select& s) { s.c_own.close(); },
         [](waiting_select& s) {
             s.c_own.close();
             return true;
         }},
        {"broken", [](waiting_select& s) { s.c.close(); },
         [](waiting_select& s) {
             s.c.close();
             return true;
         }},
    };
}

}  // namespace

TEST_CASE("a select that was completed and then cancelled gives what it got (M13, M22)") {
    for (const ending& end : endings()) {
        INFO(end.expected);
        run_virtual([&]() -> covey::task<> {
            waiting_select one;
            co_await one.run([&] {
                end.happens(one);
                one.cancel();
            });
            CHECK(one.note == end.expected);
            CHECK(one.went_on);
            CHECK_FALSE(one.passed_check);
        });
    }
}

TEST_CASE("a select that was cancelled takes and gives nothing (M14, M22)") {
    for (const ending& end : endings()) {
        INFO(end.expected);
        run_virtual([&]() -> covey::task<> {
            waiting_select one;
            co_await one.run([&] {
                one.cancel();
                CHECK(end.is_refused(one));
            });
            CHECK(one.note == "");
            CHECK_FALSE(one.went_on);
        });
    }
}

TEST_CASE("of two that could end a select within one step the first does, and no other (M22)") {
    const std::vector<ending> all = endings();
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = 0; j < all.size(); ++j) {
            INFO(i << " before " << j);
            run_virtual([&]() -> covey::task<> {
                waiting_select one;
                co_await one.run([&] {
                    all[i].happens(one);
                    if (i != j) CHECK(all[j].is_refused(one));
                });
                CHECK(one.note == all[i].expected);
                CHECK(one.passed_check);
            });
        }
    }
}

TEST_CASE("a select in a cancelled scope does nothing, ready or not (M12)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(2);
        co_await tx.send(make_box());
        box value = make_box();
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            scope.cancel();
            co_await covey::finally(
                [&]() -> covey::task<> {
                    co_await select(receive_from(rx), send_to(tx, value), covey::otherwise());
                    CHECK(false);
                },
                []() -> covey::task<> { co_return; });
        });
        CHECK(value != nullptr);
        CHECK(rx.statistics().current_buffer_used == 1);
    });
}

TEST_CASE("time against a channel and a cancellation at the same moment: one of them decides") {
    std::size_t by_time = 0, by_value = 0, by_deadline = 0;
    for (const std::uint64_t seed : seeds(60)) {
        run_virtual(seed, [&]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<box>(0);
            bool sent = false;
            std::size_t index = 2;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    sent = tx.try_send(make_box());
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::move_on_after(1s, [&]() -> covey::task<> {
                        const auto which = co_await select(receive_from(rx), after(1s));
                        index = which.index();
                    });
                });
            });
            CHECK(sent == (index == 0));
            CHECK(support::elapsed() == 1s);
            ++(index == 0 ? by_value : index == 1 ? by_time : by_deadline);
        });
    }
    CHECK(by_time + by_value + by_deadline > 0);
}

TEST_CASE("a select behind a shield outlasts a cancellation (C1)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::size_t index = 9;
        co_await covey::move_on_after(1s, covey::shielded([&]() -> covey::task<> {
                                          const auto which =
                                              co_await select(receive_from(rx), after(5s));
                                          index = which.index();
                                      }));
        CHECK(index == 1);
        CHECK(support::elapsed() == 5s);
    });
}

// The task is cancelled after so many steps of the run, whatever it is doing then.
TEST_CASE(
    "a select loop cancelled at each of its steps loses and doubles nothing (M13, M14, M22)") {
    for (const std::uint64_t seed : seeds(5)) {
        for (int steps = 0; steps < 60; ++steps) {
            INFO("after " << steps << " steps");
            run_virtual(seed, [&]() -> covey::task<> {
                auto [in, from] = covey::open_memory_channel<box>(1);
                auto [to, out] = covey::open_memory_channel<box>(0);
                std::vector<int> received, relayed;
                int sent = 0;
                std::optional<box> in_hand;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> {
                        for (; sent < 10; ++sent) co_await in.send(std::make_unique<int>(sent));
                    });
                    nursery.start_soon([&]() -> covey::task<> {
                        while (auto each = co_await out.next()) relayed.push_back(**each);
                    });
                    auto relay = nursery.spawn([&]() -> covey::task<> {
                        for (;;) {
                            box none;
                            auto which = co_await select(
                                receive_from(from).when(!in_hand.has_value()),
                                send_to(to, in_hand ? *in_hand : none).when(in_hand.has_value()),
                                after(1h));
                            if (which.index() == 0) {
                                received.push_back(**std::get<0>(which));
                                in_hand = std::move(*std::get<0>(which));
                            } else {
                                in_hand.reset();
                            }
                        }
                    });
                    for (int i = 0; i < steps; ++i) co_await covey::checkpoint();
                    relay.cancel();
                    co_await covey::testing::wait_all_tasks_blocked();
                    CHECK(from.statistics().tasks_waiting_receive == 0);
                    CHECK(to.statistics().tasks_waiting_send == 0);
                    nursery.cancel();
                });
                for (std::size_t i = 0; i < received.size(); ++i)
                    CHECK(received[i] == static_cast<int>(i));
                const std::size_t held = in_hand && *in_hand != nullptr ? 1 : 0;
                CHECK(relayed.size() + held == received.size());
                const std::size_t buffered = from.statistics().current_buffer_used;
                CHECK(received.size() + buffered == static_cast<std::size_t>(sent));
            });
        }
    }
}
