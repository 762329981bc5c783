// SPDX-License-Identifier: BSL-1.0
// The same for a function without any parameter. (N50, RN87)
// expect: the function given to nursery.start\(\) takes a covey::task_status<T> first
#include <covey/nursery.hpp>

covey::task<> worker() { co_return; }
covey::task<> starter(covey::task_status<void> status) {
    status.started();
    co_return;
}

covey::task<> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    co_await nursery.start(worker);
#else
    co_await nursery.start(starter);
#endif
}
