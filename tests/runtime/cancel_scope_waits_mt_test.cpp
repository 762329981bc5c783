// SPDX-License-Identifier: BSL-1.0
// The other waits, completed and cancelled from everywhere at once. After each round the counts add
// up; after each run nothing is left.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using support::dice;
using support::faults;
using support::foreign_thread;

dice fresh(dice& random) { return dice(random.roll(~std::uint64_t{0})); }

// What a round may use besides its own objects.
struct crew {
    foreign_thread first, second;
    faults found;
    dice random{1};

    // Does it on another worker or on an ordinary thread; `done` counts it.
    template <class F>
    void somewhere(covey::nursery& nursery, F job) {
        auto late = [job, mine = fresh(random)]() mutable {
            support::dawdle(mine);
            job();
        };
        switch (random.roll(3)) {
            case 0: nursery.start_soon(late); break;
            case 1: first.post(late); break;
            default: second.post(late); break;
        }
    }
};

// Those who have work to do in a round; the last one sets the event.
class countdown {
 public:
    explicit countdown(int count) : left_(count) {}
    void one_less() {
        if (left_.fetch_sub(1) == 1) over_.set();
    }
    covey::event& over() { return over_; }

 private:
    std::atomic<int> left_;
    covey::event over_;
};

// Runs a round many times on two and on three workers.
template <class Round>
void race(std::size_t committed, Round round) {
    const std::size_t count = support::rounds(committed);
    for (const unsigned workers : {2U, 3U}) {
        crew all;
        all.random = dice(workers);
        support::run_mt(workers, workers, [&]() -> covey::task<> {
            for (std::size_t i = 0; i < count; ++i) co_await round(all);
        });
        CHECK(all.found.text() == "");
    }
}

}  // namespace

TEST_CASE("limits of microseconds against completion, timeout_mt (C25, C34, K17)") {
    race(2000, [](crew& all) -> covey::task<> {
        covey::event target;
        std::atomic<bool> is_set = false;
        countdown busy(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto limit = std::chrono::microseconds(all.random.roll(60));
            all.somewhere(nursery, [&] {
                is_set = true;
                target.set();
                busy.one_less();
            });
            const auto start = covey::now();
            const auto finished = co_await covey::move_on_after(limit, target.wait());
            if (finished) {
                all.found.expect(is_set, "what finished was set");
            } else {
                all.found.expect(covey::now() - start >= limit, "what was cut had its time");
            }
            bool too_slow = false, failed = false;
            try {
                co_await covey::fail_after(limit, [&]() -> covey::task<> {
                    co_await target.wait();
                    for (std::uint64_t left = all.random.roll(20); left != 0; --left)
                        co_await covey::checkpoint();
                    failed = true;
                    throw std::runtime_error("the body's own");
                });
            } catch (const covey::too_slow_error&) {
                too_slow = true;
            } catch (const std::runtime_error&) {
                all.found.expect(failed, "the error is the body's");
            }
            all.found.expect(too_slow != failed, "cut or failed, one of the two");
            co_await busy.over().wait();
        });
    });
}

TEST_CASE("the end of a child against cancel of those who await it, join_handle_mt (K17, NB18)") {
    race(2000, [](crew& all) -> covey::task<> {
        constexpr int waiters = 3;
        std::atomic<int> got = 0, taken_before = 0, stopped = 0, no_value = 0;
        std::optional<covey::scope_handle> scope;
        std::optional<covey::join_handle<int>> child;
        countdown busy(2);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            child = nursery.spawn([mine = fresh(all.random)]() mutable -> covey::task<int> {
                support::dawdle(mine);
                co_await covey::checkpoint();
                co_return 5;
            });
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.emplace(own.handle());
                    co_await covey::with_nursery([&](covey::nursery& inner) {
                        for (int i = 0; i < waiters; ++i) {
                            inner.start_soon([&]() -> covey::task<> {
                                struct count_stop {
                                    std::atomic<int>& stopped;
                                    bool passed = false;
                                    ~count_stop() { stopped += passed ? 0 : 1; }
                                } end{stopped};
                                try {
                                    got += co_await *child;
                                } catch (const covey::cancelled_error&) {
                                    ++no_value;
                                } catch (const std::logic_error&) {
                                    ++taken_before;
                                }
                                end.passed = true;
                            });
                        }
                        all.somewhere(nursery, [&] {
                            scope->cancel();
                            busy.one_less();
                        });
                        all.somewhere(nursery, [&, child_too = all.random.roll(4) == 0] {
                            if (child_too) child->cancel();
                            busy.one_less();
                        });
                    });
                });
            static_cast<void>(result);
            co_await busy.over().wait();
        });
        all.found.expect(got == 0 || got == 5, "one gets the value, or none");
        all.found.expect(got / 5 + taken_before + stopped + no_value == waiters, "each ended once");
        all.found.expect(got == 0 || no_value == 0, "there was a value or there was none");
    });
}

