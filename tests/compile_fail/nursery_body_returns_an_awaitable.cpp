// SPDX-License-Identifier: BSL-1.0
// The body of a block awaits: what it returns unawaited would never run.
// expect: the body of with_nursery returns an awaitable that nobody awaits: make it a coroutine
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>

covey::task<> open() {
#ifndef COVEY_CONTROL
    co_await covey::with_nursery([](covey::nursery&) { return covey::sleep_forever(); });
#else
    co_await covey::with_nursery(
        [](covey::nursery&) -> covey::task<> { co_await covey::sleep_forever(); });
#endif
}
