// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/checkpoint.hpp>
#include <covey/detail/settle.hpp>
#include <covey/lowlevel/fault_point.hpp>
#include <covey/lowlevel/park.hpp>

#include <tuple>
#include <utility>

namespace covey {

// How a blocking call is run.
struct thread_options {
    // True: cancellation leaves at once, and the thread finishes alone; its result and error are
    // dropped. False: cancellation waits until the call has returned.
    bool abandon_on_cancel = false;
};

namespace detail {

class thread_pool;

// One call on its way through a thread. Counted: by the task that waits, and by the thread.
class thread_job {
 public:
    thread_job(const thread_job&) = delete;
    thread_job& operator=(const thread_job&) = delete;
    void add_reference() noexcept { references_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }

 protected:
    thread_job();
    virtual ~thread_job();
    // On the thread: calls the function, keeps value or error.
    virtual void call() noexcept = 0;

 private:
    friend class thread_pool;
    friend class thread_token_wait;
    friend class thread_wait;

    void finish() noexcept;

    lowlevel::atomic<std::uint32_t> references_{1};
    thread_pool* pool_ = nullptr;  // counted
    bool has_token_ = false;       // one of the pool's, until the call has returned
    lowlevel::spin_lock lock_;
    lowlevel::wait_node* waiting_ = nullptr;  // guarded by lock_: the task, while it waits
};

// Waits for a place among the threads.
class [[nodiscard]] thread_token_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit thread_token_wait(thread_job& job) noexcept;
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    thread_job* job_;
};

// Hands the job to a thread and waits until it has returned.
class [[nodiscard]] thread_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    thread_wait(thread_job& job, const thread_options& options) noexcept;
    void await_resume() noexcept;

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    thread_job* job_;
    bool leaves_;  // when it is cancelled
};

template <class R, class F, class... A>
class thread_call final : public thread_job {
 public:
    template <class G, class... B>
    explicit thread_call(G&& function, B&&... arguments) {
        called_.emplace(std::forward<G>(function), std::forward<B>(arguments)...);
    }

    R take() {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        if constexpr (!std::is_void_v<R>) return std::move(*value_);
    }

 private:
    // Callable and arguments end with the call, before the task goes on.
    void call() noexcept override {
        try {
            if constexpr (!std::is_nothrow_invocable_v<F, A...>) lowlevel::fault_point();
            if constexpr (std::is_void_v<R>)
                std::apply(called_->function, std::move(called_->arguments));
            else
                value_.emplace(std::apply(called_->function, std::move(called_->arguments)));
        } catch (...) {
            error_ = std::current_exception();
        }
        called_.reset();
    }

    std::optional<callable_and_arguments<F, A...>> called_;
    std::optional<stored<R>> value_;
    std::exception_ptr error_;
};

// Counts a job.
template <class Job>
class job_ref {
 public:
    explicit job_ref(Job* counted) noexcept : job_(counted) {}
    job_ref(const job_ref&) = delete;
    job_ref& operator=(const job_ref&) = delete;
    ~job_ref() { job_->drop_reference(); }
    Job* operator->() const noexcept { return job_; }
    Job& operator*() const noexcept { return *job_; }

 private:
    Job* job_;
};

template <class R, class F, class... A>
task<R> run_in_thread(thread_options options, F function, A... arguments) {
    co_await stands_for_its_caller();
    const job_ref job(new thread_call<R, F, A...>(std::move(function), std::move(arguments)...));
    co_await thread_token_wait(*job);
    co_await checkpoint_if_cancelled();
    co_await thread_wait(*job, options);
    if constexpr (std::is_void_v<R>)
        job->take();
    else
        co_return job->take();
}

}  // namespace detail

// Runs fn(args...), which may block, on a thread of its own and gives its result or error; at most
// 40 at once, others wait their turn. Callable and arguments are copied or moved to the thread. A
// checkpoint; not started when cancelled already. Once started, cancellation waits until it has
// returned, unless options say to abandon it; the result is then delivered, and the cancellation
// met at the next checkpoint. A place is given back when the thread has finished, not when the
// task leaves. Cost: some microseconds, and three allocations. (T1-T9)
template <class F, class... A>
auto to_thread(thread_options options, F&& fn, A&&... args) {
    using function = std::decay_t<F>;
    static_assert(std::is_invocable_v<function&, std::decay_t<A>...>,
                  "covey: to_thread(fn, args...): fn can't be called with these arguments");
    using result = std::invoke_result_t<function&, std::decay_t<A>...>;
    static_assert(!std::is_reference_v<result>,
                  "covey: a reference can't leave the thread: return a value or a pointer");
    static_assert(!awaitable<result>,
                  "covey: to_thread runs a plain function; a coroutine is awaited or started in a "
                  "nursery");
    return detail::run_in_thread<result, function, std::decay_t<A>...>(options, std::forward<F>(fn),
                                                                       std::forward<A>(args)...);
}
template <class F, class... A>
    requires(!std::is_same_v<std::remove_cvref_t<F>, thread_options>)
auto to_thread(F&& fn, A&&... args) {
    return to_thread(thread_options{}, std::forward<F>(fn), std::forward<A>(args)...);
}

}  // namespace covey
