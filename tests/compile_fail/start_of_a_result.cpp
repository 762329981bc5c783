// SPDX-License-Identifier: BSL-1.0
// What a started child returns would be lost: its value goes through started().
// expect: a child of nursery.start\(\) gives its value to started\(\)
#include <covey/nursery.hpp>

covey::task<int> loses(covey::task_status<int> status) {
    status.started(1);
    co_return 2;
}
covey::task<> gives(covey::task_status<int> status) {
    status.started(1);
    co_return;
}

covey::task<int> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    co_return co_await nursery.start(loses);
#else
    co_return co_await nursery.start(gives);
#endif
}
