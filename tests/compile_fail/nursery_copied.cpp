// SPDX-License-Identifier: BSL-1.0
// A nursery is not copied: it is one block's.
// expect: deleted
#include <covey/nursery.hpp>

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    auto copy = nursery;
#else
    auto& copy = nursery;
#endif
    copy.start_soon([] {});
}
