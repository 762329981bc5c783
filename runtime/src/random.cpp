// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/random.hpp>

#include "runtime_core.hpp"

namespace covey {

std::uint64_t lowlevel::random_number() {
    return detail::current_task("random_number").core->scheduler().random_number();
}

}  // namespace covey
