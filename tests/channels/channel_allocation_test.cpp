// SPDX-License-Identifier: BSL-1.0
// Memory: what channels take, what they give back, and what they do when there is none. One thread
// throughout, and ThreadSanitizer brings its own operator new: not there.
#include <covey/lowlevel/sanitizers.hpp>

#if !COVEY_UNDER_TSAN

#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr long unlimited = -1;
long allocations_left = unlimited;
long allocations = 0;
long bytes_in_use = 0;

// Counts while it lives, and fails when it is told to.
class memory_meter final : public covey::lowlevel::allocation_observer {
 public:
    memory_meter() noexcept : before_(covey::lowlevel::set_allocation_observer(this)) {}
    ~memory_meter() { covey::lowlevel::set_allocation_observer(before_); }

    bool allows(std::size_t) noexcept override {
        if (allocations_left == 0) return false;
        if (allocations_left != unlimited) --allocations_left;
        return true;
    }
    void taken(void* block) noexcept override {
        ++allocations;
        bytes_in_use += static_cast<long>(malloc_usable_size(block));
    }
    void given_back(void* block) noexcept override {
        bytes_in_use -= static_cast<long>(malloc_usable_size(block));
    }

 private:
    covey::lowlevel::allocation_observer* const before_;
};

// In its block only so many allocations of this thread succeed.
class scarce_memory {
 public:
    explicit scarce_memory(long number) noexcept { allocations_left = number; }
    scarce_memory(const scarce_memory&) = delete;
    scarce_memory& operator=(const scarce_memory&) = delete;
    ~scarce_memory() { allocations_left = unlimited; }
};

using support::sending;

// Without a coroutine around it: whether fn throws std::bad_alloc with only so many allocations.
template <class F>
bool fails_with(long number, F&& fn) {
    const scarce_memory scarce(number);
    try {
        std::forward<F>(fn)();
        return false;
    } catch (const std::bad_alloc&) {
        return true;
    }
}

std::string text_of(const covey::receive_channel<std::unique_ptr<int>>& rx) {
    std::string text;
    while (auto value = rx.try_receive())
        text += (text.empty() ? "" : " ") + std::to_string(**value);
    return text;
}

}  // namespace

TEST_CASE("opening without memory throws std::bad_alloc and leaves nothing (M1)") {
    const memory_meter meter;
    {
        auto warm_up = covey::open_memory_channel<int>(1);
    }
    const long before = bytes_in_use;
    long enough = 0;
    while (fails_with(enough, [] { auto ends = covey::open_memory_channel<int>(1); })) {
        CHECK(support::left_behind() == "");
        CHECK(bytes_in_use == before);
        ++enough;
    }
    CHECK(enough == 1);  // its first two ends are part of the channel
    CHECK(support::left_behind() == "");
    CHECK(bytes_in_use == before);
}

TEST_CASE("cloning without memory throws std::bad_alloc and opens nothing (M40)") {
    const memory_meter meter;
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    const long before = bytes_in_use;
    CHECK(fails_with(0, [&] { const auto clone = tx.clone(); }));
    CHECK(fails_with(0, [&] { const auto clone = rx.clone(); }));
    CHECK(tx.statistics().open_send_channels == 1);
    CHECK(tx.statistics().open_receive_channels == 1);
    CHECK(bytes_in_use == before);
    CHECK_FALSE(fails_with(1, [&] { const auto clone = tx.clone(); }));
}

