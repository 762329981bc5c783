// SPDX-License-Identifier: BSL-1.0
#pragma once

// The version of covey, and the compilers that can build it. Everything else includes this first
// or relies on somebody who did.

#define COVEY_VERSION_MAJOR 0
#define COVEY_VERSION_MINOR 1
#define COVEY_VERSION_PATCH 0

// 10203 is version 1.2.3: for `#if COVEY_VERSION >= 200`.
#define COVEY_VERSION \
    (COVEY_VERSION_MAJOR * 10000 + COVEY_VERSION_MINOR * 100 + COVEY_VERSION_PATCH)

// Older compilers accept covey and translate it into a different program: they skip the body of
// `if (co_await x)` and destroy the temporaries of a statement with `co_await` twice.
#if defined(__apple_build_version__)
// Apple numbers its clang differently; the probe at configure time judges it.
#elif defined(__clang__)
#if __clang_major__ < 16
#error \
    "covey needs clang >= 16: nobody has tested an older one with it. \
On Debian 12: apt-get install clang-19, then compile with clang++-19."
#endif
#elif defined(__GNUC__)
#if __GNUC__ < 14
#error \
    "covey needs g++ >= 14: older ones silently miscompile coroutines (they skip the body of \
`if (co_await x)` and destroy temporaries twice). On Debian 12: apt-get install clang-19, then \
compile with clang++-19. On Debian 13 the plain g++ is new enough."
#endif
#endif

#if !defined(__cpp_impl_coroutine)
#error "covey needs C++20 coroutines: compile with -std=c++20 or newer."
#endif
