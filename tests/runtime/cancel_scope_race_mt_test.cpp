// SPDX-License-Identifier: BSL-1.0
// Cancelling against completing, on several workers and from ordinary threads.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <string>

namespace {

using support::dice;

// One event, some who wait for it under one scope, one who sets it, some who cancel.
struct event_round {
    static constexpr std::size_t waiters = 3;

    covey::event target, others_are_done;
    std::optional<covey::scope_handle> scope;
    std::atomic<std::size_t> completed = 0, busy = 0;
    std::atomic<bool> cancel_returned = false, set_returned = false;
    // Whether the cancel was over when the set began, and the other way round.
    bool set_came_second = false;
    std::atomic<bool> cancel_came_second = true;
    std::size_t waiting_when_set = 0;

    void set(dice random) {
        support::dawdle(random);
        set_came_second = cancel_returned.load();
        waiting_when_set = target.statistics().tasks_waiting;
        target.set();
        set_returned = true;
        leave();
    }
    void cancel(dice random) {
        support::dawdle(random);
        if (!set_returned.load()) cancel_came_second = false;
        scope->cancel("race");
        cancel_returned = true;
        leave();
    }
    void leave() {
        if (busy.fetch_sub(1) == 1) others_are_done.set();
    }
    // "" or what is wrong.
    [[nodiscard]] std::string fault(bool finished) const {
        if (set_came_second && completed != 0) return "set() after cancel() reached a waiter";
        if (cancel_came_second && waiting_when_set == waiters && completed != waiters)
            return "cancel() after set() took a wait back";
        if (finished && completed != waiters) return "the body finished without its children";
        if (target.statistics().tasks_waiting != 0) return "somebody still waits";
        return "";
    }
};

covey::task<> wait_for_event(event_round& round) {
    co_await round.target.wait();
    ++round.completed;
}

enum class cancellers { tasks, threads, both };

covey::task<std::string> race_with_event(dice random, cancellers who,
                                         support::foreign_thread& first,
                                         support::foreign_thread& second) {
    event_round round;
    bool finished = false;
    const auto odd = [&random] { return dice(random.roll(~std::uint64_t{0})); };
    co_await covey::with_nursery([&](covey::nursery& outside) -> covey::task<> {
        finished =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                round.scope.emplace(scope.handle());
                round.busy = who == cancellers::both ? 4 : 3;
                const auto set = [&round, dice = odd()] { round.set(dice); };
                const auto cancel = [&round, dice = odd()] { round.cancel(dice); };
                const auto cancel_too = [&round, dice = odd()] { round.cancel(dice); };
                if (who == cancellers::tasks) {
                    outside.start_soon(set);
                    outside.start_soon(cancel);
                    outside.start_soon(cancel_too);
                } else {
                    if (random.roll(2) == 0)
                        outside.start_soon(set);
                    else
                        second.post(set);
                    first.post(cancel);
                    second.post(cancel_too);
                    if (who == cancellers::both)
                        outside.start_soon([&round, dice = odd()] { round.cancel(dice); });
                }
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    for (std::size_t i = 0; i < event_round::waiters; ++i)
                        nursery.start_soon(wait_for_event, std::ref(round));
                });
            });
        co_await round.others_are_done.wait();
    });
    co_return round.fault(finished);
}

void race_many_events(cancellers who, std::size_t count) {
    support::foreign_thread first, second;
    std::map<std::string, std::size_t> faults;
    for (const unsigned workers : {2U, 3U}) {
        support::run_mt(workers, count, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t round = 0; round < count; ++round) {
                const dice mine(random.roll(~std::uint64_t{0}));
                const std::string fault = co_await race_with_event(mine, who, first, second);
                if (!fault.empty()) ++faults[fault];
            }
        });
    }
    CHECK(faults == std::map<std::string, std::size_t>());
}

}  // namespace

TEST_CASE("event set against cancel from tasks of other workers, event_mt (C1, C3, K17)") {
    race_many_events(cancellers::tasks, support::rounds(8000));
}

TEST_CASE("event set against cancel from foreign threads, event_mt (C1, C3, K17)") {
    race_many_events(cancellers::threads, support::rounds(8000));
}

TEST_CASE("event set against cancels from everywhere at once, event_mt (C1, C3, K17)") {
    race_many_events(cancellers::both, support::rounds(8000));
}
