// SPDX-License-Identifier: BSL-1.0
// A supervised child's function is copied for every incarnation.
// expect: function, and this one can't be copied: pass what it captures as arguments
#include <covey/supervisor.hpp>

#include <memory>
#include <utility>

covey::task<> start(covey::supervisor& supervisor, std::unique_ptr<int> number) {
    auto worker = [kept = std::move(number)]() -> covey::task<> { co_return; };
#ifndef COVEY_CONTROL
    co_await supervisor.start({}, std::move(worker));
#else
    co_await supervisor.start({}, covey::once(std::move(worker)));
#endif
}
