// SPDX-License-Identifier: BSL-1.0
#include "interrupt.hpp"

#include <atomic>

namespace wordcrunch {

namespace {

// An atomic and not a sig_atomic_t: the handler runs on one thread, the reader on another.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait for a lock");

void set_interrupted(int /*signal*/) { interrupted.store(true); }

}  // namespace

interrupt_flag::interrupt_flag() noexcept {
    interrupted.store(false);
    struct sigaction wanted{};
    wanted.sa_handler = set_interrupted;
    wanted.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigemptyset(&wanted.sa_mask);
    ::sigaction(SIGINT, &wanted, &before_);
}

interrupt_flag::~interrupt_flag() { ::sigaction(SIGINT, &before_, nullptr); }

bool interrupt_flag::is_set() noexcept { return interrupted.load(); }

}  // namespace wordcrunch
