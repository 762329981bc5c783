// SPDX-License-Identifier: BSL-1.0
// What workers do at once in one tree: starting and ending children, entering and leaving scopes,
// against cancellations of everything from tasks and ordinary threads.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/inspect.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using support::dice;

struct counts {
    std::atomic<std::size_t> accepted = 0, refused = 0, ran = 0, woken = 0;
};

dice next_dice(dice& random) { return dice(random.roll(~std::uint64_t{0})); }

// Waits for something that never happens: only a cancellation ends it.
covey::task<> wait_for_ever(counts& seen, covey::event& never_set) {
    ++seen.ran;
    co_await never_set.wait();
    ++seen.woken;
}

// The same from inside of scopes of its own.
covey::task<> wait_deeper(counts& seen, covey::event& never_set) {
    co_await covey::with_cancel_scope([&]() -> covey::task<> {
        co_await covey::move_on_after(1h, [&] { return wait_for_ever(seen, never_set); });
    });
}

// Some children of each kind, until the nursery is over.
covey::task<> start_some(covey::nursery_handle into, counts& seen, covey::event& never_set,
                         dice random) {
    for (int i = 0; i < 12; ++i) {
        try {
            switch (random.roll(3)) {
                case 0: into.start_soon(wait_for_ever, std::ref(seen), std::ref(never_set)); break;
                case 1: into.start_soon(wait_deeper, std::ref(seen), std::ref(never_set)); break;
                default:
                    static_cast<void>(into.spawn(wait_deeper, std::ref(seen), std::ref(never_set)));
            }
            ++seen.accepted;
        } catch (const covey::closed_nursery_error&) {
            ++seen.refused;
        }
        support::dawdle(random);
        if (random.roll(3) == 0) co_await covey::checkpoint();
    }
}

// A nursery that tasks of all workers fill while it is cancelled, by one of them or from outside.
covey::task<std::string> fill_and_cancel(dice random, support::foreign_thread& outside) {
    constexpr std::size_t starters = 3;
    support::faults faults;
    counts seen;
    covey::event never_set, cancelled;
    co_await covey::with_nursery([&](covey::nursery& workers) -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            for (std::size_t i = 0; i < starters; ++i)
                workers.start_soon(start_some, target.handle(), std::ref(seen), std::ref(never_set),
                                   next_dice(random));
            const auto cancel = [handle = target.handle(), &cancelled,
                                 dice = next_dice(random)]() mutable {
                support::dawdle(dice);
                handle.cancel("enough");
                cancelled.set();
            };
            if (random.roll(2) == 0)
                outside.post(cancel);
            else
                workers.start_soon(cancel);
            co_await never_set.wait();
        });
        co_await cancelled.wait();
    });
    faults.expect(seen.accepted + seen.refused == 12 * starters, "each child is taken or refused");
    faults.expect(seen.woken == 0, "what never happened wakes nobody");
    faults.expect(seen.ran == seen.accepted, "each child that was taken has run");
    co_return faults.text();
}

// Scopes of many tasks come and go below one that is cancelled from outside.
covey::task<> come_and_go(std::atomic<std::size_t>& stopped, dice random) {
    struct counter {
        std::atomic<std::size_t>& stopped;
        ~counter() { ++stopped; }
    } const counted{stopped};
    for (;;) {
        co_await covey::with_cancel_scope([&]() -> covey::task<> {
            co_await covey::move_on_after(1h, [&]() -> covey::task<> {
                support::dawdle(random);
                if (random.roll(4) == 0) co_await covey::checkpoint();
            });
        });
        co_await covey::checkpoint();
    }
}

covey::task<std::string> cancel_who_comes_and_goes(dice random, support::foreign_thread& outside) {
    constexpr std::size_t tasks = 4;
    support::faults faults;
    std::atomic<std::size_t> stopped = 0;
    const bool finished =
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            outside.post([handle = scope.handle(), dice = next_dice(random)]() mutable {
                support::dawdle(dice);
                handle.cancel("from outside");
            });
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (std::size_t i = 0; i < tasks; ++i)
                    nursery.start_soon(come_and_go, std::ref(stopped), next_dice(random));
            });
        });
    faults.expect(!finished, "who loops for ever ends by cancellation only");
    faults.expect(stopped == tasks, "each task is stopped once");
    co_return faults.text();
}

// Blocks that are joined while their last child ends elsewhere: a lost wake-up would hang.
covey::task<> join_often(std::atomic<std::size_t>& ended, dice random) {
    for (int i = 0; i < 8; ++i) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const std::size_t children = random.roll(4);
            for (std::size_t child = 0; child < children; ++child) {
                nursery.start_soon([&ended, dice = next_dice(random)]() mutable {
                    support::dawdle(dice);
                    ++ended;
                });
            }
            ended += 3 - children;
            support::dawdle(random);
            if (random.roll(2) == 0) co_await covey::checkpoint();
        });
    }
}

// A child whose handle is cancelled by a thread, before its end, after it, or after the run's; in
// scopes of its own or in none.
covey::task<> live_shortly(std::atomic<std::size_t>& returned, dice random) {
    for (std::size_t turns = random.roll(6); turns != 0; --turns) {
        if (random.roll(2) == 0)
            co_await covey::checkpoint();
        else
            co_await covey::with_cancel_scope(
                [&]() -> covey::task<> { co_await covey::move_on_after(1h, covey::checkpoint()); });
    }
    ++returned;
}

