// SPDX-License-Identifier: BSL-1.0
// A handler that returns an awaitable which nobody would await.
// expect: covey: handle\(M\) returns an awaitable that nobody awaits
#include <covey/actor.hpp>
#include <covey/checkpoint.hpp>

struct sleeper : covey::actor {
#ifndef COVEY_CONTROL
    auto handle(int) { return covey::sleep_for(std::chrono::seconds(1)); }
#else
    covey::task<> handle(int) { co_await covey::sleep_for(std::chrono::seconds(1)); }
#endif
};

void use(const covey::actor_ref<sleeper>& ref) { static_cast<void>(ref.try_tell(1)); }
