// SPDX-License-Identifier: BSL-1.0
#pragma once

// One running task: main, or a child of a nursery.
//
// What      The record that the scheduler queues, the scope tree hangs scopes on, and the wait
//           protocol arms. A child's callable and arguments stand behind it in the same block.
// Threads   See the groups of members. A task runs on one worker at a time; while it is suspended
//           its leaf belongs to whoever will resume it.
// Lifetime  Counted: one reference of the run, given up when the task has ended, and one for each
//           join_handle.

#include <covey/cancel_scope.hpp>
#include <covey/detail/promise.hpp>
#include <covey/lowlevel/census.hpp>

#include <cstddef>
#include <new>
#include <string_view>

namespace covey::detail {

// A task's place among the children of its nursery.
struct sibling_hook : lowlevel::list_hook {};

// A reading of a run's clock in four bytes, to tell how long ago it was: to a millisecond, if it
// wasn't 52 days.
class clock_stamp {
 public:
    clock_stamp() noexcept = default;
    explicit clock_stamp(std::int64_t nanoseconds) noexcept
        : steps_(static_cast<std::uint32_t>(nanoseconds / nanoseconds_per_step)) {}
    [[nodiscard]] std::int64_t nanoseconds_until(clock_stamp later) const noexcept {
        return std::int64_t(later.steps_ - steps_) * nanoseconds_per_step;
    }

 private:
    static constexpr std::int64_t nanoseconds_per_step = 1'000'000;
    std::uint32_t steps_ = 0;
};

// How far a task has come; only for looking at.
enum class task_phase : std::uint8_t { created, running, ready, waiting, ended };

class task_record : public lowlevel::waiter, public sibling_hook {
 public:
    virtual ~task_record() { lowlevel::count(lowlevel::counted::tasks, -1); }

    // Records are pooled like frames, but for those with a stricter alignment.
    static void* operator new(std::size_t size);
    static void operator delete(void* record, std::size_t size) noexcept;
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* record, std::size_t size,
                                std::align_val_t alignment) noexcept {
        ::operator delete(record, size, alignment);
    }

