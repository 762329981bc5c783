// SPDX-License-Identifier: BSL-1.0
// The judge of histories, judged: what can have happened it believes, and what can't it refuses.
#include "model/linearizability.hpp"

#include "support/catch.hpp"

#include <string>

using model::call;
using model::history;
using kind = call::kind;
using seen = model::outcome::kind;

namespace {

// Ends 0 and 1 are of the first channel, 2 and 3 of the second.
bool is_believed(const history& told, std::size_t capacity = 1,
                 covey::overflow policy = covey::overflow::block) {
    model::channels all;
    static_cast<void>(all.open(capacity, policy));
    static_cast<void>(all.open(capacity, policy));
    INFO(to_string(told));
    return model::linearizer(all, told).found();
}

call send(std::size_t party, int value, std::uint64_t began, std::uint64_t ended,
          seen how = seen::sent) {
    return {kind::send, party, {{0, value}}, 0, began, ended, {how}};
}
call receive(std::size_t party, int value, std::uint64_t began, std::uint64_t ended) {
    return {kind::receive, party, {{1}}, 0, began, ended, {seen::received, 0, value}};
}
call receive(std::size_t party, seen how, std::uint64_t began, std::uint64_t ended) {
    return {kind::receive, party, {{1}}, 0, began, ended, {how}};
}
call try_send(std::size_t party, int value, std::uint64_t began, std::uint64_t ended,
              seen how = seen::sent) {
    return {kind::try_send, party, {{0, value}}, 0, began, ended, {how}};
}
call try_receive(std::size_t party, seen how, std::uint64_t began, std::uint64_t ended) {
    return {kind::try_receive, party, {{1}}, 0, began, ended, {how}};
}
call close(std::size_t party, std::size_t end, std::uint64_t began, std::uint64_t ended) {
    return {kind::close, party, {{end}}, 0, began, ended, {seen::done}};
}
// A hexadecimal digit each: open senders and receivers, values, who waits to send and to receive.
call look(std::size_t party, int figures, std::uint64_t began, std::uint64_t ended) {
    return {kind::look, party, {{0}}, 0, began, ended, {seen::done, 0, figures}};
}
call cancel(std::size_t party, std::size_t target, std::uint64_t began, std::uint64_t ended) {
    return {kind::cancel, party, {}, target, began, ended, {seen::done}};
}

}  // namespace

TEST_CASE("a history that one order explains is believed (M10, M20, M30)") {
    CHECK(is_believed({send(0, 1, 1, 2), receive(1, 1, 3, 4)}));
    // The receiver came first, and waited.
    CHECK(is_believed({receive(1, 1, 1, 4), send(0, 1, 2, 3)}, 0));
    // A rendezvous needs both at once.
    CHECK(is_believed({send(0, 1, 1, 4), receive(1, 1, 2, 3)}, 0));
    // At the same time, so in either order.
    CHECK(is_believed(
        {send(0, 1, 1, 4), send(1, 2, 2, 5), receive(2, 2, 6, 7), receive(2, 1, 8, 9)}, 2));
    CHECK(is_believed(
        {send(0, 1, 1, 4), send(1, 2, 2, 5), receive(2, 1, 6, 7), receive(2, 2, 8, 9)}, 2));
}

TEST_CASE("a value that is received twice, or never sent, is refused (M30)") {
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), receive(1, 1, 3, 5), receive(2, 1, 4, 6)}));
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), receive(1, 2, 3, 4)}));
    CHECK_FALSE(is_believed({receive(1, 1, 1, 2), send(0, 1, 3, 4)}));
}

TEST_CASE("a value that is lost is refused (M30, M44)") {
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), try_receive(1, seen::would_block, 3, 4)}));
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), close(0, 0, 3, 4), receive(1, seen::ended, 5, 6)}));
}

TEST_CASE("values out of order are refused (M30)") {
    CHECK_FALSE(is_believed(
        {send(0, 1, 1, 2), send(0, 2, 3, 4), receive(1, 2, 5, 6), receive(1, 1, 7, 8)}, 2));
    // The second one found no room, and overtook who waited before it.
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), send(1, 2, 3, 8), send(2, 3, 9, 12),
                             receive(3, 1, 7, 10), receive(3, 3, 13, 14)}));
}

