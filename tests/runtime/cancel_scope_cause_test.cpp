// SPDX-License-Identifier: BSL-1.0
// Who cancelled, why, and who was first.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_cause.hpp>
#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;
using covey::cancel_source;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

covey::task<> canceller(covey::cancel_scope& scope) {
    scope.cancel("too loud");
    co_return;
}

covey::task<> failing_child() {
    co_await covey::sleep_for(1s);
    throw std::runtime_error("out of paper");
}

}  // namespace

TEST_CASE("nobody makes a scope, and there is no cancellation to construct (C54, CR01)") {
    static_assert(!std::is_default_constructible_v<covey::cancel_scope>);
    static_assert(!std::is_copy_constructible_v<covey::cancel_scope>);
    static_assert(!std::is_move_constructible_v<covey::cancel_scope>);
    static_assert(!std::is_destructible_v<covey::cancel_scope>);
    static_assert(std::is_final_v<covey::cancel_scope>);
    static_assert(!std::is_default_constructible_v<covey::scope_handle>);
    SUCCEED();
}

TEST_CASE("sources of a cancellation have names (CR02)") {
    CHECK(std::string(covey::to_string(cancel_source::none)) == "none");
    CHECK(std::string(covey::to_string(cancel_source::explicit_call)) == "explicit_call");
    CHECK(std::string(covey::to_string(cancel_source::deadline)) == "deadline");
    CHECK(std::string(covey::to_string(cancel_source::nursery)) == "nursery");
    CHECK(std::string(covey::to_string(cancel_source::interrupt)) == "interrupt");
    CHECK(std::string(covey::to_string(cancel_source::shutdown)) == "shutdown");
}

TEST_CASE("an explicit cancel leaves source, reason and the task that asked (C51, CR05)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                CHECK(scope.cause().source == cancel_source::none);
                CHECK(scope.cause().reason.empty());
                CHECK(scope.cause().task_name.empty());
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    nursery.start_soon(canceller, std::ref(scope));
                });
                CHECK(scope.cause().reason == "too loud");
                co_await covey::checkpoint();
            });
        CHECK_FALSE(result.finished());
        for (const covey::cancel_cause& cause : {kept->cause(), kept->cause()}) {
            CHECK(cause.source == cancel_source::explicit_call);
            CHECK(cause.reason == "too loud");
            CHECK(cause.task_name == "canceller");
        }
    });
}

TEST_CASE("a task is named as task_options say, and a foreign thread has no name (C51)") {
    support::run_virtual([]() -> covey::task<> {
        const auto named =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    nursery.start_soon({.name = "the boss"}, canceller, std::ref(scope));
                });
                CHECK(scope.cause().task_name == "the boss");
            });
        CHECK(named.finished());
        const auto foreign =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                std::thread([handle = scope.handle()] { handle.cancel("from afar"); }).join();
                CHECK(scope.cause().source == cancel_source::explicit_call);
                CHECK(scope.cause().reason == "from afar");
                CHECK(scope.cause().task_name.empty());
                co_return;
            });
        CHECK(foreign.finished());
    });
}

TEST_CASE("a deadline is the cause, preset, moved inside, or past on entry (C51, CR05)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> preset, moved, past;
        const auto first =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                preset.emplace(scope.handle());
                co_await covey::sleep_forever();
            });
        const auto second =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                moved.emplace(scope.handle());
                scope.set_deadline(covey::now() + 1s);
                co_await covey::sleep_forever();
            });
        const auto third = co_await covey::move_on_at(
            covey::now() - 1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                past.emplace(scope.handle());
                co_await covey::sleep_forever();
            });
        CHECK_FALSE(first.finished());
        CHECK_FALSE(second.finished());
        CHECK_FALSE(third.finished());
        CHECK(support::elapsed() == 2s);
        for (const auto* handle : {&preset, &moved, &past}) {
            CHECK((*handle)->cause().source == cancel_source::deadline);
            CHECK((*handle)->cause().reason.empty());
            CHECK((*handle)->cause().task_name.empty());
        }
    });
}

TEST_CASE("the first cause is kept: cancel, then cancel, then deadline (C50)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                scope.cancel("first");
                scope.cancel("second");
                co_await covey::shielded(covey::sleep_for(2s));
                scope.set_deadline(covey::now() - 1s);
                scope.cancel("third");
                co_await covey::checkpoint();
            });
        CHECK_FALSE(result.finished());
        CHECK(kept->cause().source == cancel_source::explicit_call);
        CHECK(kept->cause().reason == "first");
        kept->cancel("after the end");
        CHECK(kept->cause().reason == "first");
    });
}

