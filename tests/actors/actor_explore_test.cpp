// SPDX-License-Identifier: BSL-1.0
// Actors and supervisors in many orders, and cancelled at each of their awaits.
#include "support/catch.hpp"

#include <covey/actors.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/explore.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::nursery;
using covey::task;
using covey::testing::exploration;
using covey::testing::explore;
using covey::testing::explore_result;
using covey::testing::sweep_cancellation;

namespace {

void expect(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

struct add {
    int amount;
};
struct total {};
struct crash {};

class counter : public covey::actor {
 public:
    task<> handle(add order) {
        const int before = total_;
        co_await covey::checkpoint();
        total_ = before + order.amount;
    }
    int handle(total) const { return total_; }
    void handle(crash) { throw std::runtime_error("crash"); }

 private:
    int total_ = 0;
};

// Whatever the mailbox has taken ended in one way.
void expect_accounts(const covey::actor_statistics& books) {
    expect(books.accepted == books.handled + books.returned + books.dead_letters,
           "a message is not accounted for");
    expect(books.in_progress == 0, "a handler is still at work");
}

task<> add_and_look(covey::actor_ref<counter> to, int amount) {
    co_await to.tell(add{amount});
    const int now = co_await to.ask(total{});
    expect(now >= amount, "what was told first is handled first");
}

task<> two_askers() {
    covey::actor_ref<counter> ref;
    co_await covey::with_nursery([&](nursery& home) -> task<> {
        ref = co_await covey::start_actor<counter>(home, {.name = "counter", .mailbox = 1});
        co_await covey::with_nursery([&](nursery& askers) {
            askers.start_soon(add_and_look, ref, 1);
            askers.start_soon(add_and_look, ref, 2);
        });
        const int sum = co_await ref.ask(total{});
        expect(sum == 3, "an addition was lost");
        ref.stop();
    });
    expect_accounts(ref.statistics());
}

task<> tell_some(covey::actor_ref<counter> to) {
    try {
        co_await to.tell(add{1});
        co_await to.tell(crash{});
        co_await to.tell(add{1});
        co_await to.ask(total{});
    } catch (const covey::actor_stopped_error&) {
    } catch (const covey::callee_failed_error&) {
    }
}

task<> crashes_and_restarts() {
    covey::actor_ref<counter> ref;
    co_await covey::with_supervisor({.name = "keeper"}, [&](covey::supervisor& keeper) -> task<> {
        ref = co_await covey::start_actor<counter>(keeper, {.name = "counter"});
        co_await covey::with_nursery([&](nursery& senders) {
            senders.start_soon(tell_some, ref);
            senders.start_soon(tell_some, ref);
        });
        ref.stop();
        co_await ref.watch();
    });
    expect_accounts(ref.statistics());
}

// A crash that comes when there is no restart any more is the supervisor's to report.
task<> crashes_and_is_cut_off() {
    try {
        co_await crashes_and_restarts();
    } catch (const covey::exception_group&) {
    }
}

std::vector<covey::testing::explore_options> many_orders(std::size_t schedules) {
    return {{.schedules = schedules},
            {.schedules = schedules, .how = exploration::pct},
            {.schedules = schedules, .how = exploration::exhaustive}};
}

}  // namespace

TEST_CASE("actor: in many orders everybody gets an answer, and nothing is lost (SV21)") {
    for (const auto& options : many_orders(1000)) {
        const explore_result found = explore(options, two_askers);
        INFO(found);
        CHECK(found);
    }
}

TEST_CASE("actor: in many orders a restart accounts for each message (SV26)") {
    for (const auto& options : many_orders(1000)) {
        const explore_result found = explore(options, crashes_and_restarts);
        INFO(found);
        CHECK(found);
    }
}

TEST_CASE("actor: cancelled at each of its awaits a program ends, and leaves nothing") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const explore_result askers = sweep_cancellation({.seed = seed}, two_askers);
        INFO("seed " << seed << ": " << askers);
        CHECK(askers);
        CHECK(askers.is_complete);
        const explore_result crashes = sweep_cancellation({.seed = seed}, crashes_and_is_cut_off);
        INFO(crashes);
        CHECK(crashes);
        CHECK(crashes.is_complete);
    }
}

namespace {

struct wait_for_event {};

class waiter : public covey::actor {
 public:
    explicit waiter(covey::event& opened) : opened_(opened) {}
    task<> handle(wait_for_event) { co_await opened_.wait(); }

 private:
    covey::event& opened_;
};

}  // namespace

TEST_CASE("actor: a deadlock says whose mailbox is full") {
    const explore_result found = explore([]() -> task<> {
        covey::event never_set;
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            const auto ref = co_await covey::start_actor<waiter>(
                home, {.name = "waiter", .mailbox = 1}, std::ref(never_set));
            co_await ref.tell(wait_for_event());
            co_await ref.tell(wait_for_event());
            co_await ref.tell(wait_for_event());
        });
    });
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("'main' waits for room in the mailbox of 'waiter'") != std::string::npos);
}

TEST_CASE("actor: a deadlock says whose answer is waited for") {
    const explore_result found = explore([]() -> task<> {
        covey::event never_set;
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            const auto ref =
                co_await covey::start_actor<waiter>(home, {.name = "waiter"}, std::ref(never_set));
            co_await ref.ask(wait_for_event());
        });
    });
    REQUIRE_FALSE(found);
    INFO(found);
    CHECK(found.what.find("'main' waits for the answer of 'waiter'") != std::string::npos);
}
