// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which sanitizers this source is compiled with: COVEY_UNDER_ASAN and COVEY_UNDER_TSAN are 1 under
// AddressSanitizer and ThreadSanitizer, 0 elsewhere, for clang++ and g++. They serve `#if` and
// constants alike. Sources of one program may differ, so no type or inline function of a header may
// depend on them.

#if defined(__SANITIZE_ADDRESS__)  // g++ defines these; clang++ answers __has_feature()
#define COVEY_UNDER_ASAN 1
#elif defined(__has_feature)
#define COVEY_UNDER_ASAN __has_feature(address_sanitizer)
#else
#define COVEY_UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define COVEY_UNDER_TSAN 1
#elif defined(__has_feature)
#define COVEY_UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define COVEY_UNDER_TSAN 0
#endif
