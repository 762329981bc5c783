// SPDX-License-Identifier: BSL-1.0
// run takes a function and its arguments, not a task. (N3, RN01, RN80)
// expect: run takes a function and its arguments: run\(main, x\), not run\(main\(x\)\)
#include <covey/run.hpp>

covey::task<int> start(int number) { co_return number; }

int use() {
#ifndef COVEY_CONTROL
    return covey::run(start(1));
#else
    return covey::run(start, 1);
#endif
}
