// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/future.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>

#include <string_view>
#include <utility>

namespace covey {

// covey embedded in a program that has threads of its own: the workers are threads of the runtime,
// and wait without using the processor while there is nothing to do. What is submitted lives below
// one root, whose end is the end of the runtime; tasks submitted don't see each other, and the
// error of one belongs to its future.
//
//   covey::runtime runtime({.workers = 2});
//   covey::future<int> answer = runtime.submit(ask, "host");  // from any thread, and from tasks
//   runtime.run(serve);                                       // waits, like covey::run
//
// options.workers threads are started; interrupts are off unless options.interrupts = true is
// written. A clock other than the steady one drives this runtime alone; a virtual one jumps
// whenever no task can run, and doesn't wait for threads outside. With a seed the tasks take their
// turns in its order, but when threads outside submit is up to them, so a trace doesn't repeat.
//
// Threads: any, for all members but the destructor.
class runtime {
 public:
    // Starts the workers. Throws as covey::run does for bad options, and std::system_error when
    // there are no threads to be had. Cost: that of the threads.
    explicit runtime(run_options options);
    runtime() : runtime(run_options{}) {}
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    // Cancels what is left (source shutdown), and joins it. Destroyed by one of its own tasks it
    // would wait for itself: that ends the program.
    ~runtime();

    // Runs main(args...), a coroutine function, as a task of this runtime, blocks until it has
    // ended, and gives its value or throws its error as it is. Stopped by cancel():
    // cancelled_error; by a signal: interrupted; if main failed after that, an exception_group of
    // the two. Many times, by several threads at once; on a worker thread would_deadlock_error.
    template <class F, class... A>
    auto run(F&& main, A&&... args) {
        using result = detail::main_result<F, A...>;
        using child = detail::callable_child<detail::future_state<result>, std::decay_t<F>,
                                             std::decay_t<A>...>;
        refuse_on_worker();
        auto* started = new child("main", std::forward<F>(main), std::forward<A>(args)...);
        const detail::future_hold<detail::future_state<result>> hold(*started);
        run_main(*started);
        return started->take();
    }

    // Starts fn(args...), a coroutine function or a plain one, and gives its future. Callable and
    // arguments are copied or moved into the task as std::thread does, and live until it ends. Not
    // a checkpoint. After cancel() the task runs up to its first checkpoint. Cost: one allocation,
    // one for its cancellation from outside, and one for the coroutine's frame.
    template <class F, class... A>
        requires(!std::same_as<std::remove_cvref_t<F>, task_options>)
    auto submit(F&& fn, A&&... args) {
        return submit(task_options{}, std::forward<F>(fn), std::forward<A>(args)...);
    }
    template <class F, class... A>
    auto submit(task_options options, F&& fn, A&&... args) {
        detail::check_child<F, A...>();
        using result = detail::child_result<F, A...>;
        using child = detail::callable_child<detail::future_state<result>, std::decay_t<F>,
                                             std::decay_t<A>...>;
        auto* started = new child(options.name, std::forward<F>(fn), std::forward<A>(args)...);
        future<result> handle(*started);
        spawn(*started);
        return handle;
    }

    // Cancels every task of the runtime, and for good, as for any scope: what is submitted later is
    // cancelled too. Idempotent; the first reason counts.
    void cancel(std::string_view reason = {}) noexcept;

 private:
    static void refuse_on_worker();
    void spawn(detail::task_record& child);
    void run_main(detail::future_state_base& main);

    detail::host* host_;  // owned
};

}  // namespace covey
