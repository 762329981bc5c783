// SPDX-License-Identifier: BSL-1.0
// Only with_nursery makes a nursery, so that its block always joins it. (N62, RN101)
// expect: (private|protected)
#include <covey/nursery.hpp>

covey::task<> open() {
#ifndef COVEY_CONTROL
    covey::nursery nursery;
    nursery.start_soon([] {});
    co_return;
#else
    co_await covey::with_nursery([](covey::nursery& nursery) { nursery.start_soon([] {}); });
#endif
}
