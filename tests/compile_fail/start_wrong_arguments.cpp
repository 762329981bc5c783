// SPDX-License-Identifier: BSL-1.0
// The arguments of start have to fit what follows the status. (N50)
// expect: nursery.start\(fn, args...\) calls fn\(task_status<T>, args...\)
#include <covey/nursery.hpp>

covey::task<> starter(covey::task_status<void> status, int) {
    status.started();
    co_return;
}

covey::task<> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    co_await nursery.start(starter);
#else
    co_await nursery.start(starter, 1);
#endif
}
