// SPDX-License-Identifier: BSL-1.0
// Cancellation against completion, closing and time, in both orders within one step: one of them
// decides, and no value is lost or doubled.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::receiving;
using support::sending;

namespace {

// One operation in a scope of its own, and how far its task came.
struct observed {
    std::string note = "waits";  // of the operation
    bool reached_next = false, passed_checkpoint = false, finished = false;
    std::optional<covey::scope_handle> scope;
    std::optional<int> received;
};

covey::task<> observe(observed& seen, std::function<covey::task<>()> operation) {
    seen.finished =
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            seen.scope.emplace(scope.handle());
            try {
                co_await operation();
                seen.note = "done";
            } catch (const covey::closed_resource_error&) {
                seen.note = "closed";
            } catch (const covey::broken_resource_error&) {
                seen.note = "broken";
            }
            seen.reached_next = true;
            co_await covey::checkpoint();
            seen.passed_checkpoint = true;
        });
}

using value_type = std::unique_ptr<int>;

// A full channel, and one who waits to send 100: what the test does while it waits.
struct waiting_sender {
    covey::send_channel<value_type> tx;
    covey::receive_channel<value_type> rx;
    value_type value = std::make_unique<int>(100);
    observed seen;

    explicit waiting_sender(int capacity)
        : waiting_sender(covey::open_memory_channel<value_type>(capacity)) {
        for (int i = 0; i < capacity; ++i) CHECK(tx.try_send(std::make_unique<int>(i)));
    }
    covey::task<> run(sending how, std::function<void()> in_one_step) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(observe, std::ref(seen),
                               [&, how] { return support::send_by(how, tx, value); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(rx.statistics().tasks_waiting_send == 1);
            in_one_step();
            CHECK(seen.note == "waits");
        });
    }
    // Everything that is left, in order.
    std::string drained() const {
        std::string all;
        try {
            while (auto next = rx.try_receive()) all += std::to_string(**next) + " ";
        } catch (const covey::end_of_channel&) {
        }
        return all;
    }

 private:
    explicit waiting_sender(
        std::pair<covey::send_channel<value_type>, covey::receive_channel<value_type>> ends)
        : tx(std::move(ends.first)), rx(std::move(ends.second)) {}
};

// An empty channel, and one who waits to receive.
struct waiting_receiver {
    covey::send_channel<int> tx;
    covey::receive_channel<int> rx;
    observed seen;

    explicit waiting_receiver(int capacity)
        : waiting_receiver(covey::open_memory_channel<int>(capacity)) {}
    covey::task<> run(receiving how, std::function<void()> in_one_step) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(observe, std::ref(seen), [&, how]() -> covey::task<> {
                seen.received = co_await support::receive_by(how, rx);
            });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK(tx.statistics().tasks_waiting_receive == 1);
            in_one_step();
            CHECK(seen.note == "waits");
        });
    }

 private:
    explicit waiting_receiver(std::pair<covey::send_channel<int>, covey::receive_channel<int>> ends)
        : tx(std::move(ends.first)), rx(std::move(ends.second)) {}
};

template <class F>
void for_each_sending(F check) {
    for (const std::uint64_t seed : support::seeds(8)) {
        for (const sending how : support::all_sendings) {
            for (const int capacity : {0, 1, 2, 3}) {
                INFO(support::name_of(how) << ", capacity " << capacity);
                support::run_virtual(seed, [&] { return check(how, capacity); });
            }
        }
    }
}

template <class F>
void for_each_receiving(F check) {
    for (const std::uint64_t seed : support::seeds(8)) {
        for (const receiving how : support::all_receivings) {
            for (const int capacity : {0, 1, 2, 3}) {
                INFO(support::name_of(how) << ", capacity " << capacity);
                support::run_virtual(seed, [&] { return check(how, capacity); });
            }
        }
    }
}

// "0 1 2 " for 3.
std::string up_to(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(i) + " ";
    return text;
}

}  // namespace

TEST_CASE("a send that was taken, then cancelled in the same step, has been sent (K17, M13)") {
    for_each_sending([](sending how, int capacity) -> covey::task<> {
        waiting_sender sender(capacity);
        co_await sender.run(how, [&] {
            const auto first = sender.rx.try_receive();
            REQUIRE(first.has_value());
            CHECK(**first == (capacity == 0 ? 100 : 0));
            sender.seen.scope->cancel();
        });
        CHECK(sender.seen.note == "done");
        CHECK(sender.seen.reached_next);
        CHECK_FALSE(sender.seen.passed_checkpoint);
        CHECK_FALSE(sender.seen.finished);
        CHECK(sender.value == nullptr);
        if (capacity != 0) {
            const std::string rest = (up_to(capacity) + "100 ").substr(2);
            CHECK(sender.drained() == rest);
        }
        CHECK(sender.drained() == "");
    });
}