TEST_CASE("several cancellers at once on nested scopes, cancel_scope_mt (C3, C5, C17)") {
    race(2000, [](crew& all) -> covey::task<> {
        constexpr std::size_t depth = 6;
        std::vector<std::optional<covey::scope_handle>> scopes(depth);
        std::vector<int> ends(depth, 0);
        covey::event entered;
        countdown busy(5);
        struct nest {
            std::vector<std::optional<covey::scope_handle>>& scopes;
            std::vector<int>& ends;
            covey::event& entered;

            covey::task<> enter(std::size_t level) {
                const auto result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        scopes[level].emplace(scope.handle());
                        if (level + 1 < depth)
                            co_await enter(level + 1);
                        else
                            entered.set();
                        co_await covey::sleep_forever();
                    });
                ends[level] += result.finished() ? 100 : 1;
            }
        } nested{scopes, ends, entered};
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&] { return nested.enter(0); });
            co_await entered.wait();
            for (int i = 0; i < 4; ++i) {
                all.somewhere(nursery, [&, level = all.random.roll(depth)] {
                    scopes[level]->cancel(std::to_string(level));
                    busy.one_less();
                });
            }
            all.somewhere(nursery, [&] {
                scopes[0]->cancel("0");
                busy.one_less();
            });
            co_await busy.over().wait();
        });
        all.found.expect(scopes[0]->cancelled_caught(), "the outermost one caught");
        for (std::size_t level = 0; level < depth; ++level) {
            all.found.expect(ends[level] <= 1, "no level ends twice, or as if it had finished");
            // A level goes on after its block exactly if the stop ended there.
            all.found.expect((ends[level] == 1) == scopes[level]->cancelled_caught(),
                             "what caught went on");
            if (scopes[level]->cancelled_caught())
                all.found.expect(scopes[level]->cause().reason == std::to_string(level),
                                 "the cause is its own");
        }
    });
}

TEST_CASE("shields raised and lowered while everybody cancels, cancel_scope_mt (C40, C42)") {
    race(2000, [](crew& all) -> covey::task<> {
        std::optional<covey::scope_handle> outer_handle;
        covey::cancel_scope* inner_scope = nullptr;
        covey::event entered, target;
        bool passed_inner = false;
        countdown toggled(2), busy(2);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                const auto outside = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& outer) -> covey::task<> {
                        outer_handle.emplace(outer.handle());
                        const auto inside = co_await covey::with_cancel_scope(
                            [&](covey::cancel_scope& inner) -> covey::task<> {
                                inner_scope = &inner;
                                // The scope has to live until nobody toggles any more.
                                co_await covey::finally(
                                    [&]() -> covey::task<> {
                                        entered.set();
                                        co_await target.wait();
                                        passed_inner = true;
                                    },
                                    toggled.over().wait());
                            });
                        all.found.expect(inside.finished(), "the inner one never catches");
                        co_await covey::sleep_forever();
                    });
                all.found.expect(!outside.finished(), "the outer one catches");
            });
            co_await entered.wait();
            for (int i = 0; i < 2; ++i) {
                all.somewhere(nursery, [&] {
                    for (int n = 0; n < 4; ++n) inner_scope->set_shield(n % 2 == 0);
                    toggled.one_less();
                });
            }
            all.somewhere(nursery, [&] {
                outer_handle->cancel();
                busy.one_less();
            });
            all.somewhere(nursery, [&] {
                target.set();
                busy.one_less();
            });
            co_await busy.over().wait();
        });
        static_cast<void>(passed_inner);
    });
}

