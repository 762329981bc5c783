// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "explore.hpp"

#include <covey/lowlevel/thread.hpp>

namespace model {

template <class... Bodies>
void together(Bodies... bodies) {
    covey::lowlevel::thread threads[] = {covey::lowlevel::thread(bodies)...};
    for (covey::lowlevel::thread& each : threads) each.join();
}

}  // namespace model
