// SPDX-License-Identifier: BSL-1.0
// Awaitables of other libraries don't know how a covey task waits.
// expect: only covey's own awaitables can be co_awaited in a covey task
#include <covey/task.hpp>

#include <coroutine>

covey::task<> nothing() { co_return; }

covey::task<> wait() {
#ifndef COVEY_CONTROL
    co_await std::suspend_always();
#else
    co_await nothing();
#endif
}
