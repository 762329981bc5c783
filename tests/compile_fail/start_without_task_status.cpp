// SPDX-License-Identifier: BSL-1.0
// A child that is waited for until it has started says so through its first parameter. (N50, RN87)
// expect: the function given to nursery.start\(\) takes a covey::task_status<T> first
#include <covey/nursery.hpp>

covey::task<> worker(int) { co_return; }
covey::task<> starter(covey::task_status<void> status, int) {
    status.started();
    co_return;
}

covey::task<> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    co_await nursery.start(worker, 1);
#else
    co_await nursery.start(starter, 1);
#endif
}
