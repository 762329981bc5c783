// SPDX-License-Identifier: BSL-1.0
// A supervisor belongs to its block.
// expect: covey: with_supervisor takes a body with one parameter, the supervisor by
#include <covey/supervisor.hpp>

covey::task<> run() {
#ifndef COVEY_CONTROL
    co_await covey::with_supervisor({}, []() -> covey::task<> { co_return; });
#else
    co_await covey::with_supervisor({}, [](covey::supervisor&) -> covey::task<> { co_return; });
#endif
}
