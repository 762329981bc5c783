// SPDX-License-Identifier: BSL-1.0
// expect: covey: the handler of on\(rx, handler\) takes the channel's value, or a std::optional
#include <covey/select.hpp>

covey::task<> wait(covey::receive_channel<int>& rx) {
#ifndef COVEY_CONTROL
    co_await covey::select(covey::on(rx, [](int*) {}));
#else
    co_await covey::select(covey::on(rx, [](int) {}));
#endif
}
