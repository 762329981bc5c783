// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one place that knows which Catch2 is installed: 2.13 (Debian 12) or 3.x (Debian 13).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define COVEY_CATCH_VERSION 3
#else
#include <catch2/catch.hpp>
#define COVEY_CATCH_VERSION 2
#endif
