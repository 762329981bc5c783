// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a task waits, and how exactly one party ends the wait.
//
// What      wait_word is the state of a waiter, wait_node its place in somebody's list,
//           wait_operation the base of everything that is co_awaited and may wait.
// Protocol  The owner tries under the object's lock; if it would block it links its node, arms the
//           word, and keeps the lock until its resume address is stored: whoever later takes that
//           lock meets a task that has provably suspended. A completer pops the node under the
//           same lock and disarms the word; a canceller marks the word without any lock of the
//           object. One compare-exchange decides between them:
//
//               0 --arm--> armed --complete--> 0            value delivered, task scheduled
//                           |
//                           +---cancel--> armed|cancelled   claimed: scheduled to unwind
//               0 --cancel--> cancelled                     seen by the next operation
//
//           A completer that loses drops the node and turns to the next waiter.
// Threads   A word is armed by its owner only, completed by whoever holds the object's lock,
//           cancelled by whoever holds the scope tree's lock.
// Lifetime  A node lives in its task's coroutine frame. The frame outlives the wait because only
//           the task's worker destroys it, after withdraw() took the node out of the list.
// Rejected  Arming by exchange: it wipes a cancellation for a moment, and two cancellers claim the
//           same wait. A word in the frame instead of the task: a canceller would need hazard
//           pointers to touch it.

#include <covey/lowlevel/assert.hpp>
#include <covey/lowlevel/atomic.hpp>
#include <covey/lowlevel/intrusive_list.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace covey::detail {
class promise_base;
class simulation;
class task_record;
}  // namespace covey::detail

namespace covey::lowlevel {

class wait_operation;
class wait_report;

// The state of one waiter: see the diagram above. The only code that knows its bits.
class wait_word {
 public:
    // Owner: from now on the wait may be completed or cancelled. False: cancellation came first.
    [[nodiscard]] bool arm(wait_operation& operation) noexcept {
        std::uintptr_t expected = 0;
        return word_.compare_exchange(expected, address(operation) | armed, order::acq_rel,
                                      order::acquire);
    }
    // Completer, of a wait whose node it has found in a list: true: the wait is over and the caller
    // owes the task a result and a wake-up. No need to say which wait: whose node stands in a list
    // waits for that, or has not gone on since.
    [[nodiscard]] bool complete() noexcept {
        std::uintptr_t expected = word_.load(order::relaxed);
        return is_waiting(expected) &&
               word_.compare_exchange(expected, 0, order::acq_rel, order::acquire);
    }
    // Canceller: true: a wait was claimed and the caller has to schedule the task.
    [[nodiscard]] bool cancel() noexcept {
        const std::uintptr_t before = word_.fetch_or(cancelled, order::acq_rel);
        return (before & armed) != 0 && (before & cancelled) == 0;
    }
    // Takes a cancellation back from a task that has not met it yet.
    void withdraw_cancel() noexcept {
        std::uintptr_t expected = cancelled;
        [[maybe_unused]] const bool done =
            word_.compare_exchange(expected, 0, order::acq_rel, order::acquire);
    }
    // Owner, while it runs: sets the level anew.
    void set_level(bool is_cancelled) noexcept {
        word_.store(is_cancelled ? cancelled : 0, order::release);
    }
    [[nodiscard]] bool is_cancelled() const noexcept {
        return (word_.load(order::acquire) & cancelled) != 0;
    }
    // Whether it still waits, neither completed nor cancelled.
    [[nodiscard]] bool is_waiting() const noexcept {
        return is_waiting(word_.load(order::acquire));
    }
    // Worker: the operation that a cancellation claimed, or null.
    [[nodiscard]] wait_operation* claimed() const noexcept {
        const std::uintptr_t word = word_.load(order::acquire);
        return (word & armed) == 0 ? nullptr
                                   : reinterpret_cast<wait_operation*>(word & ~(armed | cancelled));
    }

 private:
    static constexpr std::uintptr_t armed = 1;
    static constexpr std::uintptr_t cancelled = 2;

    static bool is_waiting(std::uintptr_t word) noexcept {
        return (word & (armed | cancelled)) == armed;
    }
    static std::uintptr_t address(const wait_operation& operation) noexcept {
        return reinterpret_cast<std::uintptr_t>(&operation);
    }

