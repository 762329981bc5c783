// SPDX-License-Identifier: BSL-1.0
// Completing against cancelling, from ordinary threads.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/from_callback.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>

namespace {

using covey::completion;
using support::dice;

using value = std::unique_ptr<int>;

enum class ending { completes, breaks, completes_twice };

// One task that waits, one thread that completes, one that cancels.
struct callback_round {
    std::optional<completion<value>> done;
    std::optional<covey::scope_handle> scope;
    std::atomic<int> busy = 2;
    std::atomic<bool> cancel_returned = false, accepted = false;
    bool cancelled_before_completing = false, hook_called = false, kept_its_value = false;
    std::atomic<int> completions = 0;

    void complete(dice random, ending how) {
        completion<value> mine = std::move(*done);
        support::dawdle(random);
        cancelled_before_completing = cancel_returned.load();
        if (how != ending::breaks) {
            value given = std::make_unique<int>(7);
            accepted = mine.set_value(std::move(given));
            kept_its_value = given != nullptr;
        }
        if (how == ending::completes_twice && accepted) {
            try {
                mine.set_value(nullptr);
            } catch (const std::logic_error&) {
                ++completions;
            }
        }
    }
    void leave() { --busy; }
};

covey::task<> race_once(dice random, ending how, bool hurries, support::foreign_thread& first,
                        support::foreign_thread& second, support::faults& faults) {
    callback_round round;
    const auto odd = [&random] { return dice(random.roll(~std::uint64_t{0})); };
    bool received = false, broken = false;
    co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
        round.scope.emplace(scope.handle());
        const auto cancel = [&round, dice = odd()]() mutable {
            support::dawdle(dice);
            round.scope->cancel("race");
            round.cancel_returned = true;
            round.leave();
        };
        if (hurries) second.post(cancel);
        const auto result =
            co_await covey::attempt(covey::from_callback<value>([&](completion<value> given) {
                given.on_cancel([&round] { round.hook_called = true; });
                round.done.emplace(std::move(given));
                first.post([&round, how, dice = odd()] {
                    round.complete(dice, how);
                    round.leave();
                });
                if (!hurries) second.post(cancel);
            }));
        received = result.has_value() && *result.value() == 7;
        broken = !result.has_value();
    });
    if (!round.done) --round.busy;  // it was cancelled before it began
    while (round.busy != 0) co_await covey::checkpoint();
    const bool begun = round.done.has_value();
    faults.expect(received == round.accepted, "what was accepted is received, and only that");
    faults.expect(round.accepted != round.kept_its_value || how == ending::breaks || !begun,
                  "a refused value stays with its sender");
    faults.expect(!(round.cancelled_before_completing && (received || broken)),
                  "nothing reaches a task after cancel() has returned");
    faults.expect(round.hook_called == (begun && !received && !broken),
                  "the hook is called iff the task goes without a result");
    faults.expect(!broken || how == ending::breaks, "only a dropped completion breaks");
    faults.expect(how != ending::completes_twice || round.completions == (received ? 1 : 0),
                  "a second completion is refused");
}

void race_many(ending how, bool hurries) {
    support::foreign_thread first, second;
    support::faults faults;
    for (const unsigned workers : {1U, 2U}) {
        support::run_mt(workers, 17, [&]() -> covey::task<> {
            dice random(17 + workers);
            for (std::size_t i = 0; i < support::rounds(4000); ++i) {
                const dice mine(random.roll(~std::uint64_t{0}));
                co_await race_once(mine, how, hurries, first, second, faults);
            }
        });
    }
    CHECK(faults.text() == "");
}

}  // namespace

TEST_CASE("completing a callback against cancel, from threads_mt (C1, K17)") {
    race_many(ending::completes, false);
}

TEST_CASE("completing a callback against a cancel that may come before it begins_mt (C1, K17)") {
    race_many(ending::completes, true);
}

TEST_CASE("dropping a completion against cancel, from threads_mt (C1)") {
    race_many(ending::breaks, false);
}

TEST_CASE("completing twice against cancel, from threads_mt (C1, K17)") {
    race_many(ending::completes_twice, false);
}

TEST_CASE("of two threads that complete the same callback, one does_mt") {
    support::foreign_thread first, second;
    std::size_t refused = 0, wrong = 0;
    support::run_mt(2, 3, [&]() -> covey::task<> {
        for (std::size_t i = 0; i < support::rounds(4000); ++i) {
            std::atomic<int> busy = 2, failed = 0;
            const auto complete = [&](completion<int> done, int number) {
                try {
                    if (!done.set_value(number)) ++wrong;
                } catch (const std::logic_error&) {
                    ++failed;
                }
                --busy;
            };
            const int seen = co_await covey::from_callback<int>([&](completion<int> done) {
                first.post([=] { complete(done, 1); });
                second.post([=] { complete(done, 2); });
            });
            while (busy != 0) co_await covey::checkpoint();
            refused += static_cast<std::size_t>(failed.load());
            if (seen != 1 && seen != 2) ++wrong;
        }
    });
    CHECK(wrong == 0);
    CHECK(refused == support::rounds(4000));
}
