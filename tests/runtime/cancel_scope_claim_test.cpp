// SPDX-License-Identifier: BSL-1.0
// Every operation that waits, cancelled before, in the same step as, and after its completion. On
// one worker, in many orders. What came first counts: a completed wait keeps its value (K17), a
// claimed one has no effect (K6).
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

// A wait that another task can complete: how to wait, how to complete it, and what shows that a
// cancelled wait left no trace.
struct operation {
    const char* name;
    std::function<covey::task<>()> wait;
    std::function<void()> complete;
    std::function<void(bool taken)> check_after = [](bool) {};
};

// What becomes of the waiter.
struct waiter {
    bool got_it = false, went_on = false, stopped = false;

    covey::task<> run(const operation& what, std::optional<covey::scope_handle>& scope) {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& mine) -> covey::task<> {
                scope.emplace(mine.handle());
                co_await what.wait();
                got_it = true;
                co_await covey::checkpoint_if_cancelled();
                went_on = true;
            });
        stopped = !result.finished();
    }
};

using make_operation = std::function<std::shared_ptr<operation>()>;

// Runs one waiter, lets it block, then does the steps at once.
waiter run_steps(std::uint64_t seed, const make_operation& make,
                 const std::function<void(operation&, covey::scope_handle&)>& steps) {
    waiter result;
    support::run_virtual(seed, [&]() -> covey::task<> {
        const std::shared_ptr<operation> what = make();
        std::optional<covey::scope_handle> scope;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&] { return result.run(*what, scope); });
            co_await covey::testing::wait_all_tasks_blocked();
            steps(*what, *scope);
        });
        what->check_after(result.got_it);
    });
    return result;
}

void check_operation(const make_operation& make) {
    const auto complete = [](operation& what) { what.complete(); };
    for (const std::uint64_t seed : support::seeds(8)) {
        INFO("COVEY_SEED=" << seed);
        const waiter completed =
            run_steps(seed, make, [&](operation& what, covey::scope_handle&) { complete(what); });
        CHECK(completed.got_it);
        CHECK(completed.went_on);
        CHECK_FALSE(completed.stopped);

        const waiter cancelled =
            run_steps(seed, make, [&](operation&, covey::scope_handle& scope) { scope.cancel(); });
        CHECK_FALSE(cancelled.got_it);
        CHECK(cancelled.stopped);

        const waiter first_completed =
            run_steps(seed, make, [&](operation& what, covey::scope_handle& scope) {
                complete(what);
                scope.cancel();
            });
        CHECK(first_completed.got_it);  // the value is kept ...
        CHECK_FALSE(first_completed.went_on);
        CHECK(first_completed.stopped);  // ... and the cancellation met at the next checkpoint

        const waiter first_cancelled =
            run_steps(seed, make, [&](operation& what, covey::scope_handle& scope) {
                scope.cancel();
                complete(what);
            });
        CHECK_FALSE(first_cancelled.got_it);
        CHECK(first_cancelled.stopped);

        const waiter twice =
            run_steps(seed, make, [&](operation& what, covey::scope_handle& scope) {
                scope.cancel();
                scope.cancel();
                complete(what);
                scope.cancel();
            });
        CHECK_FALSE(twice.got_it);
        CHECK(twice.stopped);
    }
}

// A wait that is possible at once, in a cancelled scope: nothing is taken.
void check_cancelled_before(const make_operation& make) {
    support::run_virtual([&]() -> covey::task<> {
        const std::shared_ptr<operation> what = make();
        bool got_it = false;
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.cancel();
                co_await what->wait();
                got_it = true;
            });
        CHECK_FALSE(result.finished());
        CHECK_FALSE(got_it);
        what->check_after(false);
    });
}

}  // namespace

TEST_CASE("an event wait against cancel, every order (K6, K17, SY01)") {
    const auto make = [] {
        auto flag = std::make_shared<covey::event>();
        return std::make_shared<operation>(operation{
            .name = "event",
            .wait = [flag]() -> covey::task<> { co_await flag->wait(); },
            .complete = [flag] { flag->set(); },
            .check_after = [flag](bool) { CHECK(flag->statistics().tasks_waiting == 0); },
        });
    };
    check_operation(make);
    check_cancelled_before(make);
}

TEST_CASE("a turn of a sequencer against cancel, every order (K6, K17, Q6)") {
    const auto make = [] {
        auto turns = std::make_shared<covey::testing::sequencer>();
        auto before = std::make_shared<std::optional<covey::testing::sequencer::turn>>();
        return std::make_shared<operation>(operation{
            .name = "sequencer",
            .wait = [turns, before]() -> covey::task<> {
                if (!*before) {
                    auto first = co_await (*turns)(0);
                    before->emplace(std::move(first));
                }
                co_await (*turns)(1);
            },
            .complete = [before] { before->reset(); },
        });
    };
    check_operation(make);
    check_cancelled_before(make);
}

