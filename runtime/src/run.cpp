// SPDX-License-Identifier: BSL-1.0
#include <covey/run.hpp>

#include "interrupts.hpp"
#include "main_outcome.hpp"
#include "runtime_core.hpp"
#include "scope_tree.hpp"
#include "watched_run.hpp"
#include "worker.hpp"

#include <covey/error.hpp>
#include <covey/exception_group.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace covey::detail {

namespace {

constexpr unsigned most_workers = 1024;

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

runtime_core::runtime_core(task_record& main, const run_options& options, simulation* simulated)
    : main_(main),
      clock_(options.clock != nullptr ? *options.clock : steady_clock_source()),
      tree_(worker_count(options)),
      timers_(now()),
      scheduler_(worker_count(options), options.seed, simulated, clock_, timers_),
      threads_(new thread_pool(simulated)) {
    if (options.clock != nullptr) {
        const lowlevel::locked held(clock_.lock_);
        if (clock_.run_ != nullptr) {
            threads_->drop_reference();
            throw std::logic_error("covey::run: the clock drives another run; each needs its own");
        }
        clock_.run_ = this;
    }
}

runtime_core::~runtime_core() {
    threads_->close();
    const lowlevel::locked held(clock_.lock_);
    if (clock_.run_ == this) clock_.run_ = nullptr;
}

void runtime_core::run() {
    const watched_run watched(*this);
    std::vector<lowlevel::thread> others = start_workers(1);
    worker(*this, 0).run(&main_);  // through the queue another worker might take it
    for (lowlevel::thread& each : others) each.join();
}

std::vector<lowlevel::thread> runtime_core::start_workers(unsigned first) {
    std::vector<lowlevel::thread> started;
    started.reserve(scheduler_.workers() - first);
    const auto work = [this](unsigned index) { worker(*this, index).run(nullptr); };
    try {
        for (unsigned index = first; index < scheduler_.workers(); ++index)
            started.emplace_back(work, index);
    } catch (...) {
        scheduler_.stop();
        for (lowlevel::thread& each : started) each.join();
        throw;
    }
    return started;
}

lowlevel::spin_lock& runtime_core::own_part_of_tree() noexcept {
    const worker* caller = this_worker();
    const bool is_ours = caller != nullptr && &caller->core() == this;
    return is_ours ? tree_.of_worker(caller->index) : tree_.of_others();
}

void runtime_core::arm(timer& node, std::int64_t when) noexcept {
    bool is_first = false;
    {
        const lowlevel::locked held(timers_.lock());
        is_first = timers_.arm(node, when);
    }
    if (is_first) scheduler_.time_changed();
}

void runtime_core::arm_locked(timer& node, std::int64_t when) noexcept {
    if (timers_.arm(node, when)) scheduler_.time_changed();
}

void runtime_core::disarm(timer& node) noexcept {
    const lowlevel::locked held(timers_.lock());
    timers_.disarm(node);
}

// The whole tree lock keeps a scope alive whose timer has left the heap; a sleeper, which has no
// part in the tree, is completed before the timers' lock is given up.
void runtime_core::fire_due_timers() noexcept {
    const std::int64_t due = now();
    simulation* const simulated = scheduler_.simulated();
    this_worker()->last_look = clock_stamp(due);
    ready_chain woken;
    {
        const lowlevel::locked whole(tree_);
        for (;;) {
            timer* next = nullptr;
            {
                const lowlevel::locked held(timers_.lock());
                next = simulated == nullptr ? timers_.take_due(due)
                                            : simulated->take_due(timers_, due);
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

void run_main(task_record& main, const run_options& options) { run_main(main, options, nullptr); }

void run_main(task_record& main, const run_options& options, simulation* simulated) {
    if (this_worker() != nullptr) {
        throw std::logic_error(
            "covey::run inside a run: a task that wants another task awaits it, or starts it in a "
            "nursery");
    }
    runtime_core core(main, options, simulated);
    root_scope root(core, main);
    main.core = &core;
    if (simulated != nullptr) simulated->begin(core, root.scope());
    {
        std::optional<interrupt_watch> watch;
        if (options.interrupts) watch.emplace(root.scope());
        core.run();
    }
    if (simulated != nullptr) simulated->end();
    main.phase.store(task_phase::ended, lowlevel::order::relaxed);
    if (!main.root.error && !main.root.stopped) return;
    const cancel_cause cause = root.scope().cause();
    throw_main_outcome(std::exchange(main.root.error, nullptr),
                       cause.source == cancel_source::interrupt, cause);
}

namespace {

[[nodiscard]] std::exception_ptr error_of_cause(const cancel_cause& cause) {
    if (cause.source == cancel_source::interrupt) {
        return std::make_exception_ptr(interrupted(
            fmt::format("main was stopped by {}", cause.reason.empty() ? "a signal" : cause.reason),
            last_interrupt()));
    }
    const std::string text = fmt::format("main was cancelled ({}{}{})", to_string(cause.source),
                                         cause.reason.empty() ? "" : ": ", cause.reason);
    return std::make_exception_ptr(cancelled_error(text, cause));
}

}  // namespace

void throw_main_outcome(const std::exception_ptr& error, bool was_cancelled,
                        const cancel_cause& cause) {
    if (!error) std::rethrow_exception(error_of_cause(cause));
    if (!was_cancelled) std::rethrow_exception(error);
    throw exception_group("main failed after it was cancelled", {error_of_cause(cause), error});
}

void throw_awaited_twice(std::source_location made_by) {
    throw std::logic_error(fmt::format(
        "covey: task '{}' is awaited a second time, or after it was moved from: a task runs once, "
        "call the function again for another",
        pretty_function(made_by.function_name())));
}

}  // namespace covey::detail
