// SPDX-License-Identifier: BSL-1.0
// main is a coroutine function. (N3, RN01)
// expect: main is a coroutine function that returns covey::task<T>
#include <covey/run.hpp>

int plain() { return 1; }
covey::task<int> coroutine() { co_return 1; }

int use() {
#ifndef COVEY_CONTROL
    return covey::run(plain);
#else
    return covey::run(coroutine);
#endif
}
