// SPDX-License-Identifier: BSL-1.0
#include <covey/from_callback.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/run.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::completion;
using covey::from_callback;
using covey::testing::wait_all_tasks_blocked;

namespace {

// Somebody else's interface: a callback, to be called later.
struct old_library {
    std::function<void(int)> callback;
    void ask(std::function<void(int)> call_later) { callback = std::move(call_later); }
};

// A completion that the test keeps for later.
template <class T>
auto kept_in(std::optional<completion<T>>& place) {
    return [&place](completion<T> done) { place.emplace(std::move(done)); };
}

// The moves of an armed one throw.
struct throws_when_moved {
    int moves_left;
    explicit throws_when_moved(int moves) : moves_left(moves) {}
    throws_when_moved(throws_when_moved&& other) : moves_left(other.moves_left - 1) {
        if (moves_left < 0) throw std::range_error("can't be moved");
    }
    throws_when_moved& operator=(throws_when_moved&&) = delete;
    ~throws_when_moved() = default;
};

}  // namespace

TEST_CASE("a callback that is called later ends the wait with its value (K1)") {
    support::run_virtual([]() -> covey::task<> {
        old_library library;
        int seen = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                seen = co_await from_callback<int>([&](completion<int> done) {
                    library.ask([done](int answer) mutable { done.set_value(answer); });
                });
            });
            co_await wait_all_tasks_blocked();
            CHECK(seen == 0);
            CHECK(covey::dump_task_tree().find("waits for callback") != std::string::npos);
            library.callback(42);
        });
        CHECK(seen == 42);
    });
}

TEST_CASE("a callback may be called inside of the start function") {
    support::run_virtual([]() -> covey::task<> {
        const int number =
            co_await from_callback<int>([](completion<int> done) { CHECK(done.set_value(7)); });
        CHECK(number == 7);
        co_await from_callback<void>([](completion<void> done) { CHECK(done.set_value()); });
        const auto failed = co_await covey::attempt(from_callback<void>(
            [](completion<void> done) { CHECK(done.set_error(std::out_of_range("at once"))); }));
        CHECK(support::holds<std::out_of_range>(failed.error()));
    });
}

TEST_CASE("what is only moved, and what has no default, goes through from_callback") {
    support::run_virtual([]() -> covey::task<> {
        const auto pointer =
            co_await from_callback<std::unique_ptr<int>>([](completion<std::unique_ptr<int>> done) {
                done.set_value(std::make_unique<int>(3));
            });
        CHECK(*pointer == 3);
        struct sealed {
            const int number;
        };
        const sealed value = co_await from_callback<sealed>(
            [](completion<sealed> done) { done.set_value(sealed{4}); });
        CHECK(value.number == 4);
        const std::string text = co_await from_callback<std::string>([](completion<std::string> d) {
            const std::string original = "copied";
            d.set_value(original);
            CHECK(original == "copied");
        });
        CHECK(text == "copied");
        // The start function itself may be one that is only moved.
        const int held = co_await from_callback<int>(
            [kept = std::make_unique<int>(5)](completion<int> done) { done.set_value(*kept + 0); });
        CHECK(held == 5);
    });
}

TEST_CASE("an error, whichever way it is given, is thrown at the await") {
    support::run_virtual([]() -> covey::task<> {
        const auto original = std::make_exception_ptr(std::runtime_error("the line is dead"));
        const auto same = co_await covey::attempt(
            from_callback<int>([&](completion<int> done) { done.set_error(original); }));
        CHECK(same.error() == original);
        const auto made = co_await covey::attempt(
            from_callback<int>([](completion<int> done) { done.set_error(5); }));
        CHECK(support::holds<int>(made.error()));
        co_await from_callback<void>([](completion<void> done) {
            CHECK_THROWS_AS(done.set_error(std::exception_ptr()), std::invalid_argument);
            done.set_value();
        });
    });
}

TEST_CASE("what the start function throws comes out as it is, whatever becomes of the completion") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<int>> kept;
        bool told = false;
        const auto failed = co_await covey::attempt(from_callback<int>([&](completion<int> done) {
            done.on_cancel([&] { told = true; });
            kept.emplace(std::move(done));
            throw std::domain_error("not today");
        }));
        CHECK(support::holds<std::domain_error>(failed.error()));
        CHECK(told);
        CHECK_FALSE(kept->set_value(1));
    });
}