    atomic<std::uintptr_t> word_{0};
};

// Whoever waits: a task, or a thread that blocks in one of the `_blocking` calls.
class waiter {
 public:
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    wait_word word;

    // After complete() was won and the result stored, with no lock of the object held: lets the
    // waiter go on. It may be gone when this returns.
    virtual void wake() noexcept = 0;

 protected:
    waiter() noexcept = default;
    ~waiter() = default;
};

// How many keep an object. One of them may be owed by a turn: see turn::owe().
class reference_count {
 public:
    void add_reference() noexcept { references_.fetch_add(1, order::relaxed); }
    // True: it was the last one.
    [[nodiscard]] bool remove_reference() noexcept {
        return references_.fetch_sub(1, order::acq_rel) == 1;
    }

 private:
    atomic<std::uint32_t> references_{1};
};

// The two halves of a checkpoint.
inline constexpr std::uint8_t seen_cancel_point = 1;
inline constexpr std::uint8_t seen_schedule_point = 2;

// What an operation needs of the task that awaits it: the turn that the calling worker has given
// to a task. Ends when the task waits, yields or ends.
struct turn {
    waiter* who = nullptr;                     // the task; null: the worker is between two turns
    unsigned budget = 0;                       // operations that may still finish without a yield
    reference_count* owed = nullptr;           // has a keeper more than its count says
    std::uint8_t* checkpoints_seen = nullptr;  // bits; null: nobody wants to know
    detail::simulation* simulated = nullptr;   // wants to know who uses what; or null

    // For testing::expect_checkpoints.
    void note_checkpoint(std::uint8_t half) noexcept {
        if (checkpoints_seen != nullptr) [[unlikely]]
            *checkpoints_seen = static_cast<std::uint8_t>(*checkpoints_seen | half);
    }

    // Most operations are awaited where they are made, and keep their object for the length of one
    // expression. So the count is raised only when it may matter: when a second one is made, the
    // object's owner goes, another task gets a chance to run, or the turn ends.
    void owe(reference_count& count) noexcept {
        pay();
        owed = &count;
    }
    void pay() noexcept {
        if (owed == nullptr) return;
        owed->add_reference();
        owed = nullptr;
    }
    // The keeper goes, or counts itself in another way. True: it was not counted.
    [[nodiscard]] bool cancel_debt(const reference_count& count) noexcept {
        if (owed != &count) return false;
        owed = nullptr;
        return true;
    }
};

// The calling thread's turn; null on a thread that is no worker. The variable itself is for
// functions that are never part of a coroutine, where its address could be kept across a
// suspension.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local turn* turn_of_thread;
[[nodiscard]] turn* this_turn() noexcept;

// How a wait ended, set by the completer.
enum class wait_result : std::uint8_t {
    done,    // with what was waited for
    closed,  // the handle that was waited on was closed
    broken,  // nobody is left to receive
    ended,   // nobody is left to send
    full,    // there was no room, and the sender asked not to wait
    none,    // it hasn't: a select finds by this which of its nodes was completed
};

class wait_node;
using wait_list = intrusive_list<wait_node>;

// One place in a list of waiters, FIFO. Guarded by the lock of the object that owns the list.
class wait_node : public list_hook {
 public:
    wait_node() noexcept {}

    // Written before the node enters a list: an operation that needn't wait doesn't pay for them.
    waiter* who;
    void* through;  // the handle that was used, where handles matter
    void* slot;     // where a value is put or found, if one is

    wait_result result = wait_result::done;
    bool holds_through = false;  // counted for this node, and its owner lets go of it
    bool is_cancellable = true;  // and so the word is armed

    // Completer, holding the lock, node unlinked: true when this wait is now over.
    [[nodiscard]] bool claim() noexcept { return !is_cancellable || who->word.complete(); }
    // Whether it is neither completed nor cancelled. Likewise; the node may be linked.
    [[nodiscard]] bool is_waiting() const noexcept {
        return !is_cancellable || who->word.is_waiting();
    }
    // Completer, with no lock held, after claim() and storing the result: lets the waiter go on.
    // The node is gone with it.
    void wake() noexcept;
    // Owner, holding the lock: out of the list, unless a completer took it out before.
    void leave(wait_list& list) noexcept {
        if (is_linked()) list.remove(*this);
    }

