// SPDX-License-Identifier: BSL-1.0
// What is no awaitable at all is said to be none.
// expect: only covey's own awaitables can be co_awaited in a covey task
#include <covey/task.hpp>

covey::task<> wait() {
#ifndef COVEY_CONTROL
    co_await 1;
#else
    co_return;
#endif
}
