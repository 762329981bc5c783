// SPDX-License-Identifier: BSL-1.0
// An actor's options are what comes first, or are left out.
// expect: covey: the options of an actor come first
#include <covey/actor.hpp>

struct counter : covey::actor {
    explicit counter(int start) : sum(start) {}
    void handle(int number) { sum += number; }
    int sum;
};

void use(covey::nursery& nursery) {
#ifndef COVEY_CONTROL
    static_cast<void>(covey::start_actor<counter>(nursery, 1, covey::child_options{}));
#else
    static_cast<void>(covey::start_actor<counter>(nursery, covey::child_options{}, 1));
    static_cast<void>(covey::start_actor<counter>(nursery, 1));
#endif
}
