// SPDX-License-Identifier: BSL-1.0
#pragma once

// The second half of the seam (see atomic.hpp): threads, mutexes and conditions. For compiled code
// only: no public header of covey includes this one.

#include <condition_variable>
#include <mutex>
#include <thread>

namespace covey::lowlevel {

using mutex = std::mutex;
using condition = std::condition_variable;
using thread = std::thread;
using mutex_lock = std::unique_lock<std::mutex>;
using mutex_guard = std::lock_guard<std::mutex>;
inline constexpr std::adopt_lock_t already_locked{};

}  // namespace covey::lowlevel
