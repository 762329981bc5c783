// SPDX-License-Identifier: BSL-1.0
// A value that may throw when it is moved could be lost on its way. (M22)
// expect: covey: a channel's values move without throwing, or they could be lost: wrap this type
#include <covey/channel.hpp>

#include <memory>

struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&&) {}
};

void open() {
#ifndef COVEY_CONTROL
    auto ends = covey::open_memory_channel<throws_when_moved>(1);
#else
    auto ends = covey::open_memory_channel<std::unique_ptr<throws_when_moved>>(1);
#endif
    ends.first.close();
}
