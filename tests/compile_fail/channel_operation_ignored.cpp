// SPDX-License-Identifier: BSL-1.0
// A send that is not awaited sends nothing: compilers say so. (M11)
// expect: (ignoring|nodiscard)
#include <covey/channel.hpp>
#include <covey/task.hpp>

#pragma GCC diagnostic error "-Wunused-result"

covey::task<> forget(const covey::send_channel<int>& tx) {
#ifndef COVEY_CONTROL
    tx.send(1);
#else
    co_await tx.send(1);
#endif
    co_await tx.send(2);
}
