// SPDX-License-Identifier: BSL-1.0
// A thread runs plain functions; a coroutine is awaited where it is. (T6)
// expect: to_thread runs a plain function; a coroutine is awaited or started in a nursery
#include <covey/to_thread.hpp>

covey::task<int> coroutine() { co_return 1; }
int plain() { return 1; }

covey::task<int> use() {
#ifndef COVEY_CONTROL
    co_await covey::to_thread(coroutine);
    co_return 1;
#else
    co_return co_await covey::to_thread(plain);
#endif
}
