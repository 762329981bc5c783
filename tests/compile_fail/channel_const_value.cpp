// SPDX-License-Identifier: BSL-1.0
// A const value can't be moved out of a channel. (M1)
// expect: covey: a channel carries plain objects
#include <covey/channel.hpp>

void open() {
#ifndef COVEY_CONTROL
    auto ends = covey::open_memory_channel<const int>(1);
#else
    auto ends = covey::open_memory_channel<int>(1);
#endif
    ends.first.close();
}
