// SPDX-License-Identifier: BSL-1.0
// A value that may throw when it is destroyed would do so in somebody else's close(). (M45)
// expect: covey: a channel's values move without throwing
#include <covey/channel.hpp>

struct throws_when_destroyed {
    throws_when_destroyed() = default;
    throws_when_destroyed(throws_when_destroyed&&) noexcept {}
#ifndef COVEY_CONTROL
    ~throws_when_destroyed() noexcept(false) {}
#endif
};

void open() {
    auto ends = covey::open_memory_channel<throws_when_destroyed>(1);
    ends.first.close();
}
