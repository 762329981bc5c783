// SPDX-License-Identifier: BSL-1.0
// A task is awaited once, as an rvalue.
// expect: a task is awaited once, as an rvalue: co_await std::move\(task\)
#include <covey/task.hpp>

#include <utility>

covey::task<int> number() { co_return 1; }

covey::task<int> twice() {
    auto task = number();
#ifndef COVEY_CONTROL
    co_return co_await task;
#else
    co_return co_await std::move(task);
#endif
}
