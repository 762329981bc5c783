// SPDX-License-Identifier: BSL-1.0
//
// What happened: the first sweep over allocations found three places at which a supervisor without
// memory stopped the program, or never ended.
//
//  1. The log of events was made in a noexcept constructor, though a std::deque allocates when it
//  is
//     made: std::terminate.
//  2. The manager took the news of its children into a vector and acted upon them one by one. When
//     one step threw, the news of the others were gone: a child that had just been started, or had
//     ended, was never heard of again, and whoever waited for it waited for ever. The same when
//     there was no memory for the frame of the manager itself.
//  3. An incarnation for whose task there was no memory was reported as ended twice: by what stands
//     for it, and by who had tried to start it. The count of living children went below zero, so
//     the supervisor never closed.
#include "support/catch.hpp"

#include <covey/actors.hpp>
#include <covey/explore.hpp>
#include <covey/lowlevel/sanitizers.hpp>

#include <cstdint>
#include <functional>
#include <stdexcept>

#if !COVEY_UNDER_TSAN

namespace {

using covey::task;
using namespace std::chrono_literals;

task<> serve() { co_await covey::sleep_forever(); }

task<> fail_once(int& failures) {
    co_await covey::sleep_for(1s);
    if (failures++ == 0) throw std::runtime_error("once");
    co_await covey::sleep_for(1s);
}

// Starts, restarts, stops and closes.
task<> supervise(covey::strategy strategy) {
    int failures = 0;
    co_await covey::with_supervisor(
        {.strategy = strategy, .name = "keeper"}, [&](covey::supervisor& keeper) -> task<> {
            const auto served = co_await keeper.start({.name = "service"}, serve);
            co_await keeper.start({.restart = covey::restart::transient}, fail_once,
                                  std::ref(failures));
            co_await covey::sleep_for(5s);
            co_await keeper.stop(served);
        });
}

}  // namespace

TEST_CASE("supervisor: without memory it ends, and every child with it (SV10)") {
    for (const auto strategy : {covey::strategy::one_for_one, covey::strategy::one_for_all}) {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            const auto found = covey::testing::sweep_allocations(
                {.seed = seed}, [strategy] { return supervise(strategy); });
            INFO(found);
            CHECK(found);
            CHECK(found.is_complete);
        }
    }
}

#endif
