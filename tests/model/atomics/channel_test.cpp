// SPDX-License-Identifier: BSL-1.0
// channels/src/channel_core.cpp under every schedule of threads that send, receive and close: a
// value that was sent is received once, or its sender is told.

#include <covey/channel.hpp>

#include "explored.hpp"

#include <covey/error.hpp>

#include <array>
#include <optional>

namespace {

using checked::explore_all;
using model::expect;
using model::together;

struct ends {
    covey::send_channel<int*> tx;
    covey::receive_channel<int*> rx;
};

ends open(std::size_t capacity) {
    auto [tx, rx] = covey::open_memory_channel<int*>(capacity);
    return {std::move(tx), std::move(rx)};
}

// Values that are written before they are sent, and counted when they come.
struct values {
    std::array<int, 3> written{};
    std::array<int, 3> came{};

    // True: it was sent.
    bool send(const covey::send_channel<int*>& tx, std::size_t index) {
        written[index] = 1;
        try {
            tx.send_blocking(&written[index]);
            return true;
        } catch (const covey::broken_resource_error&) {
            return false;
        } catch (const covey::closed_resource_error&) {
            return false;
        }
    }
    bool receive(const covey::receive_channel<int*>& rx) {
        try {
            const std::optional<int*> found = rx.receive_blocking();
            if (!found) return false;
            expect(**found == 1, "a value is seen as it was sent");
            ++came[static_cast<std::size_t>(*found - written.data())];
            return true;
        } catch (const covey::closed_resource_error&) {
            return false;
        }
    }
};

TEST_CASE("channel: a value is handed over, whoever comes first") {
    for (const std::size_t capacity : {0U, 1U}) {
        explore_all(
            [capacity] {
                ends it = open(capacity);
                values all;
                together([&] { expect(all.send(it.tx, 0) && all.send(it.tx, 1), "it was sent"); },
                         [&] { expect(all.receive(it.rx) && all.receive(it.rx), "it has come"); });
                expect(all.came[0] == 1 && all.came[1] == 1, "each value comes once");
            },
            2);
    }
}

TEST_CASE("channel: two senders and a receiver of a full channel") {
    explore_all(
        [] {
            ends it = open(1);
            values all;
            together([&] { expect(all.send(it.tx, 0), "it was sent"); },
                     [&] { expect(all.send(it.tx, 1), "it was sent"); },
                     [&] { expect(all.receive(it.rx) && all.receive(it.rx), "it has come"); });
            expect(all.came[0] == 1 && all.came[1] == 1, "each value comes once");
        },
        1);
}

TEST_CASE("channel: a hand-over against the receiver's close") {
    explore_all(
        [] {
            ends it = open(0);
            values all;
            bool sent = false;
            together([&] { sent = all.send(it.tx, 0); }, [&] { all.receive(it.rx); },
                     [&] { it.rx.close(); });
            expect(all.came[0] == int(sent), "sent is received, unsent isn't");
        },
        2);
}

TEST_CASE("channel: a hand-over against the sender's close") {
    explore_all(
        [] {
            ends it = open(0);
            values all;
            bool sent = false;
            bool received = false;
            together([&] { sent = all.send(it.tx, 0); }, [&] { received = all.receive(it.rx); },
                     [&] { it.tx.close(); });
            expect(sent == received, "sent is received, unsent isn't");
        },
        2);
}

TEST_CASE("channel: clones that are made and dropped while the last end closes") {
    explore_all({.preemptions = 2, .leaks_fail = true}, [] {
        ends it = open(1);
        values all;
        std::optional<covey::send_channel<int*>> clone = it.tx.clone();
        together(
            [&] {
                const covey::send_channel<int*> second = clone->clone();
                clone.reset();
                all.send(second, 0);
            },
            [&] { it.tx.close(); }, [&] { all.receive(it.rx); });
        expect(all.came[0] == 1, "the last end sends before it goes");
    });
}

// The ends go while others still use theirs: who is last frees the channel.
TEST_CASE("channel: the last of both ends frees it") {
    explore_all({.preemptions = 3, .leaks_fail = true}, [] {
        ends it = open(1);
        std::optional<covey::send_channel<int*>> tx(std::move(it.tx));
        std::optional<covey::receive_channel<int*>> rx(std::move(it.rx));
        values all;
        together(
            [&] {
                all.send(*tx, 0);
                tx.reset();
            },
            [&] {
                all.receive(*rx);
                rx.reset();
            });
        expect(all.came[0] == 1, "each value comes once");
    });
}

}  // namespace
