// SPDX-License-Identifier: BSL-1.0
// Arguments are copied into the child: a reference is passed with std::ref.
// expect: they are passed as rvalues of their decayed types
#include <covey/nursery.hpp>

#include <functional>

covey::task<> worker(int&) { co_return; }

void start(covey::nursery& nursery, int& number) {
#ifndef COVEY_CONTROL
    nursery.start_soon(worker, number);
#else
    nursery.start_soon(worker, std::ref(number));
#endif
}
