// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/sanitizers.hpp>

#include "support/catch.hpp"

// In every program that a sanitizer watches, and in no other.
extern "C" {
[[gnu::weak]] void __asan_init();
[[gnu::weak]] void __tsan_init();
}

TEST_CASE("the macros name the sanitizers that are linked in") {
    CHECK((&__asan_init != nullptr) == static_cast<bool>(COVEY_UNDER_ASAN));
    CHECK((&__tsan_init != nullptr) == static_cast<bool>(COVEY_UNDER_TSAN));
}
