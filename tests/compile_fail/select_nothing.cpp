// SPDX-License-Identifier: BSL-1.0
// expect: covey: a select without a case would wait for ever
#include <covey/select.hpp>

covey::task<> wait(covey::receive_channel<int>& rx) {
#ifndef COVEY_CONTROL
    co_await covey::select();
#endif
    co_await covey::select(covey::receive_from(rx));
}
