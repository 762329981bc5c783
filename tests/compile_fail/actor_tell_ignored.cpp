// SPDX-License-Identifier: BSL-1.0
// A tell that is not awaited tells nothing: compilers say so.
// expect: (ignoring|nodiscard)
#include <covey/actor.hpp>

#pragma GCC diagnostic error "-Wunused-result"

struct counter : covey::actor {
    void handle(int) {}
};

covey::task<> forget(covey::actor_ref<counter> ref) {
#ifndef COVEY_CONTROL
    ref.tell(1);
#else
    co_await ref.tell(1);
#endif
    co_await ref.tell(2);
}