TEST_CASE("a wait for a soft cancel against cancel, every order (K6, K17)") {
    const auto make = [] {
        auto outer = std::make_shared<std::optional<covey::scope_handle>>();
        return std::make_shared<operation>(operation{
            .name = "soft cancel",
            .wait = [outer]() -> covey::task<> {
                covey::cancel_scope& scope = covey::current_scope();
                outer->emplace(scope.handle());
                co_await scope.until_soft_cancelled();
            },
            .complete = [outer] { (*outer)->soft_cancel(); },
        });
    };
    check_operation(make);
    check_cancelled_before(make);
}

TEST_CASE("a nursery.start against cancel, every order (K17, N40, N45)") {
    using shared_status = std::shared_ptr<std::optional<covey::task_status<int>>>;
    const auto make = [](covey::nursery& target) {
        shared_status status = std::make_shared<shared_status::element_type>();
        return std::make_shared<operation>(operation{
            .name = "start",
            .wait = [status, &target]() -> covey::task<> {
                const int port =
                    co_await target.start([status](covey::task_status<int> mine) -> covey::task<> {
                        status->emplace(mine);
                        co_await covey::sleep_for(1s);
                    });
                CHECK(port == 80);
            },
            .complete = [status] { (*status)->started(80); },
        });
    };
    struct order {
        bool complete_first, cancel, taken;
    };
    constexpr order orders[] = {{true, false, true}, {true, true, true}, {false, true, false}};
    for (const order& each : orders) {
        for (const std::uint64_t seed : support::seeds(8)) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                waiter result;
                co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
                    const std::shared_ptr<operation> what = make(target);
                    std::optional<covey::scope_handle> scope;
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&] { return result.run(*what, scope); });
                        co_await covey::testing::wait_all_tasks_blocked();
                        if (each.complete_first) what->complete();
                        if (each.cancel) scope->cancel();
                        if (!each.complete_first) what->complete();
                    });
                    CHECK(support::elapsed() == 0s);
                });
                CHECK(result.got_it == each.taken);
                CHECK(result.stopped == each.cancel);
                CHECK(support::elapsed() == (each.taken ? 1s : 0s));  // where the child went
            });
        }
    }
}

TEST_CASE("a started child lives on in its nursery, a cancelled one doesn't (N41, N45, N47)") {
    for (const bool complete_first : {true, false}) {
        for (const std::uint64_t seed : support::seeds(8)) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                bool finished = false, stopped = false;
                co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
                    std::optional<covey::task_status<void>> status;
                    const auto result = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& scope) -> covey::task<> {
                            target.start_soon([&]() -> covey::task<> {
                                co_await covey::testing::wait_all_tasks_blocked();
                                if (complete_first) status->started();
                                scope.cancel();
                                if (!complete_first) status->started();
                            });
                            co_await target.start(
                                [&](covey::task_status<void> mine) -> covey::task<> {
                                    struct note_end {
                                        bool &finished, &stopped;
                                        ~note_end() { stopped = !finished; }
                                    } const end{finished, stopped};
                                    status.emplace(mine);
                                    co_await covey::sleep_for(1s);
                                    finished = true;
                                });
                        });
                    CHECK(result.finished() == complete_first);
                    CHECK_FALSE(target.scope().cancel_called());
                });
                CHECK(finished == complete_first);
                CHECK(stopped == !complete_first);
            });
        }
    }
}

TEST_CASE("an awaited child against cancel: its end came first, or the cancel did (K17)") {
    struct order {
        bool cancel_in_child;  // in its last step, so before its end
        bool got_it;
    };
    for (const order& each : {order{true, false}, order{false, true}}) {
        for (const std::uint64_t seed : support::seeds()) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                int value = 0;
                bool went_on = false;
                std::optional<covey::scope_handle> scope;
                std::optional<covey::join_handle<int>> child;
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    child = nursery.spawn([&]() -> covey::task<int> {
                        for (int i = 0; i < 5; ++i) co_await covey::checkpoint();
                        if (each.cancel_in_child) scope->cancel();
                        co_return 7;
                    });
                    // Cancels in the first step of its own after the child's end.
                    nursery.start_soon([&]() -> covey::task<> {
                        while (!child->done()) co_await covey::checkpoint();
                        scope->cancel();
                    });
                    const auto result = co_await covey::with_cancel_scope(
                        [&](covey::cancel_scope& mine) -> covey::task<> {
                            scope.emplace(mine.handle());
                            value = co_await *child;
                            co_await covey::shielded(covey::sleep_for(1s));
                            co_await covey::checkpoint_if_cancelled();
                            went_on = true;
                        });
                    CHECK_FALSE(result.finished());
                    if (value == 0) {  // nothing was taken: it is still there
                        const int later = co_await *child;
                        CHECK(later == 7);
                    }
                });
                CHECK(value == (each.got_it ? 7 : 0));
                CHECK_FALSE(went_on);
            });
        }
    }
}

