// SPDX-License-Identifier: BSL-1.0
// The type of what a generic function will give to started() has to be named. (N50)
// expect: if it is generic, name T: start<T>\(fn\)
#include <covey/nursery.hpp>

covey::task<int> use(covey::nursery& nursery) {
    const auto generic = [](auto status) -> covey::task<> {
        status.started(1);
        co_return;
    };
#ifndef COVEY_CONTROL
    co_return co_await nursery.start(generic);
#else
    co_return co_await nursery.start<int>(generic);
#endif
}
