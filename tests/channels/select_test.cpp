// SPDX-License-Identifier: BSL-1.0
// What select does with each kind of case: api.md section 5.
#include <covey/select.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/inspect.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using covey::after;
using covey::otherwise;
using covey::receive_from;
using covey::select;
using covey::send_to;
using support::run_virtual;
using support::seeds;

namespace {

using box = std::unique_ptr<int>;

}  // namespace

TEST_CASE("select gives a variant with an alternative for each case, in order") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<box>(0);
        auto value = std::make_unique<int>(7);
        co_await tx1.send(1);
        auto which = co_await select(receive_from(rx1), receive_from(rx2), send_to(tx2, value),
                                     after(2s), otherwise());
        static_assert(std::same_as<decltype(which),
                                   std::variant<std::optional<int>, std::optional<box>, covey::sent,
                                                covey::elapsed, covey::would_block>>);
        REQUIRE(which.index() == 0);
        CHECK(std::get<0>(which) == 1);
        CHECK(value != nullptr);
    });
}

TEST_CASE("select of cases of the same type is told apart by its index") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<int>(1);
        co_await tx2.send(2);
        auto which = co_await select(receive_from(rx1), receive_from(rx2));
        CHECK(which.index() == 1);
        CHECK(std::get<1>(which) == 2);
    });
}

TEST_CASE("select waits for the first of its cases, and the others leave no trace (M14, M22)") {
    run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(0);
        auto [tx2, rx2] = covey::open_memory_channel<box>(0);
        auto [tx3, rx3] = covey::open_memory_channel<box>(0);
        auto value = std::make_unique<int>(3);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx1.statistics().tasks_waiting_receive == 1);
                CHECK(tx2.statistics().tasks_waiting_receive == 1);
                CHECK(tx3.statistics().tasks_waiting_send == 1);
                CHECK(tx2.try_send(std::make_unique<int>(2)));
                CHECK(tx1.statistics().tasks_waiting_receive == 0);
                CHECK(tx3.statistics().tasks_waiting_send == 0);
                CHECK_FALSE(tx1.try_send(1));
                CHECK_FALSE(rx3.try_receive().has_value());
            });
            auto which = co_await select(receive_from(rx1), receive_from(rx2), send_to(tx3, value),
                                         after(1h));
            REQUIRE(which.index() == 1);
            CHECK(**std::get<1>(which) == 2);
        });
        REQUIRE(value != nullptr);
        CHECK(*value == 3);
        CHECK(support::elapsed() == 0s);
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("send_to moves an lvalue only if it is chosen") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(1);
        auto value = std::make_unique<int>(1);
        const auto first = co_await select(send_to(tx, value), after(1s));
        CHECK(first.index() == 0);
        CHECK(value == nullptr);
        value = std::make_unique<int>(2);
        const auto second = co_await select(send_to(tx, value), after(1s));
        CHECK(second.index() == 1);
        REQUIRE(value != nullptr);
        const box received = co_await rx.receive();
        CHECK(*received == 1);
        CHECK_FALSE(rx.try_receive());
    });
}

TEST_CASE("send_to takes what converts to the channel's type, and copies what is const") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::string>(4);
        const std::string kept = "kept";
        std::string moved = "moved";
        co_await select(send_to(tx, "literal"));
        co_await select(send_to(tx, kept));
        co_await select(send_to(tx, std::move(moved)));
        CHECK(kept == "kept");
        CHECK(rx.try_receive() == "literal");
        CHECK(rx.try_receive() == "kept");
        CHECK(rx.try_receive() == "moved");
    });
}

TEST_CASE("a value that send_to holds is destroyed when another case is chosen") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::shared_ptr<int>>(0);
        auto value = std::make_shared<int>(1);
        const auto which = co_await select(send_to(tx, std::shared_ptr<int>(value)), after(1s));
        CHECK(which.index() == 1);
        CHECK(value.use_count() == 1);
    });
}

