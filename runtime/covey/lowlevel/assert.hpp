// SPDX-License-Identifier: BSL-1.0
#pragma once

// A bug in covey ends the program with a sentence; misuse that a program can reach throws instead.
// Asserts stay on unless a measured release build defines COVEY_NO_ASSERT.

namespace covey::lowlevel {

// Prints the sentence, its place and what is known of the running task, and ends the program.
[[noreturn]] void assertion_failed(const char* sentence, const char* file, int line) noexcept;

}  // namespace covey::lowlevel

#if defined(COVEY_NO_ASSERT)
#define COVEY_ASSERT(condition, sentence) static_cast<void>(0)
#else
#define COVEY_ASSERT(condition, sentence) \
    (static_cast<bool>(condition)         \
         ? static_cast<void>(0)           \
         : ::covey::lowlevel::assertion_failed(sentence, __FILE__, __LINE__))
#endif
