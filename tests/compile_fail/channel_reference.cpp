// SPDX-License-Identifier: BSL-1.0
// A channel carries objects: a reference would outlive what it refers to. (M1)
// expect: covey: a channel carries plain objects: send a pointer
#include <covey/channel.hpp>

#include <functional>

void open() {
#ifndef COVEY_CONTROL
    auto ends = covey::open_memory_channel<int&>(1);
#else
    auto ends = covey::open_memory_channel<std::reference_wrapper<int>>(1);
#endif
    ends.first.close();
}