TEST_CASE("a completion that is destroyed without completing breaks, and says whose it was") {
    support::run_virtual([]() -> covey::task<> {
        const auto at_once =
            co_await covey::attempt(from_callback<int>([](const completion<int>&) {}));
        CHECK(support::holds<covey::broken_resource_error>(at_once.error()));
        CHECK_THAT(support::message_of(at_once.error()), Contains("task 'main' waits for"));

        std::optional<completion<void>> kept;
        std::exception_ptr later;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon({.name = "listener"}, [&]() -> covey::task<> {
                const auto result =
                    co_await covey::attempt(from_callback<void>(kept_in<void>(kept)));
                later = result.error();
            });
            co_await wait_all_tasks_blocked();
            auto copy = std::make_unique<completion<void>>(*kept);
            kept.reset();
            co_await wait_all_tasks_blocked();
            CHECK_FALSE(later);
            copy.reset();
        });
        CHECK(support::holds<covey::broken_resource_error>(later));
        CHECK_THAT(support::message_of(later), Contains("task 'listener'"));
    });
}

TEST_CASE("completing a second time is an error that names the task, and changes nothing") {
    support::run_virtual([]() -> covey::task<> {
        const int first = co_await from_callback<int>([](completion<int> done) {
            CHECK(done.set_value(1));
            completion<int> copy = done;
            CHECK_THROWS_AS(copy.set_value(2), std::logic_error);
            CHECK_THROWS_WITH(done.set_stopped(), Contains("task 'main'"));
            CHECK_THROWS_WITH(done.set_error(1), Contains("a second time"));
            const completion<int> moved = std::move(copy);
            CHECK_THROWS_WITH(copy.set_value(3), Contains("moved from"));  // NOLINT
        });
        CHECK(first == 1);
    });
}

TEST_CASE("a stopped operation gives cancelled_error, a task that is cancelled itself just stops") {
    support::run_virtual([]() -> covey::task<> {
        const auto outcome = co_await covey::attempt(
            from_callback<int>([](completion<int> done) { CHECK(done.set_stopped()); }));
        CHECK(support::holds<covey::cancelled_error>(outcome.error()));
        CHECK_THAT(support::message_of(outcome.error()), Contains("task 'main'"));

        bool caught = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                try {
                    co_await from_callback<int>([&](completion<int> done) {
                        CHECK(done.set_stopped());
                        scope.cancel();
                    });
                } catch (...) {
                    caught = true;
                }
            });
        CHECK_FALSE(result);
        CHECK_FALSE(caught);
    });
}

TEST_CASE("from_callback is a checkpoint, and starts nothing when cancelled already (K1, T1)") {
    support::run_virtual([]() -> covey::task<> {
        const auto at_once = [](completion<void> done) { done.set_value(); };
        co_await covey::testing::expect_checkpoints(from_callback<void>(at_once));
        bool started = false;
        const auto result = co_await covey::move_on_after(0s, [&]() -> covey::task<> {
            co_await from_callback<void>([&](completion<void> done) {
                started = true;
                done.set_value();
            });
        });
        CHECK_FALSE(result);
        CHECK_FALSE(started);
    });
}

TEST_CASE(
    "cancelled while it waits: the task leaves, and the value stays with the completer (K6)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<std::unique_ptr<int>>> kept;
        const auto result = co_await covey::move_on_after(
            1s, from_callback<std::unique_ptr<int>>(kept_in<std::unique_ptr<int>>(kept)));
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
        auto value = std::make_unique<int>(1);
        CHECK_FALSE(kept->set_value(std::move(value)));
        REQUIRE(value != nullptr);
        CHECK_FALSE(kept->set_error(1));
        CHECK_FALSE(kept->set_stopped());
    });
}

TEST_CASE("completed, then cancelled before the task ran on: the value is received (K17)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<int>> kept;
        int seen = 0;
        bool went_on = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                seen = co_await from_callback<int>(kept_in<int>(kept));
                co_await covey::checkpoint();
                went_on = true;
            });
            co_await wait_all_tasks_blocked();
            CHECK(kept->set_value(1));
            nursery.cancel();
        });
        CHECK(seen == 1);
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("cancelled, then completed before the task has unwound: the value is refused (C1, K17)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<int>> kept;
        bool went_on = false;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await from_callback<int>(kept_in<int>(kept));
                went_on = true;
            });
            co_await wait_all_tasks_blocked();
            nursery.cancel();
            CHECK_FALSE(kept->set_value(1));
            CHECK_FALSE(kept->set_value(1));
        });
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("completed inside of start, which also cancels: what came first counts (C1, K17)") {
    for (const bool cancels_first : {false, true}) {
        support::run_virtual([&]() -> covey::task<> {
            int seen = 0;
            bool went_on = false;
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                seen = co_await from_callback<int>([&](completion<int> done) {
                    if (cancels_first) scope.cancel();
                    CHECK(done.set_value(6) == !cancels_first);
                    if (!cancels_first) scope.cancel();
                });
                co_await covey::checkpoint();
                went_on = true;
            });
            CHECK(seen == (cancels_first ? 0 : 6));
            CHECK_FALSE(went_on);
        });
    }
}

