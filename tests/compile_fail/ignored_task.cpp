// SPDX-License-Identifier: BSL-1.0
// A call of a coroutine function that is not awaited does nothing: the compiler warns.
// expect: a task does nothing until it is awaited
#include <covey/task.hpp>

covey::task<> work() { co_return; }

covey::task<> use() {
#ifndef COVEY_CONTROL
#pragma GCC diagnostic error "-Wunused-result"
    work();
    co_return;
#else
    co_await work();
#endif
}
