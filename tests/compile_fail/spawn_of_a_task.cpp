// SPDX-License-Identifier: BSL-1.0
// spawn, start_service and the handles say the same as start_soon. (N3, RN80)
// expect: not start_soon\(worker\(1\)\)
#include <covey/nursery.hpp>

covey::task<int> worker(int number) { co_return number; }

void start(const covey::nursery_handle& nursery) {
#ifndef COVEY_CONTROL
    static_cast<void>(nursery.spawn(worker(1)));
#else
    static_cast<void>(nursery.spawn(worker, 1));
#endif
}
