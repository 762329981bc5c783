// SPDX-License-Identifier: BSL-1.0
// The start function takes the completion of the type that is waited for.
// expect: from_callback<T>\(start\) calls start\(covey::completion<T>\)
#include <covey/from_callback.hpp>

#ifndef COVEY_CONTROL
void start(covey::completion<char*> done) { done.set_value(nullptr); }
#else
void start(covey::completion<int> done) { done.set_value(1); }
#endif

covey::task<int> wait_for_it() {
    const int value = co_await covey::from_callback<int>(start);
    co_return value;
}
