// SPDX-License-Identifier: BSL-1.0
// Thousands of nurseries inside each other: nothing recurses, whatever ends them.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

constexpr int depth = 5000;

using work = std::function<covey::task<>()>;

// A nursery whose body opens the next one; the innermost body does the work.
covey::task<> nest_bodies(int levels, const work& innermost) {
    if (levels == 0) {
        co_await innermost();
        co_return;
    }
    co_await covey::with_nursery(
        [&](covey::nursery&) { return nest_bodies(levels - 1, innermost); });
}

// A nursery with a child that opens the next one, and one that sleeps.
covey::task<> nest_children(int levels, const work& innermost, int& stopped) {
    struct counts {
        int& stopped;
        ~counts() { ++stopped; }
    };
    if (levels == 0) {
        co_await innermost();
        co_return;
    }
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(nest_children, levels - 1, std::cref(innermost), std::ref(stopped));
        nursery.start_soon([&stopped]() -> covey::task<> {
            const counts at_end{stopped};
            co_await covey::sleep_forever();
        });
    });
}

std::size_t levels_of(const covey::exception_group& outermost) {
    covey::exception_group group = outermost;
    for (std::size_t levels = 1;; ++levels) {
        const auto* nested =
            covey::detail::error_as<covey::exception_group>(group.exceptions().front());
        if (nested == nullptr) return levels;
        group = covey::exception_group(*nested);
    }
}

covey::task<> fail_late() {
    co_await covey::sleep_for(1h);
    throw std::out_of_range("nobody waits that long");
}

covey::task<> fail() {
    co_await covey::sleep_for(1s);
    throw std::out_of_range("the innermost");
}

}  // namespace

TEST_CASE("five thousand nested nurseries end one after the other (C17)") {
    int reached = 0;
    support::run_virtual([&]() -> covey::task<> {
        co_await nest_bodies(depth, [&]() -> covey::task<> {
            co_await covey::sleep_for(1s);
            ++reached;
        });
        CHECK(support::elapsed() == 1s);
    });
    CHECK(reached == 1);
}

TEST_CASE("cancelling around five thousand nested nurseries stops them all (C17)") {
    support::run_virtual([]() -> covey::task<> {
        const work late = fail_late;
        const bool bodies = co_await covey::move_on_after(1s, nest_bodies(depth, late));
        CHECK_FALSE(bodies);
        CHECK(support::elapsed() == 1s);

        int stopped = 0;
        const bool children =
            co_await covey::move_on_after(1s, nest_children(depth, late, stopped));
        CHECK_FALSE(children);
        CHECK(stopped == depth);
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("an error from inside five thousand nested nurseries is a readable group (N28)") {
    std::exception_ptr error;
    support::run_virtual([&]() -> covey::task<> {
        try {
            co_await nest_bodies(depth, [] { return fail(); });
        } catch (...) {
            error = std::current_exception();
        }
    });
    const auto* group = covey::detail::error_as<covey::exception_group>(error);
    REQUIRE(group != nullptr);
    CHECK(levels_of(*group) == depth);

    const std::string_view text = group->what();
    CHECK(text.size() < 8000);
    CHECK(std::count(text.begin(), text.end(), '\n') < 30);
    CHECK_THAT(std::string(text), Contains("std::out_of_range: the innermost"));

    REQUIRE(group->find<std::out_of_range>() != nullptr);
    CHECK(std::string(group->find<std::out_of_range>()->what()) == "the innermost");
    CHECK(support::message_of(group->only()) == "the innermost");
    int leaves = 0;
    group->for_each<std::out_of_range>([&](const std::out_of_range&) { ++leaves; });
    CHECK(leaves == 1);

    const auto [matching, rest] = group->split<std::out_of_range>();
    CHECK(rest == nullptr);
    const auto* half = covey::detail::error_as<covey::exception_group>(matching);
    REQUIRE(half != nullptr);
    CHECK(levels_of(*half) == depth);
}

TEST_CASE("five thousand levels of failing children cancel each other, none is left (N20, N28)") {
    std::exception_ptr error;
    int stopped = 0;
    support::run_virtual([&]() -> covey::task<> {
        try {
            co_await nest_children(depth, [] { return fail(); }, stopped);
        } catch (...) {
            error = std::current_exception();
        }
        CHECK(support::elapsed() == 1s);
    });
    CHECK(stopped == depth);
    const auto* group = covey::detail::error_as<covey::exception_group>(error);
    REQUIRE(group != nullptr);
    CHECK(levels_of(*group) == depth);
    CHECK(std::strlen(group->what()) < 8000);
    CHECK(support::message_of(group->only()) == "the innermost");
}

TEST_CASE("a group nested thirty thousand deep is copied, read and destroyed flat (N28)") {
    std::exception_ptr error = std::make_exception_ptr(std::runtime_error("leaf"));
    for (int level = 0; level < 30'000; ++level)
        error = std::make_exception_ptr(covey::exception_group("level", {error}));
    {
        const covey::exception_group copy = *covey::detail::error_as<covey::exception_group>(error);
        error = nullptr;
        CHECK(support::message_of(copy.only()) == "leaf");
        CHECK(std::strlen(copy.what()) < 8000);
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("the task tree of many nested nurseries is drawn without recursion") {
    support::run_virtual([]() -> covey::task<> {
        std::string tree;
        int stopped = 0;
        const work draw = [&]() -> covey::task<> {
            tree = covey::dump_task_tree();
            co_await covey::sleep_forever();
        };
        co_await covey::move_on_after(1s, nest_children(300, draw, stopped));
        CHECK(std::count(tree.begin(), tree.end(), '\n') > 900);
    });
}