TEST_CASE("soft against hard cancels and their limits, cancel_scope_mt (C50)") {
    race(2000, [](crew& all) -> covey::task<> {
        std::optional<covey::scope_handle> scope;
        std::atomic<int> woken = 0, stopped = 0;
        countdown busy(3);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.emplace(own.handle());
                    const auto limit = std::chrono::microseconds(all.random.roll(40));
                    all.somewhere(nursery, [&] {
                        scope->soft_cancel("soft");
                        busy.one_less();
                    });
                    all.somewhere(nursery, [&] {
                        scope->cancel("hard");
                        busy.one_less();
                    });
                    all.somewhere(nursery, [&] {
                        scope->soft_cancel("soft too");
                        busy.one_less();
                    });
                    if (all.random.roll(2) == 0) own.soft_cancel("limited", limit);
                    co_await covey::with_nursery([&](covey::nursery& inner) {
                        for (int i = 0; i < 3; ++i) {
                            inner.start_soon([&]() -> covey::task<> {
                                struct count_stop {
                                    std::atomic<int>& stopped;
                                    ~count_stop() { ++stopped; }
                                } const end{stopped};
                                co_await covey::current_scope().until_soft_cancelled();
                                ++woken;
                                co_await covey::sleep_forever();
                            });
                        }
                    });
                });
            all.found.expect(!result.finished(), "hard is hard");
            co_await busy.over().wait();
        });
        all.found.expect(stopped == 3, "each ended");
        all.found.expect(woken <= 3, "none woke twice");
        all.found.expect(scope->soft_cancelled(), "hard is soft too");
        all.found.expect(scope->cancelled_caught(), "it caught");
    });
}

TEST_CASE(
    "turns of a sequencer against cancel: in order, or broken for all after it, testing_mt (Q6)") {
    race(2000, [](crew& all) -> covey::task<> {
        constexpr std::size_t turns = 5;
        covey::testing::sequencer seq;
        std::vector<std::size_t> order;
        std::atomic<std::size_t> stopped = 0, broken = 0;
        std::vector<std::optional<covey::scope_handle>> scopes(turns);
        countdown busy(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            covey::event all_entered;
            std::atomic<std::size_t> entered = 0;
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                for (std::size_t i = 0; i < turns; ++i) {
                    inner.start_soon([&, i]() -> covey::task<> {
                        struct count_stop {
                            std::atomic<std::size_t>& stopped;
                            bool passed = false;
                            ~count_stop() { stopped += passed ? 0 : 1; }
                        } end{stopped};
                        const auto result = co_await covey::with_cancel_scope(
                            [&](covey::cancel_scope& own) -> covey::task<> {
                                scopes[i].emplace(own.handle());
                                if (++entered == turns) all_entered.set();
                                co_await covey::shielded(all_entered.wait());
                                try {
                                    const auto turn = co_await seq(i);
                                    order.push_back(i);  // one at a time: it is its turn
                                } catch (const std::logic_error&) {
                                    ++broken;
                                }
                            });
                        end.passed = result.finished();
                    });
                }
                co_await all_entered.wait();
                all.somewhere(nursery, [&, victim = 1 + all.random.roll(turns - 1)] {
                    scopes[victim]->cancel();
                    busy.one_less();
                });
                // Whether it waited or had not come yet: those behind it are told.
                co_await busy.over().wait();
            });
        });
        for (std::size_t i = 0; i < order.size(); ++i)
            all.found.expect(order[i] == i, "turns are taken in order");
        all.found.expect(order.size() + broken + stopped == turns, "each had one end");
        all.found.expect(stopped <= 1, "one was cancelled");
        all.found.expect(broken == 0 || stopped == 1, "nothing breaks by itself");
    });
}

TEST_CASE("idle waits against cancel and work that keeps the run busy, testing_mt (Q1)") {
    race(2000, [](crew& all) -> covey::task<> {
        std::optional<covey::scope_handle> scope;
        std::atomic<int> passed = 0, stopped = 0;
        countdown busy(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.emplace(own.handle());
                    all.somewhere(nursery, [&] {
                        scope->cancel();
                        busy.one_less();
                    });
                    co_await covey::with_nursery([&](covey::nursery& inner) {
                        for (int i = 0; i < 2; ++i) {
                            inner.start_soon([&]() -> covey::task<> {
                                struct count_stop {
                                    std::atomic<int>& stopped;
                                    bool passed = false;
                                    ~count_stop() { stopped += passed ? 0 : 1; }
                                } end{stopped};
                                co_await covey::testing::wait_all_tasks_blocked();
                                ++passed;
                                end.passed = true;
                            });
                        }
                        inner.start_soon([steps = all.random.roll(6)]() -> covey::task<> {
                            for (std::uint64_t n = 0; n < steps; ++n) co_await covey::checkpoint();
                        });
                    });
                });
            static_cast<void>(result);
            co_await busy.over().wait();
        });
        all.found.expect(passed + stopped == 2, "each ended once");
    });
}

