// SPDX-License-Identifier: BSL-1.0
// A supervised child's arguments are copied or cloned for every incarnation.
// expect: this argument, and it has neither: wrap it in covey::once
#include <covey/supervisor.hpp>

#include <memory>
#include <utility>

covey::task<> worker(std::unique_ptr<int>) { co_return; }

covey::task<> start(covey::supervisor& supervisor, std::unique_ptr<int> number) {
#ifndef COVEY_CONTROL
    co_await supervisor.start({}, worker, std::move(number));
#else
    co_await supervisor.start({}, worker, covey::once(std::move(number)));
#endif
}
