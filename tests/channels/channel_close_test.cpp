// SPDX-License-Identifier: BSL-1.0
// The close matrix: every event against everybody who may observe it, by each way to close.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using support::note_receive;
using support::note_send;
using support::receiving;
using support::sending;

namespace {

using ends_of_int = std::pair<covey::send_channel<int>, covey::receive_channel<int>>;

enum class event { close_one_sender, close_last_sender, close_one_receiver, close_last_receiver };
enum class manner { close, destroy, overwrite, move_away };
constexpr std::array all_manners{manner::close, manner::destroy, manner::overwrite,
                                 manner::move_away};

// What somebody sees of an event. "here": through the handle that is closed; "there": through a
// sibling, which is there unless the event closes the last one.
struct expected_of {
    event what;
    const char *sender_here, *sender_there;      // blocked meanwhile
    const char *receiver_here, *receiver_there;  // blocked meanwhile
    const char* buffer;                          // what is received later, in order
    const char *later_send_here, *later_send_there;
    const char *later_receive_here, *later_receive_there;  // of an empty buffer
};

// "-": there is nobody to see it.
constexpr expected_of matrix[] = {
    {event::close_one_sender, "closed", "waits", "waits", "waits", "1 2", "closed", "sent", "empty",
     "empty"},
    {event::close_last_sender, "closed", "-", "end", "end", "1 2", "closed", "-", "end", "end"},
    {event::close_one_receiver, "waits", "waits", "closed", "waits", "1 2", "sent", "sent",
     "closed", "empty"},
    {event::close_last_receiver, "broken", "broken", "closed", "-", "", "broken", "broken",
     "closed", "-"},
};

const char* name_of(event what) {
    constexpr std::array names{"close one sender", "close the last sender", "close one receiver",
                               "close the last receiver"};
    return names[static_cast<std::size_t>(what)];
}

// A channel as it is before the event.
class setting {
 public:
    setting(event what, int capacity) : setting(what, covey::open_memory_channel<int>(capacity)) {}

    std::optional<covey::send_channel<int>> tx, tx_sibling;
    std::optional<covey::receive_channel<int>> rx, rx_sibling;

    void happen(manner how) {
        if (what_ == event::close_one_sender || what_ == event::close_last_sender)
            close(tx, covey::open_memory_channel<int>(0).first, how);
        else
            close(rx, covey::open_memory_channel<int>(0).second, how);
    }
    // Somebody who is still there, to receive through.
    [[nodiscard]] const covey::receive_channel<int>* receiver_left() const {
        if (what_ == event::close_last_receiver) return nullptr;
        return rx_sibling ? &*rx_sibling : &*rx;
    }

 private:
    setting(event what, ends_of_int ends)
        : tx(std::move(ends.first)), rx(std::move(ends.second)), what_(what) {
        if (what != event::close_last_sender) tx_sibling.emplace(tx->clone());
        if (what != event::close_last_receiver) rx_sibling.emplace(rx->clone());
    }

    template <class Handle>
    static void close(std::optional<Handle>& handle, Handle&& other, manner how) {
        switch (how) {
            case manner::close: handle->close(); break;
            case manner::destroy: handle.reset(); break;
            case manner::overwrite: *handle = std::move(other); break;
            case manner::move_away: {
                const Handle moved_to = std::move(*handle);
                break;
            }
        }
    }

    event what_;
};

std::string text_of(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// A full channel with two who wait to send, one on each handle.
covey::task<> check_blocked_senders(const expected_of& row, manner how, sending by, int capacity) {
    setting channel(row.what, capacity);
    for (int i = 0; i < capacity; ++i) CHECK(channel.tx->try_send(i + 1));
    std::string here = "-", there = "-";
    const auto sends = [by](const covey::send_channel<int>& tx, int value,
                            std::string& note) -> covey::task<> {
        co_await note_send(by, tx, value, note);
    };
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(sends, std::cref(*channel.tx), 101, std::ref(here));
        if (channel.tx_sibling)
            nursery.start_soon(sends, std::cref(*channel.tx_sibling), 102, std::ref(there));
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(here == "waits");
        channel.happen(how);
        // At once: the list has forgotten those who are told.
        std::size_t still_waiting = 0;
        for (const char* each : {row.sender_here, row.sender_there})
            still_waiting += std::string(each) == "waits" ? 1U : 0U;
        const auto* left = channel.receiver_left();
        if (left != nullptr) CHECK(left->statistics().tasks_waiting_send == still_waiting);
        CHECK(here == "waits");  // nobody ran meanwhile: closing is no checkpoint
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(here == row.sender_here);
        CHECK(there == row.sender_there);
        nursery.cancel();
    });
}

// An empty channel with two who wait to receive, one on each handle.
covey::task<> check_blocked_receivers(const expected_of& row, manner how, receiving by,
                                      int capacity) {
    setting channel(row.what, capacity);
    std::string here = "-", there = "-";
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(note_receive, by, std::cref(*channel.rx), std::ref(here));
        if (channel.rx_sibling)
            nursery.start_soon(note_receive, by, std::cref(*channel.rx_sibling), std::ref(there));
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(here == "waits");
        channel.happen(how);
        CHECK(here == "waits");
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(here == row.receiver_here);
        CHECK(there == row.receiver_there);
        nursery.cancel();
    });
}

