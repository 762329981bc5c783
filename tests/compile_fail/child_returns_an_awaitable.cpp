// SPDX-License-Identifier: BSL-1.0
// A child awaits: what it returns unawaited would never run.
// expect: the function of a child returns an awaitable that nobody awaits: make it a coroutine
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>

void start(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    nursery.start_soon([] { return covey::sleep_forever(); });
#else
    nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_forever(); });
#endif
}
