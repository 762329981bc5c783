// SPDX-License-Identifier: BSL-1.0
// Cancelling what is deep: no recursion, innermost first.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;

namespace {

// How far the stack reaches at several places, as distance between the lowest and the highest.
class stack_gauge {
 public:
    [[gnu::noinline]] void read() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, here);
        highest_ = std::max(highest_, here);
    }
    [[nodiscard]] std::size_t spread() const noexcept { return highest_ - lowest_; }

 private:
    std::uintptr_t lowest_ = UINTPTR_MAX, highest_ = 0;
};

// Two frames of ours and some of the sanitizers' are nothing; 100,000 levels would be megabytes.
constexpr std::size_t no_growth = 4096;

struct level_end {
    int level;
    std::vector<int>& order;
    stack_gauge& gauge;
    ~level_end() {
        gauge.read();
        order.push_back(level);
    }
};

covey::task<> descend(int level, int deepest, std::vector<int>& order, stack_gauge& gauge) {
    const level_end end{level, order, gauge};
    if (level == deepest)
        co_await covey::sleep_forever();
    else
        co_await descend(level + 1, deepest, order, gauge);
    FAIL("a level went on");
}

covey::task<> descend_through_scopes(int levels, std::vector<int>& caught, stack_gauge& gauge) {
    if (levels == 0) {
        co_await covey::sleep_forever();
    } else {
        const auto result = co_await covey::with_cancel_scope([&](covey::cancel_scope&) {
            return descend_through_scopes(levels - 1, caught, gauge);
        });
        if (!result.finished()) caught.push_back(levels);
        gauge.read();
    }
}

covey::task<> descend_through_nurseries(int levels, int& ended) {
    struct count_end {
        int& ended;
        ~count_end() { ++ended; }
    } const end{ended};
    if (levels == 0)
        co_await covey::sleep_forever();
    else
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon(descend_through_nurseries, levels - 1, std::ref(ended));
        });
    co_await covey::checkpoint();
    FAIL("a level went on");
}

}  // namespace

TEST_CASE("a cancel 100,000 awaits deep unwinds innermost first and grows no stack (R10)") {
    constexpr int levels = 100'000;
    std::vector<int> order;
    order.reserve(levels);
    stack_gauge gauge;
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, descend(1, levels, order, gauge));
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
    });
    CHECK(order.size() == levels);
    CHECK(std::is_sorted(order.rbegin(), order.rend()));
    CHECK(order.front() == levels);
    CHECK(order.back() == 1);
    CHECK(gauge.spread() < no_growth);
}

TEST_CASE("5,000 nested scopes, the outermost is cancelled: it absorbs, no stack grows (C5, C17)") {
    constexpr int levels = 5'000;
    std::vector<int> caught;
    stack_gauge gauge;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outermost) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    nursery.start_soon(descend_through_scopes, levels, std::ref(caught),
                                       std::ref(gauge));
                    co_await covey::testing::wait_all_tasks_blocked();
                    outermost.cancel();
                });
            });
        CHECK_FALSE(result.finished());
    });
    CHECK(caught.empty());
    CHECK(gauge.spread() < no_growth);
}

TEST_CASE("5,000 nested scopes, one in the middle is cancelled: those outside go on (C5, C17)") {
    std::vector<int> caught;
    stack_gauge gauge;
    struct nest {
        static covey::task<> around(int levels, std::vector<int>& caught, stack_gauge& gauge) {
            if (levels == 2'500) {
                const auto result = co_await covey::move_on_after(
                    1s, descend_through_scopes(levels, caught, gauge));
                CHECK_FALSE(result.finished());
                gauge.read();
                co_return;
            }
            const auto result = co_await covey::with_cancel_scope(
                [&](covey::cancel_scope&) { return around(levels - 1, caught, gauge); });
            CHECK(result.finished());
            gauge.read();
        }
    };
    support::run_virtual([&]() -> covey::task<> {
        co_await nest::around(5'000, caught, gauge);
        CHECK(support::elapsed() == 1s);
    });
    CHECK(caught.empty());
    CHECK(gauge.spread() < no_growth);
}

TEST_CASE("a limit around nurseries in nurseries in nurseries ends every level (C17, CX05)") {
    constexpr int levels = 1'000;
    int ended = 0;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::move_on_after(1s, descend_through_nurseries(levels, ended));
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
    });
    CHECK(ended == levels + 1);
}

TEST_CASE("locals and blocks of a cancelled task go innermost first (R10, CX05)") {
    support::trace order;
    struct noisy {
        support::trace& order;
        const char* name;
        ~noisy() { order.note(name); }
    };
    support::run_virtual([&]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            const noisy a{order, "a"};
            co_await covey::finally(
                [&]() -> covey::task<> {
                    const noisy b{order, "b"};
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        const noisy c{order, "c"};
                        nursery.start_soon([&]() -> covey::task<> {
                            const noisy d{order, "d"};
                            const noisy e{order, "e"};
                            co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                                co_await covey::sleep_for(1s);
                                order.note("clean");
                            });
                        });
                        co_await covey::sleep_forever();
                    });
                },
                [&] { order.note("last"); });
        });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 2s);
    });
    CHECK(order.text() == "c clean e d b last a");
}

TEST_CASE("the locals of a cancelled task are gone before its worker does anything else (R10)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, [&]() -> covey::task<> {
            bool destroyed = false;
            struct flag {
                bool& set;
                ~flag() { set = true; }
            };
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto child = nursery.spawn([&]() -> covey::task<> {
                    const flag end{destroyed};
                    co_await covey::sleep_forever();
                });
                co_await covey::testing::wait_all_tasks_blocked();
                child.cancel();
                CHECK_FALSE(destroyed);  // cancel() claims, it destroys nothing
                CHECK_FALSE(child.done());
                const auto outcome =
                    co_await covey::attempt([&]() -> covey::task<> { co_await child; });
                CHECK_FALSE(outcome.has_value());
                CHECK(destroyed);
                CHECK(child.done());
            });
        });
    }
}
