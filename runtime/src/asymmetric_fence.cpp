// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/asymmetric_fence.hpp>

#include <covey/lowlevel/sanitizers.hpp>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace covey::lowlevel {

namespace {

constexpr bool is_wanted = !COVEY_UNDER_TSAN;  // which doesn't see the kernel's fence

#if defined(__linux__)
bool ask_kernel(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }
bool prepare() noexcept { return ask_kernel(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }
#else
bool prepare() noexcept { return false; }
#endif

}  // namespace

bool has_asymmetric_fences() noexcept {
    static const bool has = is_wanted && prepare();
    return has;
}

void heavy_fence() noexcept {
#if defined(__linux__)
    ask_kernel(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
#endif
}

}  // namespace covey::lowlevel
