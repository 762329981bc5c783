// SPDX-License-Identifier: BSL-1.0
// Actors and supervisors when an allocation fails or a call throws, at each moment in turn.
#include "support/catch.hpp"

#include <covey/actors.hpp>
#include <covey/exception_group.hpp>
#include <covey/explore.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using covey::nursery;
using covey::task;
using covey::testing::explore_result;

namespace {

struct add {
    std::string name;
};
struct count {};
struct crash {};

class register_of_names : public covey::actor {
 public:
    task<> on_start() override { co_await covey::checkpoint(); }
    task<> on_stop(covey::exit_reason) override { co_await covey::checkpoint(); }
    covey::verdict on_error(const std::exception_ptr&) override { return covey::verdict::restart; }

    task<> handle(add order) {
        co_await covey::checkpoint();
        names_ += order.name;
    }
    std::size_t handle(count) const { return names_.size(); }
    void handle(crash) { throw std::runtime_error("crash"); }

 private:
    std::string names_;
};

// Whatever the mailbox has taken ended in one way.
void expect_accounts(const covey::actor_statistics& books) {
    if (books.accepted != books.handled + books.returned + books.dead_letters)
        throw std::logic_error("a message is not accounted for");
    if (books.in_progress != 0) throw std::logic_error("a handler is still at work");
}

task<> use(covey::actor_ref<register_of_names> to) {
    try {
        co_await to.tell(add{"a name that is too long for a small string"});
        co_await to.tell(crash{});
        co_await to.ask(count{});
    } catch (const covey::actor_stopped_error&) {
    } catch (const covey::callee_failed_error&) {
    }
}

task<> in_a_nursery() {
    covey::actor_ref<register_of_names> ref;
    const auto outcome = co_await covey::attempt([&]() -> task<> {
        co_await covey::with_nursery([&](nursery& home) -> task<> {
            ref = co_await covey::start_actor<register_of_names>(home, {.name = "names"});
            co_await ref.tell(add{"another name that is too long for a small string"});
            co_await ref.ask(count{});
            ref.stop();
        });
    });
    if (ref) expect_accounts(ref.statistics());
    outcome.value();
}

covey::verdict restart_all(const covey::child_info&, const std::exception_ptr&) {
    return covey::verdict::restart;
}

task<> in_a_supervisor() {
    covey::actor_ref<register_of_names> ref;
    const auto outcome = co_await covey::attempt([&]() -> task<> {
        co_await covey::with_supervisor(
            {.name = "keeper", .decide = restart_all}, [&](covey::supervisor& keeper) -> task<> {
                ref = co_await covey::start_actor<register_of_names>(keeper, {.name = "names"});
                co_await covey::with_nursery([&](nursery& users) {
                    users.start_soon(use, ref);
                    users.start_soon(use, ref);
                });
                ref.stop();
                co_await ref.watch();
            });
    });
    if (ref) expect_accounts(ref.statistics());
    outcome.value();
}

void check(const explore_result& found) {
    INFO(found);
    CHECK(found);
    CHECK(found.is_complete);
    CHECK(found.schedules > 5);
}

}  // namespace

TEST_CASE("actor: whatever call throws, every message is accounted for and everybody ends (SV26)") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        check(covey::testing::sweep_callbacks({.seed = seed}, in_a_nursery));
        check(covey::testing::sweep_callbacks({.seed = seed}, in_a_supervisor));
    }
}

#if !COVEY_UNDER_TSAN

TEST_CASE("actor: whatever allocation fails, every message is accounted for and everybody ends") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        check(covey::testing::sweep_allocations({.seed = seed}, in_a_nursery));
        check(covey::testing::sweep_allocations({.seed = seed}, in_a_supervisor));
    }
}

#endif
