// SPDX-License-Identifier: BSL-1.0
// A message that no handle() of the actor takes.
// expect: covey: the actor has no handle\(M\) for a message of this type M
#include <covey/actor.hpp>

struct add {};
struct subtract {};

struct counter : covey::actor {
    void handle(add) {}
};

covey::task<> use(covey::actor_ref<counter> ref) {
    co_await ref.tell(add());
#ifndef COVEY_CONTROL
    static_cast<void>(ref.try_tell(subtract()));
#endif
}
