// SPDX-License-Identifier: BSL-1.0
// The arguments of run have to fit its main. (RN01)
// expect: main can't be called with these arguments
#include <covey/run.hpp>

covey::task<int> start(int number) { co_return number; }

int use() {
#ifndef COVEY_CONTROL
    return covey::run(start);
#else
    return covey::run(start, 1);
#endif
}
