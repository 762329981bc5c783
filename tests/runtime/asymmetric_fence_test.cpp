// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/asymmetric_fence.hpp>

#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/lowlevel/thread.hpp>

#include <thread>

using covey::lowlevel::atomic;
using covey::lowlevel::order;

namespace {

void wait_for(const atomic<int>& variable, int value) {
    for (int i = 0; variable.load(order::acquire) != value; ++i) {
        if (i < 200)
            covey::lowlevel::pause();
        else
            std::this_thread::yield();
    }
}

}  // namespace

// Both store, then both look: without a fence on either side both may miss the other.
TEST_CASE("of two who store and then look, one sees the other_mt") {
    if (!covey::lowlevel::has_asymmetric_fences()) {
        WARN("not looked at: this system, or this build, has no such fences");
        return;
    }
    const int rounds = static_cast<int>(support::rounds(100));
    atomic<int> frequent{0}, rare{0}, started{0}, finished{0};
    int missed_by_frequent = 0;  // written between `started` and `finished`
    covey::lowlevel::thread other([&] {
        for (int round = 1; round <= rounds; ++round) {
            wait_for(started, round);
            frequent.store(1, order::relaxed);
            covey::lowlevel::light_fence();
            missed_by_frequent = rare.load(order::relaxed) == 0 ? 1 : 0;
            finished.store(round, order::release);
        }
    });
    int both_missed = 0;
    for (int round = 1; round <= rounds; ++round) {
        frequent.store(0, order::relaxed);
        rare.store(0, order::relaxed);
        started.store(round, order::release);
        for (int i = round % 64; i > 0; --i) covey::lowlevel::pause();
        rare.store(1, order::relaxed);
        covey::lowlevel::heavy_fence();
        const bool missed = frequent.load(order::relaxed) == 0;
        wait_for(finished, round);
        if (missed && missed_by_frequent == 1) ++both_missed;
    }
    other.join();
    CHECK(both_missed == 0);
}