TEST_CASE("a large capacity costs what is buffered (M1)") {
    const memory_meter meter;
    {
        auto warm_up = covey::open_memory_channel<int>(1);
    }
    const long before = bytes_in_use;
    {
        auto [tx, rx] = covey::open_memory_channel<int>(std::size_t{1} << 44);
        CHECK(bytes_in_use - before < 1000);
        CHECK(tx.try_send(1));
        CHECK(bytes_in_use - before < 10'000);
    }
    CHECK(bytes_in_use == before);
}

TEST_CASE("a channel for one small value has its place in itself (M1)") {
    const memory_meter meter;
    const auto takes_memory_for = [](auto value) {
        auto [tx, rx] = covey::open_memory_channel<decltype(value)>(1);
        long taken = 0;
        for (int i = 0; i < 3; ++i) {
            const long before = allocations;
            const bool sent = tx.try_send(value);
            taken += allocations - before;
            CHECK(sent);
            CHECK_FALSE(tx.try_send(value));
            CHECK(rx.try_receive() == value);
            CHECK_FALSE(rx.try_receive().has_value());
        }
        return taken != 0;
    };
    CHECK_FALSE(takes_memory_for('a'));
    CHECK_FALSE(takes_memory_for(1));
    CHECK_FALSE(takes_memory_for(1L));
    CHECK_FALSE(takes_memory_for(&meter));
    CHECK_FALSE(takes_memory_for(std::array<short, 3>{1, 2, 3}));
    CHECK(takes_memory_for(std::array<int, 3>{1, 2, 3}));
    struct alignas(16) aligned {
        char letter;
        bool operator==(const aligned&) const = default;
    };
    CHECK(takes_memory_for(aligned{'a'}));
}

TEST_CASE("a try_send for whose value there is no memory throws, and keeps the value (M10)") {
    const memory_meter meter;
    auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(covey::unbounded);
    int number = 0, failures = 0;
    while (number < 2000) {
        auto value = std::make_unique<int>(number);
        const auto before = tx.statistics();
        if (fails_with(0, [&] { static_cast<void>(tx.try_send(std::move(value))); })) {
            ++failures;
            REQUIRE(value != nullptr);
            CHECK(*value == number);
            CHECK(tx.statistics().current_buffer_used == before.current_buffer_used);
            CHECK(tx.statistics().peak_buffer_used == before.peak_buffer_used);
            REQUIRE(tx.try_send(std::move(value)));
        }
        CHECK(value == nullptr);
        ++number;
    }
    CHECK(failures >= 2);  // the first storage, and at least one that replaces it
    for (int i = 0; i < number; ++i) CHECK(**rx.try_receive() == i);
    CHECK_FALSE(rx.try_receive().has_value());
}

TEST_CASE("an awaited send for whose value there is no memory throws, and sends nothing (M11)") {
    const memory_meter meter;
    for (const sending how : {sending::send, sending::send_from, sending::emplace}) {
        INFO(support::name_of(how));
        support::run_virtual([how]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(3);
            auto value = std::make_unique<int>(1);
            int failures = 0;
            try {
                switch (how) {
                    case sending::send: {
                        const scarce_memory none(0);
                        co_await tx.send(std::move(value));
                        break;
                    }
                    case sending::send_from: {
                        const scarce_memory none(0);
                        co_await tx.send_from(value);
                        break;
                    }
                    default: {
                        const scarce_memory none(0);
                        co_await tx.emplace(std::move(value));
                        break;
                    }
                }
            } catch (const std::bad_alloc&) {
                ++failures;
            }
            CHECK(failures == 1);
            CHECK((value != nullptr) == (how == sending::send_from));
            CHECK(tx.statistics().current_buffer_used == 0);
            CHECK(tx.statistics().tasks_waiting_send == 0);
            // The channel is as good as before.
            co_await tx.send(std::make_unique<int>(2));
            CHECK(text_of(rx) == "2");
        });
    }
}

TEST_CASE("send_all that finds no memory leaves the rest untouched (M11)") {
    const memory_meter meter;
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(covey::unbounded);
        std::vector<std::unique_ptr<int>> values;
        for (int i = 0; i < 2000; ++i) values.push_back(std::make_unique<int>(i));
        bool failed = false;
        try {
            auto sends = tx.send_all(values);  // its frame is made here
            const scarce_memory scarce(1);     // the first storage succeeds, the second doesn't
            co_await std::move(sends);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        CHECK(failed);
        const std::size_t sent = rx.statistics().current_buffer_used;
        CHECK(sent > 0);
        CHECK(sent < 2000);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const bool moved_from = values[i] == nullptr;
            if (moved_from != (i < sent)) FAIL("value " << i << " of " << sent << " sent");
        }
    });
}

TEST_CASE("drop_oldest that finds no memory drops nothing") {
    const memory_meter meter;
    auto [tx, rx] =
        covey::open_memory_channel<std::unique_ptr<int>>(2, covey::overflow::drop_oldest);
    auto value = std::make_unique<int>(1);
    CHECK(fails_with(0, [&] { static_cast<void>(tx.try_send(std::move(value))); }));
    REQUIRE(value != nullptr);
    CHECK(tx.try_send(std::move(value)));
    CHECK(tx.try_send(std::make_unique<int>(2)));
    value = std::make_unique<int>(3);
    // Full: the old value's place is reused, which needs none.
    CHECK_FALSE(fails_with(0, [&] { static_cast<void>(tx.try_send(std::move(value))); }));
    CHECK(tx.statistics().dropped == 1);
    CHECK(text_of(rx) == "2 3");
}

