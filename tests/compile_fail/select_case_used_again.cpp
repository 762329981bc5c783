// SPDX-License-Identifier: BSL-1.0
// expect: covey: a case is selected from once: write it in the call, or std::move it
#include <covey/select.hpp>

covey::task<> wait(covey::receive_channel<int>& rx) {
    auto arrives = covey::receive_from(rx);
#ifndef COVEY_CONTROL
    co_await covey::select(arrives, covey::otherwise());
#else
    co_await covey::select(std::move(arrives), covey::otherwise());
#endif
}