void check_buffer(const expected_of& row, manner how) {
    setting channel(row.what, 3);
    CHECK(channel.tx->try_send(1));
    CHECK(channel.tx->try_send(2));
    channel.happen(how);
    std::vector<std::string> received;
    if (const auto* left = channel.receiver_left()) {
        CHECK(left->statistics().current_buffer_used == 2);
        CHECK(left->try_receive() == 1);
        CHECK(left->try_receive() == 2);
        received = {"1", "2"};
        CHECK(support::try_receive(*left) ==
              (row.what == event::close_last_sender ? "end" : "empty"));
    } else {
        CHECK(channel.tx->statistics().current_buffer_used == 0);
        CHECK(channel.tx->statistics().open_receive_channels == 0);
    }
    CHECK(text_of(received) == row.buffer);
}

// The handle has to be there to be asked afterwards: only for close().
covey::task<> check_later_operations(const expected_of& row) {
    for (const sending by : support::all_sendings) {
        setting channel(row.what, 4);
        channel.happen(manner::close);
        CHECK(support::try_send(*channel.tx, 1) == row.later_send_here);
        if (channel.tx_sibling)
            CHECK(support::try_send(*channel.tx_sibling, 1) == row.later_send_there);
        std::string here = "-", there = "-";
        co_await note_send(by, *channel.tx, 1, here);
        if (channel.tx_sibling) co_await note_send(by, *channel.tx_sibling, 1, there);
        CHECK(here == row.later_send_here);
        CHECK(there == row.later_send_there);
    }
    setting channel(row.what, 4);
    channel.happen(manner::close);
    CHECK(support::try_receive(*channel.rx) == row.later_receive_here);
    if (channel.rx_sibling)
        CHECK(support::try_receive(*channel.rx_sibling) == row.later_receive_there);
    for (const receiving by : support::all_receivings) {
        std::string here, there;
        const auto asks = [&](const covey::receive_channel<int>& rx,
                              std::string& note) -> covey::task<> {
            const auto ends =
                co_await covey::move_on_after(std::chrono::seconds(1), note_receive(by, rx, note));
            if (!ends) note = "empty";
        };
        co_await asks(*channel.rx, here);
        CHECK(here == row.later_receive_here);
        if (!channel.rx_sibling) continue;
        co_await asks(*channel.rx_sibling, there);
        CHECK(there == row.later_receive_there);
    }
}

}  // namespace

TEST_CASE("the close matrix: blocked senders (M42, M45, CH12, CH14, CH16)") {
    for (const std::uint64_t seed : support::seeds(4)) {
        for (const expected_of& row : matrix) {
            for (const manner how : all_manners) {
                for (const sending by : support::all_sendings) {
                    for (const int capacity : {0, 2}) {
                        INFO(name_of(row.what)
                             << ", manner " << static_cast<int>(how) << ", " << support::name_of(by)
                             << ", capacity " << capacity);
                        support::run_virtual(
                            seed, [&] { return check_blocked_senders(row, how, by, capacity); });
                    }
                }
            }
        }
    }
}

TEST_CASE("the close matrix: blocked receivers (M43, M44, CH13, CH15, CH16)") {
    for (const std::uint64_t seed : support::seeds(4)) {
        for (const expected_of& row : matrix) {
            for (const manner how : all_manners) {
                for (const receiving by : support::all_receivings) {
                    for (const int capacity : {0, 2}) {
                        INFO(name_of(row.what)
                             << ", manner " << static_cast<int>(how) << ", " << support::name_of(by)
                             << ", capacity " << capacity);
                        support::run_virtual(
                            seed, [&] { return check_blocked_receivers(row, how, by, capacity); });
                    }
                }
            }
        }
    }
}

TEST_CASE("the close matrix: the buffer is drained or dropped (M44, M45, CH07, NB38)") {
    for (const expected_of& row : matrix) {
        for (const manner how : all_manners) {
            INFO(name_of(row.what) << ", manner " << static_cast<int>(how));
            check_buffer(row, how);
        }
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("the close matrix: later sends and receives (M45, M46, CH06, CH08, CH12-CH16)") {
    for (const expected_of& row : matrix) {
        INFO(name_of(row.what));
        support::run_virtual([&] { return check_later_operations(row); });
    }
}

TEST_CASE("after the sender is closed everything but closing again is refused (M40, CH06)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        tx.close();
        CHECK(tx.closed());
        tx.close();
        CHECK(support::try_send(tx, 1) == "closed");
        CHECK_THROWS_AS(tx.clone(), covey::closed_resource_error);
        for (const sending how : support::all_sendings) {
            std::string note;
            co_await note_send(how, tx, 1, note);
            CHECK(note == "closed");
        }
        CHECK(tx.statistics().open_send_channels == 0);
        CHECK(tx.statistics().open_receive_channels == 1);
        CHECK_FALSE(rx.closed());
    });
}

