// SPDX-License-Identifier: BSL-1.0
// A class that doesn't derive from covey::actor.
// expect: covey: an actor derives from covey::actor: class X : public covey::actor
#include <covey/actor.hpp>

#ifndef COVEY_CONTROL
struct counter {
#else
struct counter : covey::actor {
#endif
    void handle(int) {}
};

covey::task<> use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    static_cast<void>(covey::start_actor<counter>(nursery, {}));
    co_return;
#else
    co_await covey::start_actor<counter>(nursery, {});
#endif
}