    // Owner, while it stands in no list: whose wait its operation has ended, to be woken when no
    // lock is held.
    void keep_served(wait_node* served) noexcept { previous = served; }
    [[nodiscard]] wait_node* take_served() noexcept {
        return is_linked() ? nullptr : static_cast<wait_node*>(std::exchange(previous, nullptr));
    }
};

// How many in a list still wait: a cancelled waiter may stand in it until its worker has taken it
// out, and doesn't count. O(n).
[[nodiscard]] std::size_t count_waiting(const wait_list& list) noexcept;

// Waiters whose wait is over, to be woken when no lock is held any more.
class wake_list {
 public:
    void add(wait_node& node) noexcept { nodes_.push_back(node); }
    void take(wake_list& other) noexcept { nodes_.splice_back(other.nodes_); }
    void wake_all() noexcept;
    [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }

 private:
    wait_list nodes_;
};

// What a wait is shown as in dump_task_tree(), and whether cancellation ends it.
struct wait_traits {
    const char* verb;           // "receive", "sleep"
    bool interruptible = true;  // false: cancellation waits until the wait is over by itself
};

// Base of every operation that may wait. A subclass says how to try, where to queue, and which
// lock protects both; the steps below are the same for all:
//
//   lock.  cancelled? -> unlock, unwind.  try: done -> unlock, go on.  link, arm, suspend, unlock.
//
// A checkpoint: it checks for cancellation first, and when it didn't have to wait it yields once
// the worker's budget is spent. An operation is awaited at most once and may be moved until then.
class wait_operation : private wait_node {
 public:
    wait_operation(const wait_operation&) = delete;
    wait_operation& operator=(const wait_operation&) = delete;

    [[nodiscard]] bool await_ready();
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        suspend(frame.promise());
    }

    // The same for an ordinary thread: try, else block until completed.
    void block_thread();
    // ... or until so much real time has passed: false, and the operation has taken no effect.
    [[nodiscard]] bool block_thread_for(std::int64_t nanoseconds);

    // The same for whoever is told by its wake(), and waits nowhere meanwhile. True: it is over,
    // and nobody is told. False: it will be, on the completer's thread, unless the caller wins
    // word.cancel() and withdraws the operation, which lives as long. Not for what the runtime
    // itself ends: a clock, a scope, the last of a nursery's children.
    [[nodiscard]] bool start_for(waiter& told);

    // Worker, after a cancellation claimed the wait: takes the node out of its list. After it
    // nobody but the task knows the operation.
    void withdraw() noexcept;

    // What it waits for, while it does.
    virtual void tell(wait_report& report) const { static_cast<void>(report); }

    [[nodiscard]] virtual const wait_traits& traits() const noexcept = 0;

    // Of a node that an operation of its own stands in a list with, not one of the many of a
    // select.
    [[nodiscard]] static wait_operation& of(wait_node& node) noexcept {
        return static_cast<wait_operation&>(node);
    }

 protected:
    wait_operation() noexcept = default;
    wait_operation(wait_operation&& other) noexcept : wait_node(), step_(other.step_) {
        COVEY_ASSERT(!other.is_linked(), "an operation is moved while it waits");
        other.step_ = step::moved;
    }
    virtual ~wait_operation() = default;

    // The whole of await_ready(). An operation whose steps are final, called from where they are
    // defined, makes no virtual call on its way.
    template <class Steps>
    [[nodiscard]] bool start(Steps& steps);
    // The rest of it, with the lock held.
    template <class Steps>
    [[nodiscard]] bool start_locked(Steps& steps, turn& now);

    // start() for one that is nearly always over at once: first that, without the steps of one that
    // may wait. Besides those a subclass has, none of which throws,
    //   spin_lock& guard()               what lock() takes
    //   bool is_owed_alone(turn&)        the turn owes nothing but what this one keeps, if anything
    //   void begin_owed(turn&)           begin() for such a one
    //   bool try_usual()                 locked; false: nothing was done. Serves nobody
    template <class Steps>
    [[nodiscard]] bool start_as_usual(Steps& steps);

