// SPDX-License-Identifier: BSL-1.0
#include <covey/exception_group.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

using messages = std::vector<std::string>;

std::exception_ptr error(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}
std::exception_ptr range_error(const char* text) {
    return std::make_exception_ptr(std::out_of_range(text));
}
template <class... E>
std::exception_ptr group(const char* title, E... errors) {
    return std::make_exception_ptr(covey::exception_group(title, {errors...}));
}
const covey::exception_group& as_group(const std::exception_ptr& error) {
    const auto* found = covey::detail::error_as<covey::exception_group>(error);
    if (found == nullptr) throw std::logic_error("no group");
    return *found;
}

// group("a", runtime 1, group("b", out_of_range 2, runtime 3), out_of_range 4)
covey::exception_group sample() {
    return {"a", {error("1"), group("b", range_error("2"), error("3")), range_error("4")}};
}

}  // namespace

TEST_CASE("a group keeps its errors in order, nested ones nested (N23, N28)") {
    const auto tree = sample();
    REQUIRE(tree.exceptions().size() == 3);
    CHECK(support::message_of(tree.exceptions()[0]) == "1");
    CHECK(support::messages_of(as_group(tree.exceptions()[1])) == messages{"2", "3"});
    CHECK(support::message_of(tree.exceptions()[2]) == "4");
}

TEST_CASE("what() draws the whole tree") {
    CHECK(std::string(sample().what()) ==
          "a (3 errors)\n"
          "├─ std::runtime_error: 1\n"
          "├─ b (2 errors)\n"
          "│  ├─ std::out_of_range: 2\n"
          "│  ╰─ std::runtime_error: 3\n"
          "╰─ std::out_of_range: 4");
    CHECK(std::string(covey::exception_group("one", {std::make_exception_ptr(5)}).what()) ==
          "one (1 error)\n"
          "╰─ int");
    const covey::exception_group deep("x", {group("y", group("z", error("leaf")))});
    CHECK(std::string(deep.what()) ==
          "x (1 error)\n"
          "╰─ y (1 error)\n"
          "   ╰─ z (1 error)\n"
          "      ╰─ std::runtime_error: leaf");
}

TEST_CASE("what() stays the same text, from copies and from several threads_mt") {
    const auto tree = sample();
    const covey::exception_group copy =
        tree;  // NOLINT(performance-unnecessary-copy-initialization)
    std::vector<std::thread> readers;
    std::vector<std::string> texts(4);
    for (std::string& text : texts) {
        readers.emplace_back([&text, &tree, &copy, first = &text == &texts[0]] {
            text = first ? tree.what() : copy.what();
        });
    }
    for (std::thread& each : readers) each.join();
    for (const std::string& text : texts) CHECK(text == sample().what());
    CHECK(tree.what() == copy.what());
}

TEST_CASE("find gives the first error of a type, in order, base classes included") {
    const auto tree = sample();
    REQUIRE(tree.find<std::out_of_range>() != nullptr);
    CHECK(std::string(tree.find<std::out_of_range>()->what()) == "2");
    CHECK(std::string(tree.find<std::exception>()->what()) == "1");
    CHECK(tree.find<std::bad_alloc>() == nullptr);
    REQUIRE(tree.find<covey::exception_group>() != nullptr);
    CHECK(support::messages_of(*tree.find<covey::exception_group>()) == messages{"2", "3"});
}

TEST_CASE("for_each visits every error of a type, in order") {
    const auto tree = sample();
    messages seen;
    tree.for_each<std::out_of_range>(
        [&](const std::out_of_range& each) { seen.emplace_back(each.what()); });
    CHECK(seen == messages{"2", "4"});
    seen.clear();
    tree.for_each<std::runtime_error>(
        [&](const std::runtime_error& each) { seen.emplace_back(each.what()); });
    CHECK(seen == messages{"1", "3"});
    seen.clear();
    tree.for_each<std::bad_alloc>([&](const std::bad_alloc&) { seen.emplace_back("?"); });
    CHECK(seen.empty());
}

