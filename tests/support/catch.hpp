// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one place that knows which Catch2 is installed: 2.13 (Debian 12) or 3.x (Debian 13).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define COVEY_CATCH_VERSION 3
namespace Catch::Matchers {
// As in 2.x; in 3.x Contains() is about the elements of ranges.
inline StringContainsMatcher Contains(const char* part) { return ContainsSubstring(part); }
}  // namespace Catch::Matchers
#else
#include <catch2/catch.hpp>
#define COVEY_CATCH_VERSION 2
#endif
