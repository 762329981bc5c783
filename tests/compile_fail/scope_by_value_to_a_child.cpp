// SPDX-License-Identifier: BSL-1.0
// A scope is passed to a child by std::ref or as a handle.
// expect: a nursery or scope can't be passed by value
#include <covey/nursery.hpp>

covey::task<> worker(covey::scope_handle) { co_return; }

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, nursery.scope());
#else
    nursery.start_soon(worker, nursery.scope().handle());
#endif
}
