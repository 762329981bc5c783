// SPDX-License-Identifier: BSL-1.0
#include <covey/run.hpp>

#include "runtime_core.hpp"
#include "scope_tree.hpp"
#include "worker.hpp"

#include <covey/error.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <vector>

namespace covey::detail {

namespace {

constexpr unsigned most_workers = 1024;

// The scope around main: what current_scope() gives where nobody opened one.
class root_scope {
 public:
    root_scope(runtime_core& core, task_record& main) {
        scope_tree::construct(place_);
        scope_tree::make_root(scope(), core, main);
    }
    root_scope(const root_scope&) = delete;
    root_scope& operator=(const root_scope&) = delete;
    ~root_scope() {
        scope_tree::retire_root(scope());
        scope_tree::destroy(place_);
    }
    [[nodiscard]] cancel_scope& scope() noexcept { return *scope_tree::at(place_); }

 private:
    alignas(cancel_scope) unsigned char place_[sizeof(cancel_scope)];
};

}  // namespace

unsigned worker_count(const run_options& options) {
    if (options.seed && options.workers > 1) {
        throw std::invalid_argument(fmt::format(
            "covey::run: a seed orders the tasks of one worker, not of {}: leave workers at 0 or 1",
            options.workers));
    }
    if (options.workers > most_workers) {
        throw std::invalid_argument(
            fmt::format("covey::run: {} workers are more than the {} that "
                        "make sense; 0 means one for each core",
                        options.workers, most_workers));
    }
    if (options.seed) return 1;
    if (options.workers != 0) return options.workers;
    return std::clamp(lowlevel::thread::hardware_concurrency(), 1U, most_workers);
}

runtime_core::runtime_core(task_record& main, const run_options& options)
    : main_(main),
      clock_(options.clock != nullptr ? *options.clock : steady_clock_source()),
      scheduler_(worker_count(options), options.seed, clock_, timers_),
      threads_(new thread_pool()) {
    if (options.clock == nullptr) return;
    const lowlevel::locked held(clock_.lock_);
    if (clock_.run_ != nullptr) {
        threads_->drop_reference();
        throw std::logic_error("covey::run: the clock drives another run; each needs its own");
    }
    clock_.run_ = this;
}

runtime_core::~runtime_core() {
    threads_->close();
    const lowlevel::locked held(clock_.lock_);
    if (clock_.run_ == this) clock_.run_ = nullptr;
}

void runtime_core::run() {
    std::vector<lowlevel::thread> others;
    others.reserve(scheduler_.workers() - 1);
    const auto work = [this](unsigned index, task_record* first) {
        worker(*this, index).run(first);
    };
    try {
        for (unsigned index = 1; index < scheduler_.workers(); ++index)
            others.emplace_back(work, index, nullptr);
    } catch (...) {
        scheduler_.stop();
        for (lowlevel::thread& each : others) each.join();
        throw;
    }
    work(0, &main_);  // through the queue another worker might take it
    for (lowlevel::thread& each : others) each.join();
}

void runtime_core::arm(timer& node, std::int64_t when) noexcept {
    bool is_first = false;
    {
        const lowlevel::mutex_guard held(timers_.lock());
        is_first = timers_.arm(node, when);
    }
    if (is_first) scheduler_.time_changed();
}

void runtime_core::arm_locked(timer& node, std::int64_t when) noexcept {
    if (timers_.arm(node, when)) scheduler_.time_changed();
}

void runtime_core::disarm(timer& node) noexcept {
    const lowlevel::mutex_guard held(timers_.lock());
    timers_.disarm(node);
}

// The tree lock keeps a scope alive whose timer has left the heap; a sleeper, which has no part in
// the tree, is completed before the timers' lock is given up.
void runtime_core::fire_due_timers() noexcept {
    const std::int64_t due = now();
    this_worker()->clock_reading = due;
    ready_chain woken;
    {
        const lowlevel::mutex_guard tree(tree_lock_);
        for (;;) {
            timer* next = nullptr;
            {
                const lowlevel::mutex_guard held(timers_.lock());
                next = timers_.take_due(due);
                if (next != nullptr && next->fires_inside()) {
                    next->fire(woken);
                    continue;
                }
            }
            if (next == nullptr) break;
            next->fire(woken);
        }
    }
    scheduler_.enqueue_all(woken);
}

void run_main(task_record& main, const run_options& options) {
    if (this_worker() != nullptr) {
        throw std::logic_error(
            "covey::run inside a run: a task that wants another task awaits it, or starts it in a "
            "nursery");
    }
    runtime_core core(main, options);
    root_scope root(core, main);
    main.core = &core;
    core.run();
    main.phase.store(task_phase::ended, lowlevel::order::relaxed);
    if (main.error) std::rethrow_exception(std::exchange(main.error, nullptr));
    if (main.stopped) {
        cancel_cause cause = root.scope().cause();
        std::string text = fmt::format("main was cancelled ({}{}{})", to_string(cause.source),
                                       cause.reason.empty() ? "" : ": ", cause.reason);
        throw cancelled_error(text, std::move(cause));
    }
}

void throw_awaited_twice(std::source_location made_by) {
    throw std::logic_error(fmt::format(
        "covey: task '{}' is awaited a second time, or after it was moved from: a task runs once, "
        "call the function again for another",
        pretty_function(made_by.function_name())));
}

}  // namespace covey::detail
