// SPDX-License-Identifier: BSL-1.0
// start takes a function and its arguments, not a task. (N3, N50)
// expect: the function given to nursery.start\(\) takes a covey::task_status<T> first
#include <covey/nursery.hpp>

covey::task<> starter(covey::task_status<void> status) {
    status.started();
    co_return;
}

covey::task<> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    co_await nursery.start(starter(covey::task_status<void>::ignored()));
#else
    co_await nursery.start(starter);
#endif
}