TEST_CASE("a rendezvous is select's in both directions (CH29)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> { co_await tx.send(1); });
            auto received = co_await select(receive_from(rx), after(1h));
            CHECK(std::get<0>(received) == 1);
            nursery.start_soon([&]() -> covey::task<> {
                const int value = co_await rx.receive();
                CHECK(value == 2);
            });
            const auto sent = co_await select(send_to(tx, 2), after(1h));
            CHECK(sent.index() == 0);
        });
    });
}

TEST_CASE("one select's send meets another one's receive") {
    for (const std::uint64_t seed : seeds()) {
        run_virtual(seed, []() -> covey::task<> {
            auto [tx1, rx1] = covey::open_memory_channel<int>(0);
            auto [tx2, rx2] = covey::open_memory_channel<int>(0);
            std::size_t sends = 2, receives = 2;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto which = co_await select(send_to(tx1, 1), send_to(tx2, 2));
                    sends = which.index();
                });
                nursery.start_soon([&]() -> covey::task<> {
                    const auto which = co_await select(receive_from(rx1), receive_from(rx2));
                    receives = which.index();
                });
            });
            CHECK(sends == receives);
            CHECK(sends < 2);
        });
    }
}

TEST_CASE("both directions of one channel in one select never match each other") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        const auto alone = co_await select(send_to(tx, 1), receive_from(rx), after(1s));
        CHECK(alone.index() == 2);
        CHECK(tx.statistics().tasks_waiting_send == 0);
        CHECK(tx.statistics().tasks_waiting_receive == 0);

        // Two of them do, whoever takes which part.
        std::size_t first = 9, second = 9;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&]() -> covey::task<> {
                const auto which = co_await select(send_to(tx, 1), receive_from(rx));
                first = which.index();
            });
            nursery.start_soon([&]() -> covey::task<> {
                const auto which = co_await select(send_to(tx, 2), receive_from(rx));
                second = which.index();
            });
        });
        CHECK(first + second == 1);
    });
}

TEST_CASE("the same channel, or the same end, may stand in several cases") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        const auto other = rx.clone();
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx.try_send(1));
                CHECK(tx.try_send(2));
            });
            auto which = co_await select(receive_from(rx), receive_from(other), receive_from(rx));
            const int value = which.index() == 0   ? *std::get<0>(which)
                              : which.index() == 1 ? *std::get<1>(which)
                                                   : *std::get<2>(which);
            CHECK(value == 1);
        });
        CHECK(rx.statistics().current_buffer_used == 1);
        CHECK(rx.statistics().tasks_waiting_receive == 0);
    });
}

TEST_CASE("those who wait in a select are served in turn with all others (M30, CH11)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto [other_tx, other_rx] = covey::open_memory_channel<int>(0);
        std::vector<std::string> served;
        const auto plain = [&](std::string name) -> covey::task<> {
            const int value = co_await rx.receive();
            served.push_back(name + std::to_string(value));
        };
        const auto selecting = [&](std::string name) -> covey::task<> {
            auto which = co_await select(receive_from(other_rx), receive_from(rx));
            served.push_back(name + std::to_string(*std::get<1>(which)));
        };
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(plain, "a");
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(selecting, "b");
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(plain, "c");
            co_await covey::testing::wait_all_tasks_blocked();
            for (int i = 1; i <= 3; ++i) {
                CHECK(tx.try_send(i));
                co_await covey::testing::wait_all_tasks_blocked();
            }
        });
        CHECK(served == std::vector<std::string>{"a1", "b2", "c3"});
    });
}

TEST_CASE("after counts from when the select is awaited, and is exact in virtual time") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        auto waits = select(receive_from(rx), after(2s), after(1s));
        co_await covey::sleep_for(10s);
        const auto which = co_await std::move(waits);
        CHECK(which.index() == 2);
        CHECK(support::elapsed() == 11s);
    });
}