    // The task has begun to await it: what the turn owes is paid before others may see the task.
    void begin(turn& now) noexcept { now.pay(); }
    virtual void lock() noexcept = 0;
    virtual void unlock() noexcept = 0;  // and wakes whom try_now() completed
    virtual bool try_now() = 0;          // locked; true: decided. May throw
    virtual void link() noexcept = 0;    // locked; puts node() into a list
    virtual void unlink() noexcept = 0;  // locked; takes node() out again, if it is still in

    // It has been made and not awaited.
    [[nodiscard]] bool is_fresh() const noexcept { return step_ == step::fresh; }
    // After await_ready() gave false: a cancellation was there first, and nothing was tried or
    // kept.
    [[nodiscard]] bool was_refused() const noexcept { return step_ == step::unwind; }

    [[nodiscard]] wait_node& node() noexcept { return *this; }
    [[nodiscard]] const wait_node& node() const noexcept { return *this; }

 private:
    enum class step : std::uint8_t { fresh, moved, begun, park, yield, unwind };
    class blocked_thread;

    // Nothing but the state of the object can keep it from being over at once, without a yield.
    [[nodiscard]] bool is_usual_start(const turn& now) const noexcept {
        return now.who != nullptr && now.budget != 0 && now.checkpoints_seen == nullptr &&
               step_ == step::fresh;
    }

    [[nodiscard]] bool try_or_queue(waiter& caller, bool blocks);
    [[noreturn]] void refuse_to_start() const;
    void refuse_in_simulated_call() const;
    [[nodiscard]] bool refused() noexcept {
        step_ = step::unwind;
        return false;
    }
    [[nodiscard]] bool decided(turn& now) noexcept;
    void suspend(detail::promise_base& frame) noexcept;

    step step_ = step::fresh;  // fits behind the node's last byte
};

template <class Steps>
bool wait_operation::start(Steps& steps) {
    turn* const now = turn_of_thread;
    if (now == nullptr || now->who == nullptr || step_ != step::fresh) [[unlikely]]
        refuse_to_start();
    step_ = step::begun;
    steps.begin(*now);
    steps.lock();
    return start_locked(steps, *now);
}

template <class Steps>
bool wait_operation::start_as_usual(Steps& steps) {
    turn* const now = turn_of_thread;
    if (now == nullptr || !is_usual_start(*now) || !steps.is_owed_alone(*now)) [[unlikely]]
        return start(steps);
    auto& guard = steps.guard();
    if (!guard.try_lock()) [[unlikely]]
        return start(steps);
    step_ = step::begun;
    steps.begin_owed(*now);
    if (now->who->word.is_cancelled() || !steps.try_usual()) [[unlikely]]
        return start_locked(steps, *now);
    guard.unlock();
    --now->budget;
    return true;
}

template <class Steps>
bool wait_operation::start_locked(Steps& steps, turn& now) {
    const bool interruptible = steps.traits().interruptible;
    if (interruptible) now.note_checkpoint(seen_cancel_point);
    // Under the lock: whatever is offered after a cancel() has returned comes through this lock
    // too, so it can't be taken by a task that looked before that.
    if (interruptible && now.who->word.is_cancelled()) {
        steps.unlock();
        return refused();
    }
    try {
        if (steps.try_now()) {
            steps.unlock();
            return decided(now);
        }
    } catch (...) {
        steps.unlock();
        throw;
    }
    who = now.who;
    is_cancellable = interruptible;
    steps.link();
    if (interruptible && !who->word.arm(*this)) {
        steps.unlink();
        steps.unlock();
        return refused();
    }
    step_ = step::park;
    return false;  // still locked: suspend() unlocks when the resume address is stored
}

// It didn't have to wait, and its effect stands: what is left is to be fair to others. The yield is
// no place for a cancellation.
inline bool wait_operation::decided(turn& now) noexcept {
    now.note_checkpoint(seen_schedule_point);
    if (now.budget != 0) {
        --now.budget;
        return true;
    }
    step_ = step::yield;
    return false;
}

// For calls that block a thread: throws would_deadlock_error on a worker, whose own tasks would
// have to end the wait. `call` is its name, `instead` what to await.
void refuse_to_block_worker(const char* call, const char* instead);

}  // namespace covey::lowlevel
