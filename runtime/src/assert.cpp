// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/assert.hpp>

#include "describe.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace covey::lowlevel {

void assertion_failed(const char* sentence, const char* file, int line) noexcept {
    fmt::print(stderr, "covey: {} ({}:{}). This is a bug in covey, please report it.\n{}", sentence,
               file, line, detail::task_tree_if_possible());
    std::abort();
}

}  // namespace covey::lowlevel
