// SPDX-License-Identifier: BSL-1.0
#pragma once

// For tests of the pool of frames, which sanitizers begin without.

#include <covey/testing.hpp>

#include <cstddef>
#include <cstdio>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COVEY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COVEY_SANITIZED 1
#endif
#endif
#ifndef COVEY_SANITIZED
#define COVEY_SANITIZED 0
#endif

namespace support {

// Frames and tasks come from the pool, or don't, while it lives.
class pool_switched {
 public:
    explicit pool_switched(bool on) : before_(covey::testing::set_frame_pool(on)) {}
    pool_switched(const pool_switched&) = delete;
    pool_switched& operator=(const pool_switched&) = delete;
    ~pool_switched() { covey::testing::set_frame_pool(before_); }

 private:
    const bool before_;
};

// Of this process.
inline std::size_t resident_bytes() {
    std::size_t pages = 0, resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%zu %zu", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace support
