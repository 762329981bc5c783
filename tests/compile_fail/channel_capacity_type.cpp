// SPDX-License-Identifier: BSL-1.0
// The capacity of a channel is an integer. (M1, CH01)
// expect: no matching function for call to .*open_memory_channel
// expect: integral
#include <covey/channel.hpp>

void open() {
#ifndef COVEY_CONTROL
    auto ends = covey::open_memory_channel<int>(1.5);
#else
    auto ends = covey::open_memory_channel<int>(1);
#endif
    ends.first.close();
}