TEST_CASE("the first cause is kept: deadline, then cancel (C50)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto result =
            co_await covey::move_on_after(1s, [&](covey::cancel_scope& scope) -> covey::task<> {
                kept.emplace(scope.handle());
                co_await covey::shielded(covey::sleep_for(2s));
                scope.cancel("late");
                co_await covey::checkpoint();
            });
        CHECK_FALSE(result.finished());
        CHECK(kept->cause().source == cancel_source::deadline);
        CHECK(kept->cause().reason.empty());
    });
}

TEST_CASE("a failing child is the cause, named with its error (C51, C52)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto outcome = co_await covey::attempt(
            covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                kept.emplace(nursery.scope().handle());
                nursery.start_soon(failing_child);
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_forever(); });
                co_await covey::sleep_forever();
            }));
        CHECK_FALSE(outcome.has_value());
        CHECK(kept->cause().source == cancel_source::nursery);
        CHECK(contains(kept->cause().reason, "child"));
        CHECK(contains(kept->cause().reason, "failing_child"));
        CHECK(contains(kept->cause().reason, "out of paper"));
        CHECK(kept->cause().task_name == "failing_child");
    });
}

TEST_CASE("a failing body is the cause, named after the task that opened the nursery (C52)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto outcome = co_await covey::attempt(
            covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                kept.emplace(nursery.scope().handle());
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_forever(); });
                co_await covey::checkpoint();
                throw std::runtime_error("out of ink");
            }));
        CHECK_FALSE(outcome.has_value());
        CHECK(kept->cause().source == cancel_source::nursery);
        CHECK(contains(kept->cause().reason, "body"));
        CHECK(contains(kept->cause().reason, "main"));
        CHECK(contains(kept->cause().reason, "out of ink"));
        CHECK(kept->cause().task_name == "main");
    });
}

TEST_CASE("an explicit cancel before the failure stays the cause (C50, C52)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> kept;
        const auto outcome = co_await covey::attempt(
            covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                kept.emplace(nursery.scope().handle());
                nursery.cancel("on purpose");
                throw std::runtime_error("and then that");
                co_return;
            }));
        CHECK_FALSE(outcome.has_value());
        CHECK(kept->cause().source == cancel_source::explicit_call);
        CHECK(kept->cause().reason == "on purpose");
    });
}

TEST_CASE("an outer cancellation is the outer scope's cause, the inner ones keep none (C50)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::scope_handle> outer_kept, inner_kept;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
                outer_kept.emplace(outer.handle());
                const auto inside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& inner) -> covey::task<> {
                        inner_kept.emplace(inner.handle());
                        outer.cancel("from outside");
                        co_await covey::checkpoint();
                    });
                static_cast<void>(inside);
            });
        CHECK_FALSE(result.finished());
        CHECK(outer_kept->cause().reason == "from outside");
        CHECK(inner_kept->cause().source == cancel_source::none);
        CHECK_FALSE(inner_kept->cancel_called());
    });
}

TEST_CASE("the reason is copied when cancel is called (C51)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([](covey::cancel_scope& scope) -> covey::task<> {
                std::string reason(100, 'x');
                scope.cancel(reason);
                reason.assign(100, 'y');
                CHECK(scope.cause().reason == std::string(100, 'x'));
                co_return;
            });
        CHECK(result.finished());
    });
}

TEST_CASE("cancelled_error carries the cause to whoever wanted the value (C51, CR02)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<covey::cancel_cause> of_block, of_child;
        std::string text;
        try {
            co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<int> {
                nursery.cancel("no need");
                co_await covey::checkpoint();
                co_return 1;
            });
        } catch (const covey::cancelled_error& error) {
            of_block = error.cause();
            text = error.what();
        }
        REQUIRE(of_block);
        CHECK(of_block->source == cancel_source::explicit_call);
        CHECK(of_block->reason == "no need");
        CHECK(of_block->task_name == "main");
        CHECK(contains(text, "no need"));
        CHECK(contains(text, "explicit_call"));

        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            auto child = nursery.spawn([]() -> covey::task<int> {
                co_await covey::sleep_forever();
                co_return 1;
            });
            child.cancel("not you");
            try {
                co_await child;
            } catch (const covey::cancelled_error& error) {
                of_child = error.cause();
            }
        });
        REQUIRE(of_child);
        CHECK(of_child->source == cancel_source::explicit_call);
        CHECK(of_child->reason == "not you");
        CHECK(of_child->task_name == "main");
    });
}
