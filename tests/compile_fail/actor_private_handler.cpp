// SPDX-License-Identifier: BSL-1.0
// A handle() that isn't public.
// expect: declare a public.*
#include <covey/actor.hpp>

struct add {};

class counter : public covey::actor {
#ifdef COVEY_CONTROL
 public:
#endif
    void handle(add) {}
};

bool use(const covey::actor_ref<counter>& ref) { return ref.try_tell(add()); }
