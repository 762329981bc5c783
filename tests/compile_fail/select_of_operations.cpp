// SPDX-License-Identifier: BSL-1.0
// An operation is what one task awaits; a case is one of several.
// expect: covey: select takes cases: receive_from, send_to, after, at, on, otherwise
#include <covey/select.hpp>

covey::task<> wait(covey::receive_channel<int>& rx) {
#ifndef COVEY_CONTROL
    co_await covey::select(rx.receive(), rx.receive());
#else
    co_await covey::select(covey::receive_from(rx), covey::receive_from(rx));
#endif
}
