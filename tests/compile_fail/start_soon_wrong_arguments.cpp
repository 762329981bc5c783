// SPDX-License-Identifier: BSL-1.0
// The arguments of a child have to fit its function. (N3, RN80)
// expect: the function of a child can't be called with these arguments
#include <covey/nursery.hpp>

covey::task<> worker(int, const char*) { co_return; }

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, 1);
#else
    nursery.start_soon(worker, 1, "one");
#endif
}