TEST_CASE("a time case waits until that point, and whatever comes first ends the wait") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        const covey::time_point start = covey::now();
        const auto first = co_await select(receive_from(rx), covey::at(start + 3s), after(5s));
        CHECK(first.index() == 1);
        CHECK(support::elapsed() == 3s);
        const auto second = co_await select(covey::at(start + 30s), after(4s), receive_from(rx));
        CHECK(second.index() == 1);
        CHECK(support::elapsed() == 7s);
        const auto past = co_await select(receive_from(rx), covey::at(start));
        CHECK(past.index() == 1);
        const auto zero = co_await select(receive_from(rx), after(0s));
        CHECK(zero.index() == 1);
        CHECK(support::elapsed() == 7s);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                co_await tx.send(1);
            });
            auto value = co_await select(after(2s), receive_from(rx));
            CHECK(value.index() == 1);
            CHECK(support::elapsed() == 8s);
        });
        CHECK(covey::testing::leaks().timers == 0);
    });
}

TEST_CASE("a length that can't be is refused, and never is for ever") {
    run_virtual([]() -> covey::task<> {
        CHECK_THROWS_AS(after(-1s), std::invalid_argument);
        CHECK_THROWS_AS(
            after(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
            std::invalid_argument);
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        const auto cut = co_await covey::move_on_after(
            1000h,
            select(receive_from(rx), after(covey::never), covey::at(covey::time_point::max()),
                   after(std::chrono::duration<double>(1e300))));
        CHECK_FALSE(cut.finished());
        CHECK(support::elapsed() == 1000h);
    });
}

TEST_CASE("otherwise keeps select from waiting, and only then is chosen") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        const auto empty = co_await select(otherwise(), receive_from(rx), after(1h));
        CHECK(empty.index() == 0);
        CHECK(tx.try_send(1));
        for (int i = 0; i < 20; ++i) {
            const auto full = co_await select(otherwise(), receive_from(rx), send_to(tx, 2));
            CHECK(full.index() == 1);
            CHECK(tx.try_send(1));
        }
        const auto nothing_else = co_await select(otherwise());
        CHECK(nothing_else.index() == 0);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("a case that is switched off takes no part") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(2);
        auto [other_tx, other_rx] = covey::open_memory_channel<int>(2);
        for (const int value : {1, 2}) {
            CHECK(tx.try_send(value));
            CHECK(other_tx.try_send(value));
        }
        for (const bool first : {false, true}) {
            const auto which =
                co_await select(receive_from(rx).when(first), receive_from(other_rx).when(!first),
                                after(0s).when(false), otherwise().when(false));
            CHECK(which.index() == (first ? 0U : 1U));
        }
        CHECK(rx.statistics().current_buffer_used == 1);
        CHECK(other_rx.statistics().current_buffer_used == 1);
    });
}

TEST_CASE("a select whose cases are all switched off is refused: it would wait for ever") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        std::string message;
        try {
            co_await select(receive_from(rx).when(false), send_to(tx, 1).when(false),
                            after(1s).when(false));
        } catch (const std::logic_error& error) {
            message = error.what();
        }
        CHECK(message ==
              "covey: a select whose cases are all switched off would wait for ever: "
              "leave one on, or add otherwise()");
        const auto other = co_await select(receive_from(rx).when(false), otherwise());
        CHECK(other.index() == 1);
    });
}

TEST_CASE("select is a checkpoint, whether it waits or not (CH03, CH04)") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { co_await select(send_to(tx, 1)); });
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { co_await select(receive_from(rx), after(1s)); });
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { co_await select(receive_from(rx), after(1s)); });
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { co_await select(receive_from(rx), otherwise()); });
    });
}

TEST_CASE("a select may be moved until it is awaited, and is awaited once") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<box>(1);
        co_await tx.send(std::make_unique<int>(1));
        auto first = select(receive_from(rx), after(1s), send_to(tx, std::make_unique<int>(2)));
        auto second = std::move(first);
        auto which = co_await second;
        CHECK(which.index() == 0);
        std::size_t refused = 0;
        for (auto* again : {&first, &second}) {
            try {
                co_await *again;
            } catch (const std::logic_error&) {
                ++refused;
            }
        }
        CHECK(refused == 2);
        CHECK(rx.statistics().current_buffer_used == 0);
    });
}

TEST_CASE("the task tree shows what a select waits for") {
    run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await select(receive_from(rx), send_to(tx, 1), after(10s));
            });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(covey::dump_task_tree().find("waits for select of 3 at select_test.cpp:") !=
                  std::string::npos);
        });
    });
}