TEST_CASE("those who wait are served in their order (M30, M31)") {
    const call first_waits = look(2, 0x11001, 2, 3);
    CHECK(is_believed({receive(0, 1, 1, 6), first_waits, receive(1, 2, 4, 9), send(2, 1, 5, 7),
                       send(2, 2, 8, 10)},
                      0));
    CHECK_FALSE(is_believed({receive(0, 2, 1, 11), first_waits, receive(1, 1, 4, 7),
                             look(2, 0x11002, 5, 6), send(2, 1, 7, 8), send(2, 2, 9, 10)},
                            0));
    // The same if nobody saw that the first one waits: it may have come second.
    CHECK(is_believed({receive(0, 2, 1, 11), receive(1, 1, 4, 7), look(2, 0x11002, 5, 6),
                       send(2, 1, 6, 8), send(2, 2, 9, 10)},
                      0));
}

TEST_CASE("statistics are those of one instant (M3)") {
    CHECK(is_believed({send(0, 1, 1, 2), look(1, 0x11100, 3, 4)}));
    CHECK_FALSE(is_believed({send(0, 1, 1, 2), look(1, 0x11000, 3, 4)}));
    CHECK_FALSE(is_believed({send(0, 1, 1, 3), look(1, 0x11110, 2, 4)}));
}

TEST_CASE("what is received after the end, or sent to nobody, is refused (M44, M45)") {
    CHECK_FALSE(is_believed(
        {close(0, 0, 1, 2), receive(1, seen::ended, 3, 4), receive(1, 1, 5, 6), send(0, 1, 5, 7)}));
    CHECK_FALSE(is_believed({close(0, 1, 1, 2), try_send(1, 1, 3, 4)}));
    CHECK(is_believed({close(0, 1, 1, 2), try_send(1, 1, 3, 4, seen::broken)}));
    CHECK_FALSE(is_believed({receive(1, seen::ended, 1, 2)}));
}

TEST_CASE("a cancelled call does nothing, and only a cancelled one is cancelled (M14, M22)") {
    CHECK(is_believed({send(0, 1, 1, 4, seen::cancelled), cancel(1, 0, 2, 3),
                       try_receive(2, seen::would_block, 5, 6)},
                      0));
    CHECK_FALSE(is_believed(
        {send(0, 1, 1, 4, seen::cancelled), cancel(1, 0, 2, 3), receive(2, 1, 5, 6)}, 0));
    CHECK_FALSE(is_believed({send(0, 1, 1, 4, seen::cancelled)}, 0));
    // Cancelled before it began.
    CHECK_FALSE(is_believed({send(0, 1, 3, 4), cancel(1, 0, 1, 2)}));
}

TEST_CASE("a select takes one case, and leaves no trace of the others (M31)") {
    const call select{kind::select, 0, {{1}, {3}}, 0, 1, 4, {seen::received, 1, 7}};
    const call sent{kind::send, 1, {{2, 7}}, 0, 2, 3, {seen::sent}};
    CHECK(is_believed({select, sent}, 0));
    CHECK(is_believed({select, sent, try_send(1, 8, 5, 6, seen::would_block)}, 0));
    CHECK_FALSE(is_believed({select, sent, try_send(1, 8, 5, 6)}, 0));
    call wrong = select;
    wrong.seen.place = 0;
    CHECK_FALSE(is_believed({wrong, sent}, 0));
}

TEST_CASE("a full channel drops what its policy says (M10)") {
    const history oldest{send(0, 1, 1, 2), send(0, 2, 3, 4), receive(1, 2, 5, 6),
                         try_receive(1, seen::would_block, 7, 8)};
    CHECK(is_believed(oldest, 1, covey::overflow::drop_oldest));
    CHECK_FALSE(is_believed(oldest, 1, covey::overflow::drop_newest));
    CHECK_FALSE(is_believed(oldest, 1, covey::overflow::block));
}

TEST_CASE("a call that was never made explains nothing (M20)") {
    CHECK(is_believed({{kind::try_receive, 0, {{1}}, 0, 0, 0, {}}, send(1, 1, 1, 2)}));
    CHECK_FALSE(is_believed({{kind::send, 0, {{0, 5}}, 0, 0, 0, {}}, receive(1, 5, 1, 2)}));
}