TEST_CASE("a send that was cancelled, then asked for in the same step, is not sent (K6, M14)") {
    for_each_sending([](sending how, int capacity) -> covey::task<> {
        waiting_sender sender(capacity);
        co_await sender.run(how, [&] {
            sender.seen.scope->cancel();
            CHECK(sender.rx.statistics().tasks_waiting_send == 0);
            CHECK(sender.drained() == up_to(capacity));
        });
        CHECK(sender.seen.note == "waits");
        CHECK_FALSE(sender.seen.reached_next);
        CHECK_FALSE(sender.seen.finished);
        CHECK((sender.value != nullptr) == support::keeps_unsent(how));
        CHECK(sender.drained() == "");
        CHECK(sender.rx.statistics().tasks_waiting_send == 0);
    });
}

TEST_CASE("a send that is over is not touched by a later cancellation (M13)") {
    for_each_sending([](sending how, int capacity) -> covey::task<> {
        waiting_sender sender(capacity);
        co_await sender.run(how, [&] { CHECK(sender.rx.try_receive().has_value()); });
        CHECK(sender.seen.note == "done");
        CHECK(sender.seen.finished);
        sender.seen.scope->cancel();
        CHECK(sender.value == nullptr);
        CHECK(sender.drained() == (capacity == 0 ? "" : (up_to(capacity) + "100 ").substr(2)));
    });
}

TEST_CASE("a send against closing and cancelling in one step: the first decides (M42, M45)") {
    for_each_sending([](sending how, int capacity) -> covey::task<> {
        {
            waiting_sender sender(capacity);
            co_await sender.run(how, [&] {
                sender.tx.close();
                sender.seen.scope->cancel();
            });
            CHECK(sender.seen.note == "closed");
            CHECK_FALSE(sender.seen.passed_checkpoint);
            CHECK((sender.value != nullptr) == support::keeps_unsent(how));
            CHECK(sender.drained() == up_to(capacity));
        }
        {
            waiting_sender sender(capacity);
            co_await sender.run(how, [&] {
                sender.seen.scope->cancel();
                sender.rx.close();
            });
            CHECK(sender.seen.note == "waits");
            CHECK_FALSE(sender.seen.reached_next);
        }
        {
            waiting_sender sender(capacity);
            co_await sender.run(how, [&] {
                sender.rx.close();
                sender.seen.scope->cancel();
            });
            CHECK(sender.seen.note == "broken");
            CHECK((sender.value != nullptr) == support::keeps_unsent(how));
        }
    });
}

TEST_CASE("a receive that was served, then cancelled in the same step, keeps it (K17, M22)") {
    for_each_receiving([](receiving how, int capacity) -> covey::task<> {
        waiting_receiver receiver(capacity);
        co_await receiver.run(how, [&] {
            CHECK(receiver.tx.try_send(7));
            receiver.seen.scope->cancel();
        });
        CHECK(receiver.seen.note == "done");
        CHECK(receiver.seen.received == 7);
        CHECK(receiver.seen.reached_next);
        CHECK_FALSE(receiver.seen.passed_checkpoint);
        CHECK_FALSE(receiver.seen.finished);
        CHECK_FALSE(receiver.rx.try_receive().has_value());
    });
}

TEST_CASE("a receive that was cancelled is not served any more in the same step (K6, M22)") {
    for_each_receiving([](receiving how, int capacity) -> covey::task<> {
        waiting_receiver receiver(capacity);
        co_await receiver.run(how, [&] {
            receiver.seen.scope->cancel();
            CHECK(receiver.tx.statistics().tasks_waiting_receive == 0);
            for (int i = 0; i < capacity; ++i) CHECK(receiver.tx.try_send(i));
            CHECK_FALSE(receiver.tx.try_send(99));
            CHECK(receiver.tx.statistics().current_buffer_used ==
                  static_cast<std::size_t>(capacity));
        });
        CHECK(receiver.seen.note == "waits");
        CHECK_FALSE(receiver.seen.received.has_value());
        CHECK_FALSE(receiver.seen.reached_next);
        for (int i = 0; i < capacity; ++i) CHECK(receiver.rx.try_receive() == i);
        CHECK_FALSE(receiver.rx.try_receive().has_value());
    });
}

