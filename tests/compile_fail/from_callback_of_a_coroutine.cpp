// SPDX-License-Identifier: BSL-1.0
// The start function only begins an operation: a coroutine would never run.
// expect: the start function of from_callback is a plain one
#include <covey/from_callback.hpp>

#ifndef COVEY_CONTROL
covey::task<> start(covey::completion<int> done) {
    done.set_value(1);
    co_return;
}
#else
void start(covey::completion<int> done) { done.set_value(1); }
#endif

covey::task<int> wait_for_it() {
    const int value = co_await covey::from_callback<int>(start);
    co_return value;
}
