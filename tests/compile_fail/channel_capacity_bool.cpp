// SPDX-License-Identifier: BSL-1.0
// A bool counts nothing. (M1, CH01)
// expect: covey: a capacity is a number, not a bool
#include <covey/channel.hpp>

void open() {
#ifndef COVEY_CONTROL
    auto ends = covey::open_memory_channel<int>(true);
#else
    auto ends = covey::open_memory_channel<int>(1);
#endif
    ends.first.close();
}
