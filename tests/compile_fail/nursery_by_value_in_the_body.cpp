// SPDX-License-Identifier: BSL-1.0
// The body of a block takes its nursery by reference.
// expect: with_nursery takes a body with one parameter, the nursery by reference
#include <covey/nursery.hpp>

covey::task<> open() {
#ifndef COVEY_CONTROL
    co_await covey::with_nursery([](covey::nursery) {});
#else
    co_await covey::with_nursery([](covey::nursery&) {});
#endif
}
