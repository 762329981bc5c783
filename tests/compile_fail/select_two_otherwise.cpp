// SPDX-License-Identifier: BSL-1.0
// expect: covey: a select has one otherwise\(\) at most
#include <covey/select.hpp>

covey::task<> look(covey::receive_channel<int>& rx) {
#ifndef COVEY_CONTROL
    co_await covey::select(covey::receive_from(rx), covey::otherwise(), covey::otherwise());
#else
    co_await covey::select(covey::receive_from(rx), covey::otherwise());
#endif
}
