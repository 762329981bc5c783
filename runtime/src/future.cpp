// SPDX-License-Identifier: BSL-1.0
#include <covey/future.hpp>

#include "describe.hpp"

#include <covey/error.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <stdexcept>

namespace covey {

namespace {

void write_to_stderr(std::string_view task, const std::exception_ptr& error) noexcept {
    try {
        fmt::print(stderr, "covey: task '{}' failed, and nobody asked for its result: {}\n", task,
                   detail::describe(error));
    } catch (...) {  // no memory for the details, or nowhere to write to
        static_cast<void>(
            std::fputs("covey: a task failed, and nobody asked for its result\n", stderr));
    }
}

lowlevel::atomic<unseen_error_handler> handler_of_process{write_to_stderr};

}  // namespace

unseen_error_handler set_unseen_error_handler(unseen_error_handler handler) noexcept {
    return handler_of_process.exchange(handler == nullptr ? write_to_stderr : handler,
                                       lowlevel::order::acq_rel);
}

namespace detail {

namespace {

// Waits for a record without taking anything from it.
class end_wait final : public joinable_base::wait {
 public:
    explicit end_wait(joinable_base& task) : wait(&task) {}
};

}  // namespace

future_state_base::future_state_base(std::string_view name) : joinable_base(name) {
    keeps_error = is_scoped = true;
}

void future_state_base::add_holder() noexcept {
    add_reference();
    const lowlevel::locked held(settle_lock_);
    ++holders_;
}

void future_state_base::drop_holder() noexcept {
    {
        const lowlevel::locked held(settle_lock_);
        --holders_;
    }
    report_if_unseen();
    drop_reference();
}

void future_state_base::announce() noexcept {
    joinable_base::announce();
    report_if_unseen();
}

// Whoever comes last: the end of the task, or the end of its last future.
void future_state_base::report_if_unseen() noexcept {
    {
        const lowlevel::locked held(settle_lock_);
        if (holders_ != 0 || end_ != child_end::failed || error_seen_) return;
        error_seen_ = true;
    }
    std::string name = "?";
    try {
        name = task_name(*this);
    } catch (...) {  // no memory for the name: the error is what matters
    }
    handler_of_process.load(lowlevel::order::acquire)(name, root.error);
}

void future_state_base::block(const char* call) {
    lowlevel::refuse_to_block_worker(call, "the future");
    end_wait(*this).block_thread();
}

bool future_state_base::block_for(duration longest) {
    lowlevel::refuse_to_block_worker("future::wait_for()", "the future");
    return end_wait(*this).block_thread_for(longest.count());
}

void future_state_base::begin_taking() {
    bool was_taken = false;
    {
        const lowlevel::locked held(settle_lock_);
        was_taken = std::exchange(taken_, true);
    }
    if (was_taken) {
        throw std::logic_error(fmt::format(
            "the result of task '{}' was taken already: a future gives it once; share() "
            "it for several",
            task_name(*this)));
    }
    check_returned(std::exchange(root.error, nullptr));
}

bool future_state_base::take_failure(std::exception_ptr& failure) noexcept {
    const lowlevel::locked held(settle_lock_);
    error_seen_ = true;
    failure = std::exchange(root.error, nullptr);
    return end_ != child_end::returned;
}

// From its end on, how the task ended doesn't change.
void future_state_base::check_returned(std::exception_ptr failure) {
    child_end how{};
    {
        const lowlevel::locked held(settle_lock_);
        how = end_;
        error_seen_ = true;
    }
    if (how == child_end::failed) std::rethrow_exception(std::move(failure));
    if (how == child_end::stopped) {
        throw cancelled_error(
            fmt::format("task '{}' was cancelled and has no result", task_name(*this)), blame());
    }
}

void throw_no_future(const char* call) {
    throw std::logic_error(fmt::format(
        "covey: {} on a future without a task: it was default-constructed, moved from, or shared; "
        "use the one that has the task now",
        call));
}

}  // namespace detail

}  // namespace covey
