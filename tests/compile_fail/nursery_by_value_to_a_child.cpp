// SPDX-License-Identifier: BSL-1.0
// A nursery is passed to a child by std::ref or as a handle.
// expect: pass std::ref\(nursery\) to a child that ends inside the block, or nursery.handle\(\)
#include <covey/nursery.hpp>

#include <functional>

covey::task<> worker(covey::nursery&) { co_return; }

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, nursery);
#else
    nursery.start_soon(worker, std::ref(nursery));
#endif
}
