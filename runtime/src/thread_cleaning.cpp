// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/thread_cleaning.hpp>

#include "runtime_core.hpp"
#include "worker.hpp"

namespace covey::lowlevel {

namespace {

constexpr wait_traits waits_for_workers{"every worker", false};

detail::scheduler& scheduler_here() noexcept { return detail::this_worker()->core().scheduler(); }

}  // namespace

clean_workers::clean_workers(thread_cleanup clean) noexcept : clean_(clean) {}

const wait_traits& clean_workers::traits() const noexcept { return waits_for_workers; }
void clean_workers::lock() noexcept { scheduler_here().lock().lock(); }
void clean_workers::unlock() noexcept { scheduler_here().lock().unlock(); }
bool clean_workers::try_now() { return false; }
void clean_workers::link() noexcept { scheduler_here().clean_workers_locked(*this); }
void clean_workers::unlink() noexcept {}  // no cancellation ends it

}  // namespace covey::lowlevel