TEST_CASE("a refused completion stops the task, even if a shield is raised meanwhile (C40)") {
    support::run_virtual([]() -> covey::task<> {
        bool went_on = false;
        co_await covey::with_cancel_scope([&](covey::cancel_scope& outer) -> covey::task<> {
            co_await covey::with_cancel_scope([&](covey::cancel_scope& inner) -> covey::task<> {
                co_await from_callback<int>([&](completion<int> done) {
                    outer.cancel();
                    CHECK_FALSE(done.set_value(6));
                    inner.set_shield(true);
                });
                went_on = true;
            });
        });
        CHECK_FALSE(went_on);
    });
}

TEST_CASE("start cancels and completes later: the value is refused") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<int>> kept;
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            co_await from_callback<int>([&](completion<int> done) {
                kept.emplace(std::move(done));
                scope.cancel();
            });
        });
        CHECK_FALSE(kept->set_value(6));
    });
}

TEST_CASE("a shielded task is not cancelled while it waits (C4)") {
    support::run_virtual([]() -> covey::task<> {
        std::optional<completion<int>> kept;
        int seen = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::with_cancel_scope([&](covey::cancel_scope& s) -> covey::task<> {
                    s.set_shield(true);
                    seen = co_await from_callback<int>(kept_in<int>(kept));
                });
            });
            co_await wait_all_tasks_blocked();
            nursery.cancel();
            co_await covey::with_cancel_scope([&](covey::cancel_scope& s) -> covey::task<> {
                s.set_shield(true);
                co_await wait_all_tasks_blocked();
            });
            CHECK(kept->set_value(8));
        });
        CHECK(seen == 8);
    });
}

TEST_CASE("the cancel hook is called once, before the frames of the caller go") {
    support::run_virtual([]() -> covey::task<> {
        std::vector<std::string> order;
        struct local {
            std::vector<std::string>& order;
            ~local() { order.emplace_back("frame"); }
        };
        std::optional<completion<int>> kept;
        co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            const local here{order};
            co_await from_callback<int>([&](completion<int> done) {
                done.on_cancel([&] { order.emplace_back("hook"); });
                CHECK_THROWS_WITH(done.on_cancel([] {}), Contains("hook already"));
                kept.emplace(std::move(done));
            });
        });
        CHECK(order == std::vector<std::string>{"hook", "frame"});
        // Too late for a hook to wait: it is called here.
        kept->on_cancel([&] { order.emplace_back("late"); });
        CHECK(order.back() == "late");
    });
}

TEST_CASE("the cancel hook isn't called when there is a result, and is destroyed then") {
    support::run_virtual([]() -> covey::task<> {
        const auto watched = std::make_shared<int>(0);
        std::optional<completion<void>> kept;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                co_await from_callback<void>([&](completion<void> done) {
                    done.on_cancel([watched] { ++*watched; });
                    kept.emplace(std::move(done));
                });
            });
            co_await wait_all_tasks_blocked();
            CHECK(watched.use_count() == 2);
            kept->set_value();
            CHECK(watched.use_count() == 1);
            kept->on_cancel([watched] { ++*watched; });
            CHECK(watched.use_count() == 1);
        });
        CHECK(*watched == 0);
    });
}

TEST_CASE("a completion may outlive the run, completed or not") {
    std::optional<completion<int>> abandoned, finished;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::move_on_after(1s, from_callback<int>(kept_in<int>(abandoned)));
        const int value = co_await from_callback<int>([&](completion<int> done) {
            finished.emplace(done);
            done.set_value(1);
        });
        CHECK(value == 1);
    });
    CHECK_FALSE(abandoned->set_value(1));
    CHECK_THROWS_WITH(finished->set_value(1), Contains("task 'main'"));
    abandoned.reset();
    finished.reset();
    CHECK(support::left_behind() == "");
}

TEST_CASE("a value whose move throws: the task gets that error instead") {
    support::run_virtual([]() -> covey::task<> {
        for (const int moves : {0, 1}) {  // into the state, and out of it
            const auto failed = co_await covey::attempt([&]() -> covey::task<> {
                co_await from_callback<throws_when_moved>([&](completion<throws_when_moved> done) {
                    CHECK(done.set_value(throws_when_moved(moves)));
                });
            });
            CHECK(support::holds<std::range_error>(failed.error()));
        }
    });
}

TEST_CASE("another thread may complete at any moment of the wait_mt") {
    covey::run({.workers = 2}, []() -> covey::task<> {
        for (int round = 0; round < 200; ++round) {
            std::thread helper;
            const int value = co_await from_callback<int>([&](completion<int> done) {
                helper = std::thread([done, round]() mutable { done.set_value(round); });
            });
            helper.join();
            CHECK(value == round);
        }
    });
    CHECK(support::left_behind() == "");
}
