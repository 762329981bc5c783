// SPDX-License-Identifier: BSL-1.0
#pragma once

// Libraries leave things behind on whatever thread calls them: a cache, a reference that keeps
// something alive. A thread of one's own ends and takes them along; those of a run stay.

#include <covey/lowlevel/park.hpp>

namespace covey::detail {
class scheduler;
}  // namespace covey::detail

namespace covey::lowlevel {

// Frees the calling thread of what a library has left on it. Short, and mustn't wait.
using thread_cleanup = void (*)() noexcept;

// `co_await clean_workers(clean)`: every worker of the run calls clean() between two of its turns;
// then the wait is over. A worker that is in a long turn is waited for. A checkpoint that no
// cancellation ends.
class [[nodiscard]] clean_workers final : public wait_operation {
 public:
    using covey_result = void;
    explicit clean_workers(thread_cleanup clean) noexcept;
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    friend class detail::scheduler;

    thread_cleanup clean_;
    std::uint64_t number_ = 0;  // counted from 1; guarded by the scheduler's lock, as is the next
    unsigned left_ = 0;         // workers that have not done it
};

// From now on the threads of to_thread() call clean() after every call, in all runs of the process.
// Idempotent; one function, so a second one is refused with std::logic_error. Threads: any.
void clean_after_blocking_calls(thread_cleanup clean);

}  // namespace covey::lowlevel
