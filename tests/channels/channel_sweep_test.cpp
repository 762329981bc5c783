// SPDX-License-Identifier: BSL-1.0
// Channels when main is cancelled, an allocation fails or a call throws, at each moment in turn.
#include "support/catch.hpp"

#include <covey/channel.hpp>
#include <covey/explore.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>
#include <utility>

using covey::nursery;
using covey::open_memory_channel;
using covey::receive_channel;
using covey::send_channel;
using covey::task;
using covey::testing::explore_result;
using namespace std::chrono_literals;

namespace {

// Counts the values that exist.
class counted_value {
 public:
    explicit counted_value(int number) : text_(std::to_string(number) + " is a long text of it") {
        ++living;
    }
    counted_value(counted_value&& other) noexcept : text_(std::move(other.text_)) { ++living; }
    counted_value& operator=(counted_value&&) = default;
    ~counted_value() { --living; }

    static inline int living = 0;

 private:
    std::string text_;
};

// On each way out: no value is left.
class none_left {
 public:
    none_left() noexcept = default;
    none_left(const none_left&) = delete;
    none_left& operator=(const none_left&) = delete;
    ~none_left() {
        if (counted_value::living != 0) are_left = true;
        counted_value::living = 0;
    }

    static inline bool are_left = false;
};

task<> produce(send_channel<counted_value> out) {
    for (int i = 0; i != 4; ++i) co_await out.send(counted_value(i));
}

task<> consume(receive_channel<counted_value> in) {
    while (auto value = co_await in.next()) {
    }
}

// Rendezvous, buffers, clones, a pipe, select, batches, time limits.
task<> all_sorts() {
    const none_left at_the_end;
    auto [tx, rx] = open_memory_channel<counted_value>(2);
    auto [direct_tx, direct_rx] = open_memory_channel<counted_value>(0);
    co_await covey::with_nursery([&](nursery& all) -> task<> {
        all.start_soon(produce, tx.clone());
        all.start_soon(produce, std::move(tx));
        all.start_soon(consume, rx.clone());
        all.start_soon(consume, std::move(rx));
        all.start_soon(produce, std::move(direct_tx));
        for (bool more = true; more;) {
            co_await covey::select(
                covey::on(direct_rx,
                          [&](std::optional<counted_value> got) { more = got.has_value(); }),
                covey::after(1s, [] {}));
        }
    });
    auto [again_tx, again_rx] = open_memory_channel<counted_value>(8);
    for (int i = 0; i != 5; ++i) static_cast<void>(again_tx.try_send(counted_value(i)));
    const auto batch = co_await again_rx.receive_many(3);
    if (batch.empty()) throw std::logic_error("nothing, and it isn't the end");
}

void check(const explore_result& found) {
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(found.schedules > 5);
    CHECK_FALSE(std::exchange(none_left::are_left, false));
}

}  // namespace

TEST_CASE("channel: cancelled at any moment no value is left, and nobody waits (M14)") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
        check(covey::testing::sweep_cancellation({.seed = seed}, all_sorts));
}

TEST_CASE("channel: whatever call throws, no value is left, and nobody waits") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
        check(covey::testing::sweep_callbacks({.seed = seed}, all_sorts));
}

#if !COVEY_UNDER_TSAN

TEST_CASE("channel: whatever allocation fails, no value is left, and nobody waits") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
        check(covey::testing::sweep_allocations({.seed = seed}, all_sorts));
}

#endif
