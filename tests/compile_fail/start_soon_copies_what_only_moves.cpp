// SPDX-License-Identifier: BSL-1.0
// What can't be copied is moved into the child.
// expect: an argument of a child can't be copied or moved into it: std::move it
#include <covey/nursery.hpp>

#include <memory>
#include <utility>

covey::task<> worker(std::unique_ptr<int>) { co_return; }

void start(covey::nursery& nursery, std::unique_ptr<int> number) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, number);
#else
    nursery.start_soon(worker, std::move(number));
#endif
}
