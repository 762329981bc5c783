// SPDX-License-Identifier: BSL-1.0
// Small programs in every order there is: what must hold holds in all of them.
#include "support/catch.hpp"

#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/explore.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using covey::nursery;
using covey::open_memory_channel;
using covey::receive_channel;
using covey::send_channel;
using covey::task;
using covey::testing::exploration;
using covey::testing::explore;
using covey::testing::explore_result;

namespace {

constexpr covey::testing::explore_options every_order{.schedules = 300'000,
                                                      .how = exploration::exhaustive};

void expect(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

// Where values go: each is sent once, and received once or left where it was.
struct ledger {
    std::vector<int> sent, received;

    void check(const receive_channel<std::unique_ptr<int>>& rx) {
        try {
            while (auto left = rx.try_receive()) received.push_back(**left);
        } catch (const covey::end_of_channel&) {
        }
        expect(received == sent, "what was received isn't what was sent");
    }
};

task<> send_some(send_channel<std::unique_ptr<int>> tx, int count, ledger& book) {
    for (int i = 0; i < count; ++i) {
        co_await tx.send(std::make_unique<int>(i));
        book.sent.push_back(i);
    }
}

task<> receive_some(receive_channel<std::unique_ptr<int>>& rx, int count, ledger& book) {
    for (int i = 0; i < count; ++i) {
        const auto value = co_await rx.receive();
        book.received.push_back(*value);
    }
}

}  // namespace

TEST_CASE("channel: in every order each value comes once, in the order of sending (M10, M20)") {
    for (const int capacity : {0, 1, 2}) {
        const explore_result found = explore(every_order, [capacity]() -> task<> {
            auto [tx, rx] = open_memory_channel<int>(capacity);
            std::vector<int> received;
            co_await covey::with_nursery([&](nursery& both) -> task<> {
                both.start_soon(
                    [](send_channel<int> out) -> task<> {
                        for (int i = 0; i < 3; ++i) co_await out.send(i);
                    },
                    std::move(tx));
                while (const auto value = co_await rx.next()) received.push_back(*value);
            });
            expect(received == std::vector<int>{0, 1, 2}, "not in order");
        });
        INFO("capacity " << capacity << ": " << found);
        CHECK(found);
        CHECK(found.is_complete);
    }
}

TEST_CASE("channel: in every order a sender that is cut off has sent, or has not (M13, M14)") {
    for (const int capacity : {0, 1}) {
        const explore_result found = explore(every_order, [capacity]() -> task<> {
            auto [tx, rx] = open_memory_channel<std::unique_ptr<int>>(capacity);
            auto value = std::make_unique<int>(0);
            ledger book;
            bool is_sent = false;
            std::optional<covey::scope_handle> scope;
            co_await covey::with_nursery([&](nursery& all) -> task<> {
                all.start_soon([&]() -> task<> {
                    co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> task<> {
                        scope.emplace(own.handle());
                        co_await tx.send_from(value);
                        is_sent = true;
                    });
                });
                all.start_soon([&]() -> task<> {
                    co_await covey::move_on_after(std::chrono::seconds(1), [&]() -> task<> {
                        co_await receive_some(rx, 1, book);
                    });
                });
                co_await covey::checkpoint();
                if (scope) scope->cancel();
            });
            expect(!is_sent || value == nullptr, "sent, and still here");
            if (value == nullptr) book.sent.push_back(0);
            book.check(rx);
        });
        INFO("capacity " << capacity << ": " << found);
        CHECK(found);
        CHECK(found.is_complete);
    }
}

TEST_CASE("channel: in every order a receiver that is cut off loses nothing (M22)") {
    for (const int capacity : {0, 1}) {
        const explore_result found = explore(every_order, [capacity]() -> task<> {
            auto [tx, rx] = open_memory_channel<std::unique_ptr<int>>(capacity);
            ledger book;
            co_await covey::with_nursery([&](nursery& all) -> task<> {
                all.start_soon(send_some, std::move(tx), 1, std::ref(book));
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> task<> {
                    all.start_soon(
                        [](covey::scope_handle scope) -> task<> {
                            scope.cancel();
                            co_return;
                        },
                        own.handle());
                    co_await receive_some(rx, 1, book);
                });
                if (book.received.empty()) co_await receive_some(rx, 1, book);
            });
            book.check(rx);
        });
        INFO("capacity " << capacity << ": " << found);
        CHECK(found);
        CHECK(found.is_complete);
    }
}

TEST_CASE("channel: in every order a channel that closes ends all waits (M43)") {
    const explore_result found = explore(every_order, []() -> task<> {
        auto [tx, rx] = open_memory_channel<int>(0);
        std::multiset<std::string> ends;
        co_await covey::with_nursery([&](nursery& all) -> task<> {
            for (int i = 0; i < 3; ++i) {
                all.start_soon(
                    [&ends](receive_channel<int> end) -> task<> {
                        const auto value = co_await end.next();
                        ends.insert(value ? "value" : "end");
                    },
                    rx.clone());
            }
            co_await tx.send(1);
            tx.close();
        });
        expect(ends == std::multiset<std::string>{"end", "end", "value"},
               "one gets the value, the others the end");
    });
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
}

