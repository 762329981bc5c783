// SPDX-License-Identifier: BSL-1.0
// A child is started from a function and its arguments, not from a task. (N3, RN80)
// expect: write start_soon\(worker, 1\), not start_soon\(worker\(1\)\)
#include <covey/nursery.hpp>

covey::task<> worker(int) { co_return; }

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker(1));
#else
    nursery.start_soon(worker, 1);
#endif
}