TEST_CASE("split cuts the tree in two, each half with its nesting and the same errors") {
    const auto tree = sample();
    const auto [matching, rest] = tree.split<std::out_of_range>();
    const auto& ranges = as_group(matching);
    REQUIRE(ranges.exceptions().size() == 2);
    CHECK(support::messages_of(as_group(ranges.exceptions()[0])) == messages{"2"});
    CHECK(ranges.exceptions()[1] == tree.exceptions()[2]);
    const auto& others = as_group(rest);
    REQUIRE(others.exceptions().size() == 2);
    CHECK(others.exceptions()[0] == tree.exceptions()[0]);
    CHECK(support::messages_of(as_group(others.exceptions()[1])) == messages{"3"});

    const auto [none, all] = tree.split<std::bad_alloc>();
    CHECK(none == nullptr);
    CHECK(std::string(as_group(all).what()) == tree.what());
    const auto [every, nothing] = tree.split<std::exception>();
    CHECK(nothing == nullptr);
    CHECK(as_group(every).exceptions().size() == 3);
}

TEST_CASE("only gives the single leaf, or null") {
    CHECK(sample().only() == nullptr);
    const auto leaf = error("leaf");
    CHECK(covey::exception_group("x", {leaf}).only() == leaf);
    CHECK(covey::exception_group("x", {group("y", group("z", leaf))}).only() == leaf);
    CHECK(covey::exception_group("x", {group("y", leaf, error("other"))}).only() == nullptr);
}

TEST_CASE("a group without errors, or with a null one, is refused (N25)") {
    using Catch::Matchers::Message;
    CHECK_THROWS_MATCHES(covey::exception_group("x", {}), std::invalid_argument,
                         Message("exception_group 'x' has no errors: make one of at least one"));
    CHECK_THROWS_MATCHES(covey::exception_group("x", {error("1"), nullptr}), std::invalid_argument,
                         Message("exception_group 'x': one of its 2 errors is null: leave it out"));
}

TEST_CASE("copies share their errors, live on alone, and copying never throws (R10)") {
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<covey::exception_group>);
    STATIC_REQUIRE(std::is_nothrow_copy_assignable_v<covey::exception_group>);
    STATIC_REQUIRE(std::is_base_of_v<std::exception, covey::exception_group>);

    struct counted {
        std::shared_ptr<int> alive;
    };
    auto alive = std::make_shared<int>(0);
    auto first = std::make_unique<covey::exception_group>(
        "x", std::vector{std::make_exception_ptr(counted{alive})});
    covey::exception_group second = *first;
    covey::exception_group third("y", {error("1")});
    third = second;
    first.reset();
    CHECK(alive.use_count() == 2);
    second = covey::exception_group("z", {error("2")});
    CHECK(alive.use_count() == 2);
    third = second;
    CHECK(alive.use_count() == 1);
}

TEST_CASE("collapse_group gives a single leaf as itself, and its value (N25)") {
    support::run_virtual([]() -> covey::task<> {
        std::string caught;
        try {
            co_await covey::collapse_group([]() -> covey::task<> {
                co_await covey::with_nursery([](covey::nursery& outer) {
                    outer.start_soon([]() -> covey::task<> {
                        co_await covey::with_nursery([](covey::nursery& inner) {
                            inner.start_soon([] { throw std::out_of_range("leaf"); });
                        });
                    });
                });
            });
        } catch (const std::out_of_range& leaf) {
            caught = leaf.what();
        }
        CHECK(caught == "leaf");

        const int value = co_await covey::collapse_group([]() -> covey::task<int> {
            co_await covey::checkpoint();
            co_return 4;
        });
        CHECK(value == 4);
        const int plain = co_await covey::collapse_group([] { return 5; });
        CHECK(plain == 5);
    });
}

TEST_CASE("collapse_group leaves several errors, and those in no group, as they are") {
    support::run_virtual([]() -> covey::task<> {
        const auto several = group("x", error("1"), error("2"));
        std::exception_ptr caught;
        try {
            co_await covey::collapse_group([&] { std::rethrow_exception(several); });
        } catch (...) {
            caught = std::current_exception();
        }
        CHECK(caught == several);

        const auto alone = error("alone");
        try {
            co_await covey::collapse_group([&] { std::rethrow_exception(alone); });
        } catch (...) {
            caught = std::current_exception();
        }
        CHECK(caught == alone);
    });
}

TEST_CASE("collapse_group lets a cancellation through (C5)") {
    support::run_virtual([]() -> covey::task<> {
        bool reached = false;
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::collapse_group(covey::sleep_forever());
            reached = true;
        });
        CHECK_FALSE(finished);
        CHECK_FALSE(reached);
    });
}