TEST_CASE("children that end against cancel of the block that joins them, nursery_mt (K17, N10)") {
    race(2000, [](crew& all) -> covey::task<> {
        constexpr int children = 4;
        std::optional<covey::scope_handle> scope;
        std::atomic<int> finished = 0, ended = 0;
        countdown busy(2);
        int value = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.emplace(own.handle());
                    for (int i = 0; i < 2; ++i) {
                        all.somewhere(nursery, [&] {
                            scope->cancel();
                            busy.one_less();
                        });
                    }
                    value = co_await covey::with_nursery([&](covey::nursery& inner) {
                        for (int i = 0; i < children; ++i) {
                            inner.start_soon([&, steps = all.random.roll(4)]() -> covey::task<> {
                                struct count_end {
                                    std::atomic<int>& ended;
                                    ~count_end() { ++ended; }
                                } const end{ended};
                                for (std::uint64_t n = 0; n < steps; ++n)
                                    co_await covey::checkpoint();
                                ++finished;
                            });
                        }
                        return 7;
                    });
                    all.found.expect(ended == children, "the block ends after its children");
                });
            all.found.expect(result.finished() == (value == 7), "a value comes, or a stop");
            all.found.expect(result.finished() == (finished == children),
                             "it stops exactly if one of them did");
            co_await busy.over().wait();
        });
        all.found.expect(ended == children, "each child ended");
    });
}

TEST_CASE("blocking calls against cancel: places and results add up, to_thread_mt (T2, T3, T4)") {
    race(60, [](crew& all) -> covey::task<> {
        constexpr int calls = 45;  // more than there are places
        std::atomic<int> called = 0, got = 0, ended = 0;
        std::optional<covey::scope_handle> scope;
        countdown busy(1);
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto result =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                    scope.emplace(own.handle());
                    all.somewhere(nursery, [&] {
                        scope->cancel();
                        busy.one_less();
                    });
                    co_await covey::with_nursery([&](covey::nursery& inner) {
                        for (int i = 0; i < calls; ++i) {
                            inner.start_soon([&]() -> covey::task<> {
                                struct count_end {
                                    std::atomic<int>& ended;
                                    ~count_end() { ++ended; }
                                } const end{ended};
                                const int one = co_await covey::to_thread([&called] {
                                    ++called;
                                    return 1;
                                });
                                got += one;
                            });
                        }
                    });
                });
            static_cast<void>(result);
            co_await busy.over().wait();
        });
        all.found.expect(ended == calls, "each task ended");
        all.found.expect(got == called, "what was called is delivered");
        // Every place is there again: forty calls meet.
        std::atomic<int> met = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 40; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    co_await covey::to_thread([&met] {
                        ++met;
                        while (met != 40) std::this_thread::yield();
                    });
                });
            }
        });
    });
}

TEST_CASE(
    "abandoned calls against their end: a result or none, never a trace, to_thread_mt (T3, TH09)") {
    struct shared {
        std::atomic<int> called = 0, alive = 0;
    };
    struct result {
        explicit result(std::shared_ptr<shared> with) : all(std::move(with)) { ++all->alive; }
        result(result&& other) noexcept : all(other.all) { ++all->alive; }
        ~result() { --all->alive; }
        std::shared_ptr<shared> all;
    };
    const auto seen = std::make_shared<shared>();
    int got = 0, left = 0;
    const std::size_t count = support::rounds(1000);
    covey::run({.workers = 2}, [&]() -> covey::task<> {
        foreign_thread canceller;
        dice random(1);
        for (std::size_t i = 0; i < count; ++i) {
            covey::event cancelled;
            const auto outcome =
                co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                    canceller.post(
                        [&cancelled, handle = scope.handle(), mine = fresh(random)]() mutable {
                            support::dawdle(mine);
                            handle.cancel();
                            cancelled.set();
                        });
                    const result value = co_await covey::to_thread(
                        {.abandon_on_cancel = true},
                        [mine = fresh(random)](std::shared_ptr<shared> all) mutable {
                            ++all->called;
                            support::dawdle(mine);
                            return result(std::move(all));
                        },
                        seen);
                    ++got;
                });
            if (!outcome.finished()) ++left;
            co_await cancelled.wait();
        }
    });
    while (covey::testing::leaks().threads != 0) std::this_thread::yield();
    CHECK(support::left_behind() == "");
    CHECK(got + left == static_cast<int>(count));
    CHECK(seen->called >= got);
    CHECK(seen->alive == 0);
    CHECK(seen.use_count() == 1);
}
