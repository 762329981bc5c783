// SPDX-License-Identifier: BSL-1.0
// Two handlers that fit a message equally well.
// expect: or several that fit equally well
#include <covey/actor.hpp>

struct counter : covey::actor {
    void handle(long) {}
    void handle(double) {}
};

bool use(const covey::actor_ref<counter>& ref) {
#ifndef COVEY_CONTROL
    return ref.try_tell(1);
#else
    return ref.try_tell(1L);
#endif
}
