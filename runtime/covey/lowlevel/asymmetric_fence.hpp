// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/atomic.hpp>

namespace covey::lowlevel {

// Two threads each store something and then look whether the other one has: at least one sees it,
// if a full fence stands between the two on both sides. Where one side does this all the time and
// the other hardly ever, the rare side can pay for both: it has the kernel run a fence on every
// thread of the process (membarrier), and the frequent side keeps the compiler in order and no
// more.

// Whether that works here: Linux since 4.14, unless a sandbox forbids it; not under
// ThreadSanitizer, which wouldn't know. Where it doesn't, do it another way. Cheap, any thread.
[[nodiscard]] bool has_asymmetric_fences() noexcept;

// The frequent side. Free.
inline void light_fence() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
// The rare side: some microseconds.
void heavy_fence() noexcept;

}  // namespace covey::lowlevel
