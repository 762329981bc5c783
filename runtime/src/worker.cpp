// SPDX-License-Identifier: BSL-1.0
#include "worker.hpp"

#include "frame_pool.hpp"
#include "runtime_core.hpp"
#include "scope_tree.hpp"

#include <covey/detail/settle.hpp>
#include <covey/testing.hpp>

#include <utility>

namespace covey {

namespace detail {

namespace {

lowlevel::atomic<bool> yield_every_operation{false};

}  // namespace

[[gnu::noinline]] worker* this_worker() noexcept {
    return static_cast<worker*>(lowlevel::turn_of_thread);
}

bool yields_every_operation() noexcept {
    return yield_every_operation.load(lowlevel::order::relaxed);
}

worker::worker(runtime_core& core, unsigned number) noexcept
    : index(number),
      core_(core),
      station_(core.scheduler().station_of(number)),
      turn_budget_(core.scheduler().simulated() != nullptr ? 0 : budget_per_turn) {
    simulated = core.scheduler().simulated();
    next_budget = turn_budget_;
}

void worker::run(task_record* first) noexcept {
    const frame_pool::worker_life pooling;
    lowlevel::turn_of_thread = this;
    last_look = clock_stamp(core_.now());
    if (first != nullptr) run_task(*first);
    for (;;) {
        const scheduler::turn given = core_.scheduler().next(station_);
        if (given.stopped) break;
        if (given.has_waited) last_look = clock_stamp(core_.now());
        if (given.task != nullptr)
            run_task(*given.task);
        else
            core_.fire_due_timers();
    }
    lowlevel::turn_of_thread = nullptr;
}

// A task comes back from the queue for one of four reasons: it is new; a cancellation claimed its
// wait; it yielded at a checkpoint and was cancelled meanwhile; or, nearly always, what it waited
// for is there.
inline promise_base* worker::where_to_resume(task_record& task) noexcept {
    const bool has_waited = task.started && !task.at_checkpoint;
    if (has_waited && task.word.claimed() == nullptr) [[likely]]
        return task.leaf;
    return start_or_unwind(task);
}

void worker::run_task(task_record& task) noexcept {
    who = &task;
    station_.task.store(&task, lowlevel::order::relaxed);
    checkpoints_seen = task.is_watched ? &task.checkpoints_seen : nullptr;
    budget = std::exchange(next_budget, turn_budget_);
    if (yields_every_operation()) budget = 0;
    ended = false;
    task.phase.store(task_phase::running, lowlevel::order::relaxed);
    promise_base* frame = where_to_resume(task);
    while (frame != nullptr) {
        next = unwind_from = nullptr;
        frame->owner().child.resume();
        // A task that waits now may be running elsewhere: only the worker's own members are safe.
        frame = unwind_from == nullptr ? next : unwind(*unwind_from);
    }
    if (ended) {
        pay();
        if (simulated != nullptr) simulated->task_ends(task);
        end_task(task);
    }
    who = nullptr;
    station_.task.store(nullptr, lowlevel::order::relaxed);
    if (watch != nullptr) [[unlikely]]
        std::exchange(watch, nullptr)->suspended();
}

promise_base* worker::start_or_unwind(task_record& task) noexcept {
    if (!task.started) return start(task);
    if (lowlevel::wait_operation* claimed = task.word.claimed()) {
        claimed->withdraw();
        scope_tree::end_claim(task);
        return unwind(*task.leaf);
    }
    task.at_checkpoint = false;
    return task.word.is_cancelled() ? unwind(*task.leaf) : task.leaf;
}

promise_base* worker::start(task_record& task) noexcept {
    task.started = true;
    try {
        promise_base* root = task.start();
        if (root != nullptr) {
            root->set_owner(task.root);
            if (!task.is_named)
                task.label.store(root->place.function_name(), lowlevel::order::relaxed);
            return root;
        }
    } catch (...) {
        task.root.error = std::current_exception();
    }
    ended = true;
    return nullptr;
}

namespace {

// Whether a stop goes no further than to the owner of the stopped frame.
bool ends_stop(frame_owner& owner) noexcept {
    switch (owner.kind) {
        case owner_kind::awaiter: return false;
        case owner_kind::record:
        case owner_kind::boundary: return true;
        case owner_kind::block:
        case owner_kind::in_place: break;
    }
    auto& block = static_cast<block_place&>(owner);
    return block.ends_stop == nullptr || block.ends_stop(block);
}

}  // namespace

// Destroys frames from the leaf outwards until a block catches the stop. A loop, so any depth
// costs no stack; destructors run with the task current, and no lock held.
promise_base* worker::unwind(promise_base& leaf) noexcept {
    next = unwind_from = nullptr;
    promise_base* frame = &leaf;
    for (;;) {
        frame_owner& to = frame->owner();
        promise_base* parent = to.parent_frame();
        if (to.kind == owner_kind::in_place)
            static_cast<block_place&>(to).step_out();
        else
            std::exchange(to.child, nullptr).destroy();
        to.stopped = ends_stop(to);
        if (to.stopped) {
            ended = parent == nullptr;
            return parent;
        }
        frame = parent;
    }
}

void run_child_next(frame_owner& to, promise_base& child) noexcept {
    child.set_owner(to);
    this_worker()->next = &child;
}

void run_parent_next(promise_base& finished) noexcept {
    worker& worker = *this_worker();
    worker.next = finished.owner().parent_frame();
    if (worker.next == nullptr) worker.ended = true;
}

void unwind_next(promise_base& from) noexcept { this_worker()->unwind_from = &from; }

task_record* current_task_or_null() noexcept {
    worker* worker = this_worker();
    return worker == nullptr ? nullptr : worker->current();
}

}  // namespace detail

constinit thread_local lowlevel::turn* lowlevel::turn_of_thread = nullptr;

[[gnu::noinline]] lowlevel::turn* lowlevel::this_turn() noexcept { return turn_of_thread; }

void lowlevel::watch_suspension(suspension_watch& watch) noexcept {
    detail::this_worker()->watch = &watch;
}

bool lowlevel::end_suspension_watch(const suspension_watch& watch) noexcept {
    detail::worker& worker = *detail::this_worker();
    if (worker.watch != &watch) return false;
    worker.watch = nullptr;
    return true;
}

bool testing::set_yield_every_operation(bool on) noexcept {
    return covey::detail::yield_every_operation.exchange(on, lowlevel::order::relaxed);
}

}  // namespace covey