TEST_CASE("receive_many takes nothing that it has no memory for (M21)") {
    const memory_meter meter;
    support::run_virtual([]() -> covey::task<> {
        auto [tx, rx] = covey::open_memory_channel<std::unique_ptr<int>>(5);
        for (int i = 0; i < 4; ++i) co_await tx.send(std::make_unique<int>(i));
        bool failed = false;
        try {
            const scarce_memory none(0);
            co_await rx.receive_many(5);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        CHECK(failed);
        CHECK(rx.statistics().current_buffer_used == 4);
        std::vector<std::unique_ptr<int>> one;
        {
            const scarce_memory scarce(1);  // for the first value, and no more
            one = co_await rx.receive_many(5);
        }
        REQUIRE(one.size() == 1);
        CHECK(*one[0] == 0);
        CHECK(text_of(rx) == "1 2 3");
    });
}

TEST_CASE("an unbounded channel gives its memory back when it is drained, and when it breaks") {
    const memory_meter meter;
    {
        auto warm_up = covey::open_memory_channel<int>(1);
    }
    const long before = bytes_in_use;
    auto [tx, rx] = covey::open_memory_channel<std::array<char, 100>>(covey::unbounded);
    constexpr int many = 100'000;
    const auto fill = [&] {
        for (int i = 0; i < many; ++i) REQUIRE(tx.try_send(std::array<char, 100>()));
    };
    fill();
    CHECK(bytes_in_use - before > 10'000'000);
    CHECK(bytes_in_use - before < 40'000'000);
    for (int i = 0; i < many; ++i) REQUIRE(rx.try_receive().has_value());
    CHECK(bytes_in_use - before < 2'000'000);
    fill();
    CHECK(tx.statistics().current_buffer_used == many);
    rx.close();
    CHECK(bytes_in_use - before < 1000);
    tx.close();
    CHECK(bytes_in_use - before < 1000);
}

TEST_CASE("a channel in use takes no memory for a value, whether it waits or not (M11, M21)") {
    const memory_meter meter;
    support::run_virtual([]() -> covey::task<> {
        for (const int capacity : {0, 1, 16}) {
            auto [tx, rx] = covey::open_memory_channel<int>(capacity);
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&]() -> covey::task<> {
                    for (int i = 0; i < 3000; ++i) co_await tx.send(i);
                    tx.close();
                });
                for (int i = 0; i < 1000; ++i) co_await rx.receive();
                const long before = allocations;
                for (int i = 0; i < 1000; ++i) co_await rx.receive();
                const long taken = allocations - before;
                CHECK(taken == 0);
                while (auto value = co_await rx.next()) static_cast<void>(*value);
            });
        }
    });
}

TEST_CASE("select takes no memory, whether it waits or not, select_any one block") {
    const memory_meter meter;
    support::run_virtual([]() -> covey::task<> {
        auto [tx1, rx1] = covey::open_memory_channel<int>(1);
        auto [tx2, rx2] = covey::open_memory_channel<int>(0);
        std::vector<covey::receive_channel<int>> several;
        for (int i = 0; i < 20; ++i) several.push_back(rx2.clone());
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                for (int i = 0; i < 3000; ++i) co_await tx2.send(i);
            });
            long taken_by_select = 0, taken_by_any = 0;
            for (int i = 0; i < 1000; ++i) {
                const long before = allocations;
                co_await covey::select(covey::receive_from(rx1), covey::on(rx2, [](int) {}),
                                       covey::after(std::chrono::hours(1)),
                                       covey::send_to(tx1, i).when(false),
                                       covey::receive_from(rx2));
                const long between = allocations;
                co_await covey::select_any(several);
                if (i < 10) continue;  // the run's own queues have grown by then
                taken_by_select += between - before;
                taken_by_any += allocations - between;
            }
            CHECK(taken_by_select == 0);
            CHECK(taken_by_any == 990);
            nursery.cancel();
        });
    });
}

#endif  // !COVEY_UNDER_TSAN
