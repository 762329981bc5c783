// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/census.hpp>

#include "support/catch.hpp"

#include <covey/lowlevel/thread.hpp>

using covey::lowlevel::census;
using covey::lowlevel::count;
using covey::lowlevel::counted;

TEST_CASE("the census sums what threads have counted, also those that have ended") {
    const auto before = census(counted::handles);
    count(counted::handles, +2);
    covey::lowlevel::thread([] { count(counted::handles, +3); }).join();
    CHECK(census(counted::handles) == before + 5);
    // Made on one thread, gone on another: only the sum means anything.
    covey::lowlevel::thread([] { count(counted::handles, -5); }).join();
    CHECK(census(counted::handles) == before);
}

TEST_CASE("each kind is counted for itself") {
    const auto timers = census(counted::timers);
    const auto frames = census(counted::frames);
    count(counted::timers, +1);
    CHECK(census(counted::timers) == timers + 1);
    CHECK(census(counted::frames) == frames);
    count(counted::timers, -1);
}