TEST_CASE("select: in every order one arm takes effect, and each can") {
    std::set<std::size_t> chosen;
    const explore_result found = explore(every_order, [&]() -> task<> {
        auto [first_tx, first_rx] = open_memory_channel<int>(1);
        auto [second_tx, second_rx] = open_memory_channel<int>(1);
        co_await covey::with_nursery([&](nursery& all) -> task<> {
            all.start_soon([](send_channel<int> out) -> task<> { co_await out.send(1); },
                           std::move(first_tx));
            all.start_soon([](send_channel<int> out) -> task<> { co_await out.send(2); },
                           std::move(second_tx));
            int sum = 0;
            co_await covey::checkpoint();  // maybe both have sent
            const auto which =
                co_await covey::select(covey::on(first_rx, [&](int value) { sum += value; }),
                                       covey::on(second_rx, [&](int value) { sum += value; }));
            chosen.insert(which.index());
            expect(sum == static_cast<int>(which.index()) + 1, "not the value of the arm");
            while (const auto value = co_await first_rx.next()) sum += *value;
            while (const auto value = co_await second_rx.next()) sum += *value;
            expect(sum == 3, "a losing arm has taken its value");
        });
    });
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(chosen == std::set<std::size_t>{0, 1});
}

namespace {

task<> pass_on(const receive_channel<int>& from, const send_channel<int>& to) {
    const int value = co_await from.receive();
    co_await to.send(value);
}
task<> pass_to(const send_channel<int>& to) { co_await to.send(1); }

}  // namespace

TEST_CASE("channel: two who wait for each other's message are found, and who they are") {
    const explore_result found = explore([]() -> task<> {
        auto [to_left, left] = open_memory_channel<int>(0);
        auto [to_right, right] = open_memory_channel<int>(0);
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon({.name = "kick-off"}, pass_to, std::cref(to_left));
            both.start_soon({.name = "left"}, pass_on, std::cref(left), std::cref(to_right));
            both.start_soon({.name = "right"}, pass_on, std::cref(right), std::cref(to_left));
            both.start_soon({.name = "left again"}, pass_on, std::cref(left), std::cref(to_right));
            both.start_soon({.name = "right again"}, pass_on, std::cref(right), std::cref(to_left));
            co_return;
        });
    });
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("nothing can go on") != std::string::npos);
}

TEST_CASE("channel: a deadlock names the channels, who uses their other ends, and a circle") {
    const auto main = []() -> task<> {
        auto [a_out, a_in] = open_memory_channel<int>(0);
        auto [b_out, b_in] = open_memory_channel<int>(0);
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon({.name = "left"}, [&]() -> task<> {
                co_await a_out.send(1);
                co_await b_in.receive();
                co_await b_in.receive();
            });
            both.start_soon({.name = "right"}, [&]() -> task<> {
                co_await a_in.receive();
                co_await b_out.send(2);
                co_await a_in.receive();
            });
            co_return;
        });
    };
    const explore_result found = explore(main);
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("'left' waits for receive on channel channel_explore_test.cpp:") !=
          std::string::npos);
    CHECK(found.what.find("the other end is used by 'right'") != std::string::npos);
    const bool is_circle =
        found.what.find("a circle: 'left', 'right', 'left'") != std::string::npos ||
        found.what.find("a circle: 'right', 'left', 'right'") != std::string::npos;
    CHECK(is_circle);
}

TEST_CASE("channel: a receiver whose sender nobody uses any more is found, and said so") {
    const explore_result found = explore([]() -> task<> {
        auto [tx, rx] = open_memory_channel<int>(0);
        co_await rx.receive();
    });
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("the other end is open, and nobody who is left has used it") !=
          std::string::npos);
}

TEST_CASE("select: a deadlock names each of its channels") {
    const explore_result found = explore([]() -> task<> {
        auto [a_out, a_in] = open_memory_channel<int>(0);
        auto [b_out, b_in] = open_memory_channel<int>(0);
        co_await covey::with_nursery([&](nursery& both) -> task<> {
            both.start_soon({.name = "chooser"}, [&]() -> task<> {
                for (;;) {
                    co_await covey::select(covey::receive_from(a_in), covey::receive_from(b_in));
                }
            });
            both.start_soon({.name = "sender"}, [&]() -> task<> {
                co_await covey::select(covey::send_to(a_out, 1), covey::send_to(b_out, 2));
            });
            co_return;
        });
    });
    REQUIRE_FALSE(found);
    INFO(found);
    const std::string line = "'chooser' waits for select of 2 on channel channel_explore_test.cpp:";
    const std::size_t first = found.what.find(line);
    REQUIRE(first != std::string::npos);
    CHECK(found.what.find(line, first + 1) != std::string::npos);
}
