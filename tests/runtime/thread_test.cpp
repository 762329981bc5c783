// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/thread.hpp>

#include "support/catch.hpp"

using namespace covey::lowlevel;

TEST_CASE("a condition wakes who waits for what a mutex guards, seam_mt") {
    mutex lock;
    condition changed;
    int turn = 0;  // guarded by lock
    const auto take_turns = [&](int mine) {
        for (int round = 0; round < 1000; ++round) {
            mutex_lock held(lock);
            changed.wait(held, [&] { return turn % 2 == mine; });
            ++turn;
            changed.notify_one();
        }
    };
    thread other(take_turns, 1);
    take_turns(0);
    other.join();
    CHECK(turn == 2000);
}

TEST_CASE("a guard may take over a lock that is held") {
    mutex lock;
    lock.lock();
    {
        const mutex_guard held(lock, already_locked);
    }
    CHECK(lock.try_lock());
    lock.unlock();
}