    void wake() noexcept final;
    // By whoever makes it, before anybody else knows it: costs nothing.
    void begin_with_reference() noexcept { references_.store(2, lowlevel::order::relaxed); }
    // The same, to run as soon as the calling task waits: see scheduler::hand_over().
    void wake_next() noexcept;
    void add_reference() noexcept { references_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_reference() noexcept {
        // Nobody adds to the last one: no need to change it.
        if (references_.load(lowlevel::order::acquire) == 1 ||
            references_.fetch_sub(1, lowlevel::order::acq_rel) == 1)
            delete this;
    }

    // Calls the callable. A coroutine: its frame, to be resumed by the worker; a plain function
    // has run: null. Throws what the callable throws.
    virtual promise_base* start() = 0;
    // If it keeps_value, the root frame has returned: takes it.
    virtual void keep_value() {}
    // Destroys callable and arguments: the task has ended, whatever outlives it here.
    virtual void drop_callable() noexcept = 0;
    // If it is_joinable, no lock is held. The task has failed or was stopped: notes why, while it
    // is known. The outcome is decided: tells those who wait for this task.
    virtual void keep_blame() noexcept {}
    virtual void announce() noexcept {}
    // What the callable is called by the compiler, until the coroutine itself says.
    [[nodiscard]] virtual const char* callable_name() const noexcept = 0;
    // The name given in task_options; empty: none.
    [[nodiscard]] virtual std::string_view given_name() const noexcept { return {}; }
    // Where a child that can be cancelled alone keeps a scope for that; null: it can't.
    [[nodiscard]] virtual void* place_of_own_scope() noexcept { return nullptr; }

    // Constant after the spawn, but for the parent of a task that may move: that one is written
    // under the whole tree lock.
    runtime_core* core = nullptr;
    nursery* parent = nullptr;  // null: main

    // Owned by the task's worker; by nobody while it is suspended.
    [[no_unique_address]] frame_owner root;  // owns the outermost frame, and how it ended
    bool is_watched = false;                 // by testing::expect_checkpoints
    std::uint8_t checkpoints_seen = 0;       // while it is
    bool at_checkpoint : 1 = false;  // yielded in checkpoint(): cancellation is met on return
    bool started : 1 = false;
    bool has_callable : 1 = true;
    bool failed : 1 = false;  // ended by an error, which its nursery has

    // Written by the task's worker, read by anybody who looks; like the four below.
    lowlevel::atomic<task_phase> phase{task_phase::created};

    // Constant after the spawn, but for the one that says so.
    bool is_service : 1 = false;
    bool may_move : 1 = false;     // of a start(), which takes it to another nursery
    bool keeps_error : 1 = false;  // for whoever holds its future: its nursery doesn't fail
    bool is_scoped : 1 = false;    // begins in a scope of its own
    bool is_joinable : 1 = false;  // somebody may wait for its end, or cancel it alone
    bool keeps_value : 1 = false;  // what its coroutine returns
    bool is_named : 1 = false;     // by its label

    promise_base* leaf = nullptr;  // the frame to resume; owned like the root

    // Set under the lock of its nursery, then written by the task under its worker's part of the
    // tree lock; by a move, and when it is cancelled alone, under the whole. Read under any part,
    // and by the task that ends: a move then waits for it, and so does a handle.
    cancel_scope* scope = nullptr;  // the innermost one

    // Owned by the chain that the task is in.
    task_record* next_ready = nullptr;

    lowlevel::atomic<const lowlevel::wait_traits*> waits_for{nullptr};
    lowlevel::atomic<std::source_location> place{};  // where it waits
    // Given with the task and a copy, if it is_named; else the compiler's for the root coroutine,
    // null before there is one.
    lowlevel::atomic<const char*> label{nullptr};
    lowlevel::atomic<clock_stamp> since{};  // when it began to wait

 protected:
    task_record() noexcept { lowlevel::count(lowlevel::counted::tasks, +1); }

 private:
    lowlevel::atomic<std::uint32_t> references_{1};
};

// Tasks on their way to the run queue, in order; they can't run before they get there.
class ready_chain {
 public:
    void add(task_record& task) noexcept {
        task.next_ready = nullptr;
        (last_ == nullptr ? first_ : last_->next_ready) = &task;
        last_ = &task;
        ++count_;
    }
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] const task_record* first() const noexcept { return first_; }
    task_record* take() noexcept {
        task_record* task = first_;
        if (task == nullptr) return nullptr;
        first_ = task->next_ready;
        if (first_ == nullptr) last_ = nullptr;
        task->next_ready = nullptr;
        --count_;
        return task;
    }
    // Moves all of `other` to the end.
    void append(ready_chain& other) noexcept {
        if (other.empty()) return;
        (last_ == nullptr ? first_ : last_->next_ready) = other.first_;
        last_ = other.last_;
        count_ += other.count_;
        other.first_ = other.last_ = nullptr;
        other.count_ = 0;
    }

 private:
    task_record* first_ = nullptr;
    task_record* last_ = nullptr;
    std::size_t count_ = 0;
};

// The wait of a task is over: it goes to the chain instead of being woken at once.
void complete_into(ready_chain& woken, lowlevel::wait_node& node) noexcept;

using sibling_list = lowlevel::intrusive_list<task_record, sibling_hook>;

// The task that the calling worker runs. Throws std::logic_error elsewhere, saying what was tried.
[[nodiscard]] task_record& current_task(const char* attempt);
[[nodiscard]] task_record* current_task_or_null() noexcept;

// "worker", "lambda in main", or what task_options said. Any thread, while the task is known alive.
[[nodiscard]] std::string task_name(const task_record& task);
// As the compiler calls what the task runs.
[[nodiscard]] const char* function_name(const task_record& task) noexcept;
[[nodiscard]] std::string pretty_function(const char* name);

}  // namespace covey::detail
