// SPDX-License-Identifier: BSL-1.0
// Arguments that the actor's constructor doesn't take.
// expect: covey: the actor can't be constructed from these arguments
#include <covey/actor.hpp>

#include <string>

struct counter : covey::actor {
    explicit counter(int start) : sum(start) {}
    void handle(int number) { sum += number; }
    int sum;
};

void use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    static_cast<void>(covey::start_actor<counter>(nursery, {}, std::string("one")));
#else
    static_cast<void>(covey::start_actor<counter>(nursery, {}, 1));
#endif
}
