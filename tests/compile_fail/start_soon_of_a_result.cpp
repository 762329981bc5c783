// SPDX-License-Identifier: BSL-1.0
// A child whose result nobody could get is spawned instead. (N3)
// expect: the child's result would be lost: use spawn
#include <covey/nursery.hpp>

covey::task<int> worker(int number) { co_return number; }

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, 1);
#else
    static_cast<void>(nursery.spawn(worker, 1));
#endif
}