TEST_CASE(
    "sleepers and those who wait for idleness, woken together: who runs first cancels (K17)") {
    bool first_was_cancelled[2] = {false, false};
    for (const bool by_time : {true, false}) {
        for (const std::uint64_t seed : support::seeds()) {
            std::vector<int> order;
            support::run_virtual(seed, [&]() -> covey::task<> {
                std::optional<covey::scope_handle> scopes[2];
                bool kept[2] = {false, false}, went_on[2] = {false, false};
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    for (int self = 0; self < 2; ++self) {
                        nursery.start_soon([&, self]() -> covey::task<> {
                            const auto result = co_await covey::with_cancel_scope(
                                [&](covey::cancel_scope& mine) -> covey::task<> {
                                    scopes[self].emplace(mine.handle());
                                    if (by_time)
                                        co_await covey::sleep_for(1s);
                                    else
                                        co_await covey::testing::wait_all_tasks_blocked();
                                    kept[self] = true;
                                    order.push_back(self);
                                    if (order.size() == 1) scopes[1 - self]->cancel();
                                    co_await covey::checkpoint_if_cancelled();
                                    went_on[self] = true;
                                });
                            CHECK(result.finished() == went_on[self]);
                        });
                    }
                });
                // Both had their wait before either was cancelled.
                CHECK((kept[0] && kept[1]));
                REQUIRE(order.size() == 2);
                CHECK(went_on[order[0]]);
                CHECK_FALSE(went_on[order[1]]);
                first_was_cancelled[order[0]] = true;
            });
        }
    }
    CHECK((first_was_cancelled[0] && first_was_cancelled[1]));  // both orders came
}

TEST_CASE("a sleeper cancelled in the step in which its time comes is cancelled (K6, C3)") {
    covey::testing::virtual_clock clock(covey::testing::autojump::off);
    for (const bool jump_first : {true, false}) {
        bool slept = false;
        support::run_checked({.workers = 1, .clock = &clock, .seed = 1}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                auto sleeper = nursery.spawn([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    slept = true;
                });
                co_await covey::testing::wait_all_tasks_blocked();
                if (jump_first) clock.jump(2s);  // the timer fires when this step is over
                sleeper.cancel();
                if (!jump_first) clock.jump(2s);
            });
        });
        CHECK_FALSE(slept);
    }
}

TEST_CASE("a limit and a sleep that end at the same time: the limit was first (C25, C34)") {
    for (const std::uint64_t seed : support::seeds()) {
        support::run_virtual(seed, []() -> covey::task<> {
            const auto result = co_await covey::move_on_after(1s, covey::sleep_for(1s));
            CHECK_FALSE(result.finished());
            CHECK(support::elapsed() == 1s);
        });
    }
}

TEST_CASE(
    "joining children against cancel: a block whose last child has ended keeps its value (K17, "
    "N10)") {
    for (const bool cancel_first : {true, false}) {
        for (const std::uint64_t seed : support::seeds()) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                int value = 0;
                bool child_went_on = false;
                const auto result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        value = co_await covey::with_nursery([&](covey::nursery& nursery) {
                            nursery.start_soon([&]() -> covey::task<> {
                                co_await covey::sleep_for(1s);
                                if (cancel_first) scope.cancel();
                                co_await covey::shielded(covey::sleep_for(1s));
                                child_went_on = true;
                                if (!cancel_first) scope.cancel();
                            });
                            return 9;
                        });
                        co_await covey::checkpoint();
                        FAIL("passed");
                    });
                CHECK_FALSE(result.finished());
                CHECK(value == 9);  // no checkpoint of anybody stopped
                CHECK(child_went_on);
                CHECK(support::elapsed() == 2s);
            });
        }
    }
}

TEST_CASE("a join that is cancelled waits until the children are gone (N10, C3)") {
    support::run_virtual([]() -> covey::task<> {
        bool cleaned = false, after = false;
        const auto result = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                        co_await covey::sleep_for(2s);
                        cleaned = true;
                    });
                });
            });
            after = true;
        });
        CHECK_FALSE(result.finished());
        CHECK(cleaned);
        CHECK_FALSE(after);
        CHECK(support::elapsed() == 3s);
    });
}
