// SPDX-License-Identifier: BSL-1.0
// A compiler that is too old is told so, with what to install.
// expect: covey needs (clang >= 16|g\+\+ >= 14)
// expect: apt-get install clang-19
#ifndef COVEY_CONTROL
#ifdef __clang__
#undef __clang_major__
#define __clang_major__ 15
#else
#undef __GNUC__
#define __GNUC__ 13
#endif
#endif
#include <covey/config.hpp>