TEST_CASE("a receive that is over is not touched by a later cancellation (M22)") {
    for_each_receiving([](receiving how, int capacity) -> covey::task<> {
        waiting_receiver receiver(capacity);
        co_await receiver.run(how, [&] { CHECK(receiver.tx.try_send(3)); });
        CHECK(receiver.seen.finished);
        receiver.seen.scope->cancel();
        CHECK(receiver.seen.received == 3);
    });
}

TEST_CASE("a receive against closing and cancelling in one step: the first decides (M43, M44)") {
    for_each_receiving([](receiving how, int capacity) -> covey::task<> {
        {
            waiting_receiver receiver(capacity);
            co_await receiver.run(how, [&] {
                receiver.tx.close();
                receiver.seen.scope->cancel();
            });
            CHECK(receiver.seen.note == "done");  // with the end of the channel
            CHECK_FALSE(receiver.seen.received.has_value());
            CHECK(receiver.seen.reached_next);
            CHECK_FALSE(receiver.seen.passed_checkpoint);
        }
        {
            waiting_receiver receiver(capacity);
            co_await receiver.run(how, [&] {
                receiver.rx.close();
                receiver.seen.scope->cancel();
            });
            CHECK(receiver.seen.note == "closed");
        }
        {
            waiting_receiver receiver(capacity);
            co_await receiver.run(how, [&] {
                receiver.seen.scope->cancel();
                receiver.rx.close();
                receiver.tx.close();
            });
            CHECK(receiver.seen.note == "waits");
            CHECK_FALSE(receiver.seen.reached_next);
        }
    });
}

TEST_CASE("a limit of the same instant comes before what its instant wakes (C34, M14, M22)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::optional<int> received;
            bool taken = true;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    const auto limited = co_await covey::move_on_after(1s, rx.receive());
                    if (limited.finished()) received = *limited;
                });
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    taken = tx.try_send(5);
                });
            });
            CHECK_FALSE(taken);
            CHECK_FALSE(received.has_value());
        });
    }
}

TEST_CASE("whoever waits is stopped by a sibling's failure, and nothing is lost (M14, M22, N20)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(0);
            auto value = std::make_unique<int>(1);
            bool failed = false;
            try {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon([&]() -> covey::task<> { co_await tx.send_from(value); });
                    nursery.start_soon([]() -> covey::task<> {
                        co_await covey::sleep_for(1s);
                        throw std::runtime_error("sibling");
                    });
                    co_await covey::sleep_forever();
                });
            } catch (const covey::exception_group&) {
                failed = true;
            }
            CHECK(failed);
            REQUIRE(value != nullptr);
            CHECK_FALSE(rx.try_receive().has_value());
            CHECK(rx.statistics().tasks_waiting_send == 0);
        });
    }
}

TEST_CASE("a shielded operation is served although all around it is cancelled (C40, M13)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            bool sent = false, after = false;
            co_await covey::with_nursery([&](covey::nursery& outside) -> covey::task<> {
                outside.start_soon([&]() -> covey::task<> {
                    co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& scope) -> covey::task<> {
                            scope.cancel();
                            co_await covey::shielded(tx.send(1));
                            sent = true;
                            co_await covey::checkpoint();
                            after = true;
                        });
                });
                co_await covey::sleep_for(1s);
                CHECK_FALSE(sent);
                CHECK(rx.statistics().tasks_waiting_send == 1);
                const int value = co_await rx.receive();
                CHECK(value == 1);
            });
            CHECK(sent);
            CHECK_FALSE(after);
        });
    }
}

TEST_CASE("many who wait are cancelled at once: nobody is left, the rest is served (M14, M22)") {
    for (const std::uint64_t seed : support::seeds(5)) {
        support::run_virtual(seed, []() -> covey::task<> {
            constexpr int many = 500;
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::vector<int> sent;
            co_await covey::with_nursery([&](covey::nursery& stays) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& goes) -> covey::task<> {
                    for (int i = 0; i < many; ++i) {
                        auto& where = i % 50 == 0 ? stays : goes;
                        where.start_soon([&, i]() -> covey::task<> {
                            co_await tx.send(i);
                            sent.push_back(i);
                        });
                    }
                    co_await covey::testing::wait_all_tasks_blocked();
                    CHECK(tx.statistics().tasks_waiting_send == many);
                    goes.cancel();
                    CHECK(tx.statistics().tasks_waiting_send == many / 50);
                });
                std::vector<int> received;
                while (auto value = rx.try_receive()) received.push_back(*value);
                CHECK(received.size() == many / 50);
                for (const int value : received) CHECK(value % 50 == 0);
            });
            CHECK(sent.size() == many / 50);
        });
    }
}