void run_rounds(
    std::size_t count,
    const std::function<covey::task<std::string>(dice, support::foreign_thread&)>& play) {
    support::faults faults;
    for (const unsigned workers : {2U, 3U}) {
        support::foreign_thread outside;
        support::run_mt(workers, count, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t round = 0; round < count; ++round) {
                const std::string fault = co_await play(next_dice(random), outside);
                faults.expect(fault.empty(), fault.c_str());
            }
        });
    }
    CHECK(faults.text() == "");
}

}  // namespace

TEST_CASE(
    "children of several workers in a nursery that is cancelled: none is missed_mt (N12, C3)") {
    run_rounds(support::rounds(1500), fill_and_cancel);
}

TEST_CASE("scopes entered and left on several workers below a cancelled one_mt (C1, C3)") {
    run_rounds(support::rounds(1500), cancel_who_comes_and_goes);
}

TEST_CASE("the last child wakes its block, whichever worker it ends on_mt (N4)") {
    run_rounds(support::rounds(400),
               [](dice random, support::foreign_thread&) -> covey::task<std::string> {
                   std::atomic<std::size_t> ended = 0;
                   co_await covey::with_nursery([&](covey::nursery& nursery) {
                       for (int i = 0; i < 4; ++i)
                           nursery.start_soon(join_often, std::ref(ended), next_dice(random));
                   });
                   support::faults faults;
                   faults.expect(ended == 4 * 8 * 3, "the block ends after each of its children");
                   co_return faults.text();
               });
}

TEST_CASE("a child cancelled through its handle while it ends, and the run too_mt (N30, NB18)") {
    using handle = covey::join_handle<void>;
    std::size_t wrong = 0;
    {
        support::foreign_thread first, second;  // may keep a handle when the run is over
        for (std::size_t round = 0; round < support::rounds(1500); ++round) {
            dice random(round);
            std::atomic<std::size_t> returned = 0;
            std::size_t stopped = 0;
            covey::run({.workers = 2}, [&]() -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                    const auto child = std::make_shared<handle>(
                        nursery.spawn(live_shortly, std::ref(returned), next_dice(random)));
                    for (support::foreign_thread* each : {&first, &second}) {
                        each->post([child, dice = next_dice(random)]() mutable {
                            support::dawdle(dice);
                            child->cancel("by its handle");
                        });
                    }
                    support::dawdle(random);
                    try {
                        co_await *child;
                    } catch (const covey::cancelled_error& error) {
                        ++stopped;
                        if (error.cause().reason != "by its handle") ++wrong;
                    }
                });
            });
            if (returned + stopped != 1) ++wrong;
        }
    }
    CHECK(wrong == 0);
    CHECK(support::left_behind() == "");
}

TEST_CASE("time limits that pass while their blocks end_mt (C25)") {
    run_rounds(
        support::rounds(150),
        [](dice random, support::foreign_thread&) -> covey::task<std::string> {
            support::faults faults;
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 4; ++i) {
                    nursery.start_soon([&faults,
                                        dice = next_dice(random)]() mutable -> covey::task<> {
                        for (int limits = 0; limits < 8; ++limits) {
                            bool body_finished = false;
                            const bool finished = co_await covey::move_on_after(
                                std::chrono::microseconds(dice.roll(40)), [&]() -> covey::task<> {
                                    for (int turns = 0; turns < 6; ++turns) {
                                        support::dawdle(dice);
                                        co_await covey::checkpoint();
                                    }
                                    body_finished = true;
                                });
                            faults.expect(finished == body_finished,
                                          "the block knows how it ended");
                            const auto slept = co_await covey::move_on_after(
                                std::chrono::microseconds(dice.roll(40)),
                                covey::move_on_after(1h, covey::sleep_for(std::chrono::microseconds(
                                                             dice.roll(40)))));
                            faults.expect(!slept.finished() || slept->finished(),
                                          "a stop that goes on leaves no result");
                        }
                    });
                }
            });
            co_return faults.text();
        });
}

TEST_CASE("the tree can be looked at while it changes on several workers_mt") {
    run_rounds(support::rounds(100),
               [](dice random, support::foreign_thread& outside) -> covey::task<std::string> {
                   support::faults faults;
                   std::atomic<std::size_t> stopped = 0, ended = 0;
                   co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                       for (int i = 0; i < 3; ++i) {
                           nursery.start_soon({.name = "busy"}, come_and_go, std::ref(stopped),
                                              next_dice(random));
                           nursery.start_soon(join_often, std::ref(ended), next_dice(random));
                       }
                       for (int i = 0; i < 4; ++i) {
                           const std::string tree = covey::dump_task_tree();
                           faults.expect(tree.find("'busy'") != std::string::npos,
                                         "tasks are drawn");
                           faults.expect(covey::current_statistics().tasks_living >= 4,
                                         "tasks are counted");
                           co_await covey::checkpoint();
                       }
                       outside.post([handle = nursery.handle()] { handle.cancel("seen enough"); });
                   });
                   faults.expect(stopped == 3, "each task is stopped once");
                   co_return faults.text();
               });
}

// Whoever stops it looks for its scope while it leaves that, and while its record goes.
TEST_CASE("a service that ends by itself while its nursery stops it") {
    const std::size_t rounds = support::rounds(2000);
    std::atomic<std::size_t> ended{0};
    covey::run({.workers = 3}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& several) {
            for (int i = 0; i < 6; ++i)
                several.start_soon([&]() -> covey::task<> {
                    for (std::size_t round = 0; round < rounds; ++round)
                        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                            for (int each = 0; each < 2; ++each)
                                nursery.start_service(
                                    []() -> covey::task<> { co_await covey::checkpoint(); });
                            co_await covey::checkpoint();
                        });
                    ++ended;
                });
        });
    });
    CHECK(ended.load() == 6);
}
