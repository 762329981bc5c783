// SPDX-License-Identifier: BSL-1.0
// What the body returns has to be awaited by itself.
// expect: covey: the body of with_supervisor returns an awaitable that nobody
#include <covey/checkpoint.hpp>
#include <covey/supervisor.hpp>

covey::task<> run() {
#ifndef COVEY_CONTROL
    co_await covey::with_supervisor({}, [](covey::supervisor&) { return covey::checkpoint(); });
#else
    co_await covey::with_supervisor(
        {}, [](covey::supervisor&) -> covey::task<> { co_await covey::checkpoint(); });
#endif
}