TEST_CASE("after the receiver is closed everything but closing again is refused (M40, CH08)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        rx.close();
        CHECK(rx.closed());
        rx.close();
        CHECK(support::try_receive(rx) == "closed");
        CHECK_THROWS_AS(rx.clone(), covey::closed_resource_error);
        for (const receiving how : support::all_receivings) {
            std::string note;
            co_await note_receive(how, rx, note);
            CHECK(note == "closed");
        }
        CHECK(rx.statistics().open_receive_channels == 0);
        CHECK(rx.statistics().open_send_channels == 1);
    });
}

TEST_CASE("closing wakes everybody who waits on the handle (M42, M43, M48, CH12, CH15)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            auto tx_sibling = tx.clone();
            std::string here[5], there;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int i = 0; i < 5; ++i)
                    nursery.start_soon(note_send<int>, sending::send, std::ref(tx), i,
                                       std::ref(here[i]));
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx_sibling), 9,
                                   std::ref(there));
                co_await covey::testing::wait_all_tasks_blocked();
                tx.close();
                CHECK(rx.statistics().tasks_waiting_send == 1);
                CHECK(support::try_receive(rx) == "got 9");
            });
            for (const std::string& note : here) CHECK(note == "closed");
            CHECK(there == "sent");

            auto rx_sibling = rx.clone();
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (std::string& note : here)
                    nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(note));
                nursery.start_soon(note_receive, receiving::receive, std::ref(rx_sibling),
                                   std::ref(there));
                co_await covey::testing::wait_all_tasks_blocked();
                rx.close();
                CHECK(tx_sibling.statistics().tasks_waiting_receive == 1);
                CHECK(support::try_send(tx_sibling, 7) == "sent");
            });
            for (const std::string& note : here) CHECK(note == "closed");
            CHECK(there == "got 7");
        });
    }
}

TEST_CASE("closing a handle never touches a value that was accepted (M13, M22, K17)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            std::string sent, received;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 1, std::ref(sent));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(support::try_receive(rx) == "got 1");
                tx.close();  // in the same step: the send is over
            });
            CHECK(sent == "sent");

            auto [tx2, rx2] = covey::open_memory_channel<int>(0);
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::receive, std::ref(rx2),
                                   std::ref(received));
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(tx2.try_send(2));
                rx2.close();
                tx2.close();
            });
            CHECK(received == "got 2");
        });
    }
}

TEST_CASE("closing decides at once: whoever is told can't be served in the same step (M42, M43)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(0);
            auto tx_sibling = tx.clone();
            auto rx_sibling = rx.clone();
            std::string note;
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_send<int>, sending::send, std::ref(tx), 1, std::ref(note));
                co_await covey::testing::wait_all_tasks_blocked();
                tx.close();
                CHECK(support::try_receive(rx) == "empty");
            });
            CHECK(note == "closed");
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon(note_receive, receiving::next, std::ref(rx), std::ref(note));
                co_await covey::testing::wait_all_tasks_blocked();
                rx.close();
                CHECK(support::try_send(tx_sibling, 1) == "full");
            });
            CHECK(note == "closed");
        });
    }
}

TEST_CASE("the end of a block closes its handles and keeps its error (M41, M47)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(1);
        std::string error;
        try {
            const auto mine = std::move(tx);
            CHECK(mine.try_send(1));
            throw std::runtime_error("of the block");
        } catch (const std::runtime_error& thrown) {
            error = thrown.what();
        }
        CHECK(error == "of the block");
        CHECK(support::try_receive(rx) == "got 1");
        CHECK(support::try_receive(rx) == "end");
        co_return;
    });
}

TEST_CASE("a cancelled block closes its handles as it unwinds (K7, M41)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(0);
        std::string received;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon(note_receive, receiving::receive, std::ref(rx), std::ref(received));
            const auto holds = [](covey::send_channel<int>) -> covey::task<> {
                co_await covey::sleep_forever();
            };
            const auto limited =
                co_await covey::move_on_after(std::chrono::seconds(1), holds(std::move(tx)));
            CHECK_FALSE(limited);
            CHECK(rx.statistics().open_send_channels == 0);
        });
        CHECK(received == "end");
    });
}

TEST_CASE("an end that one task closes fails for the others, a clone of it does not (M48)") {
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<int>(covey::unbounded);
        auto clone = tx.clone();
        std::vector<std::string> log;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await tx.send(1);
                co_await covey::sleep_for(std::chrono::seconds(2));
                try {
                    co_await tx.send(2);
                } catch (const covey::closed_resource_error&) {
                    log.emplace_back("closed");
                }
                co_await clone.send(3);
            });
            co_await covey::sleep_for(std::chrono::seconds(1));
            tx.close();
        });
        CHECK(log == std::vector<std::string>{"closed"});
        CHECK(support::try_receive(rx) == "got 1");
        CHECK(support::try_receive(rx) == "got 3");
        CHECK(support::try_receive(rx) == "empty");
    });
}
