// SPDX-License-Identifier: BSL-1.0
//
// What       A nursery's children: how they enter, how they end, how the block ends.
//
//                open -- body and children -- joined -- services one by one -- closed
//
// Invariants A child is in exactly one list of its nursery: children_ or services_ while it runs,
//            failed_ from its error to the end of the block, none afterwards. Whoever takes the
//            last thing away that the block waits for wakes it, as the last access to the nursery.
// Threads    The nursery's own lock guards its lists, and a child that starts or ends takes no
//            other: it is adopted in the step that reads the flags of the nursery's scope, and a
//            cancellation changes these in the step that looks through the list. So a child is
//            found, or finds itself cancelled. Two take part of the tree lock first, or the whole:
//            a child that start() may move, since its nursery isn't fixed; and whoever cancels.

#include <covey/nursery.hpp>

#include "describe.hpp"
#include "scope_tree.hpp"
#include "worker.hpp"

#include <covey/exception_group.hpp>
#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace covey {

using detail::scope_tree;
using lowlevel::locked;
using lowlevel::mutex_guard;

namespace detail {

struct nursery_control {
    lowlevel::mutex lock;  // before the tree lock; held while a handle uses the nursery
    covey::nursery* nursery = nullptr;  // null: it has ended
    lowlevel::atomic<unsigned> references{1};

    void drop() noexcept {
        if (references.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }
};

namespace {

constexpr lowlevel::wait_traits waits_for_children{"children", false};

[[noreturn]] void throw_closed(const task_record& child) {
    throw closed_nursery_error(fmt::format(
        "task '{}' can't be started: the nursery has ended; start it while the block is open",
        task_name(child)));
}

// "child task 'x' failed: what()". Made before any lock is taken, because what() is user code.
cancel_cause* cause_of_failure(const std::exception_ptr& error, const char* who,
                               const task_record* task) noexcept {
    try {
        const std::string name = task == nullptr ? std::string() : task_name(*task);
        std::string reason = fmt::format("{} '{}' failed: {}", who, name, describe(error));
        return scope_tree::make_cause(reason, name);
    } catch (...) {
        return nullptr;
    }
}

}  // namespace

// A child that never was: its block goes, the caller is told.
[[noreturn]] void refuse(task_record& child);

}  // namespace detail

nursery::~nursery() {
    COVEY_ASSERT(!open_, "a nursery is destroyed while it is open");
    if (auto* control = control_.load(lowlevel::order::acquire)) control->drop();
}

// False: the nursery has ended, and the child is still the caller's.
bool nursery::try_spawn(detail::task_record& child) noexcept {
    child.core = scope_.core_;
    child.parent = this;
    {
        const locked held(lock_);
        if (!open_) return false;
        detail::scope_tree::adopt_locked(scope_, child);
        (child.is_service ? services_ : children_).push_back(child);
    }
    if (child.may_move)  // its starter waits for it
        child.wake_next();
    else
        child.wake();
    return true;
}

void nursery::spawn_child(detail::task_record& child) {
    if (!try_spawn(child)) detail::refuse(child);
}

void nursery::spawn_service(detail::task_record& child) {
    child.is_service = child.is_scoped = true;
    spawn_child(child);
}

nursery_handle nursery::handle() {
    using lowlevel::order;
    detail::nursery_control* control = control_.load(order::acquire);
    if (control == nullptr) {
        auto fresh = std::make_unique<detail::nursery_control>();
        fresh->nursery = this;
        if (control_.compare_exchange(control, fresh.get(), order::acq_rel, order::acquire))
            control = fresh.release();
    }
    control->references.fetch_add(1, lowlevel::order::relaxed);
    return nursery_handle(control);
}

nursery_handle::nursery_handle(const nursery_handle& other) noexcept : control_(other.control_) {
    control_->references.fetch_add(1, lowlevel::order::relaxed);
}

nursery_handle::~nursery_handle() { control_->drop(); }

void nursery_handle::spawn_child(detail::task_record& child) const {
    {
        const mutex_guard held(control_->lock);
        if (control_->nursery != nullptr && control_->nursery->try_spawn(child)) return;
    }
    detail::refuse(child);  // destroys arguments of users, which may use this handle
}

void nursery_handle::cancel(std::string_view reason) const noexcept {
    const mutex_guard held(control_->lock);
    if (control_->nursery != nullptr) control_->nursery->cancel(reason);
}

namespace detail {

void refuse(task_record& child) {
    struct release {
        task_record& child;
        ~release() {
            child.drop_callable();
            child.drop_reference();
        }
    } const released{child};
    throw_closed(child);
}

// The block has nothing more to wait for: gives its node, to be woken when no lock is held.
lowlevel::wait_node* nursery_block::take_joiner_locked(nursery& joined) noexcept {
    if (joined.joiner_ == nullptr || !settle_locked(joined)) return nullptr;
    return std::exchange(joined.joiner_, nullptr);
}

bool nursery_block::settle_locked(nursery& joined) noexcept {
    if (!is_joined_locked(joined)) return false;
    if (joined.services_.empty()) joined.open_ = false;
    return true;
}

bool nursery_block::is_joined_locked(const nursery& joined) noexcept {
    return joined.children_.empty() && joined.pending_starts_ == 0 && joined.stopping_ == nullptr;
}

namespace {

void wake(lowlevel::wait_node* joiner) noexcept {
    if (joiner != nullptr) joiner->wake();
}

}  // namespace

// On the task's worker, when its root frame has finished or every frame is gone.
void end_task(task_record& task) noexcept {
    if (task.keeps_value && task.root.child && !task.root.error) {
        try {
            task.keep_value();
        } catch (...) {
            task.root.error = std::current_exception();
        }
    }
    if (task.root.child) std::exchange(task.root.child, nullptr).destroy();
    task.drop_callable();
    if (&task == &task.core->main())
        task.core->main_ended();
    else
        nursery_block::child_ended(task);
}

// A failure goes from the child to its nursery, which cancels the others; never sideways. Who waits
// for the child is told before the nursery may find itself joined: after the block every child has
// ended, also for who asks its handle.
void nursery_block::child_ended(task_record& task) noexcept {
    if (task.root.error || task.root.stopped) ended_badly(task);
    if (task.is_service) scope_tree::leave_own_scope(task);
    if (task.is_joinable) task.announce();

    lowlevel::wait_node* joiner = nullptr;
    if (task.may_move) {
        const locked own_part(task.core->own_part_of_tree());
        joiner = take_out(task);
    } else {
        joiner = take_out(task);
    }
    // What the record still holds may be destroyed now; nobody is in it any more.
    this_worker()->who = nullptr;
    task.drop_reference();
    wake(joiner);
}

void nursery_block::ended_badly(task_record& task) noexcept {
    task.failed = task.root.error != nullptr && !task.keeps_error;
    if (task.is_joinable) task.keep_blame();
    if (task.failed) fail_for(task);
}

// The last access to the nursery; gives its block if that has to be woken.
lowlevel::wait_node* nursery_block::take_out(task_record& task) noexcept {
    nursery& parent = *task.parent;
    const locked held(parent.lock_);
    task.phase.store(task_phase::ended, lowlevel::order::relaxed);
    (task.is_service ? parent.services_ : parent.children_).remove(task);
    if (parent.stopping_ == &task) parent.stopping_ = nullptr;
    if (task.root.stopped && !task.is_service && parent.scope_.effective_)
        parent.child_stopped_ = true;
    if (task.failed) {
        task.add_reference();  // the list's: its block frees it
        parent.failed_.push_back(task);
    }
    return take_joiner_locked(parent);
}

void nursery_block::fail_for(task_record& task) noexcept {
    cancel_cause* cause = cause_of_failure(task.root.error, "child task", &task);
    ready_chain cancelled;
    {
        const locked whole(task.core->tree());
        task.phase.store(task_phase::ended, lowlevel::order::relaxed);
        scope_tree::cancel_locked(task.parent->scope_, cancel_source::nursery, cause, cancelled);
    }
    if (!cancelled.empty()) task.core->scheduler().enqueue_all(cancelled);
}

void nursery_block::open(const lowlevel::scope_note* note) {
    task_record& task = current_task("nursery");
    nursery_.open_ = true;
    scope_tree::enter(nursery_.scope_, task, {.note = note}, &nursery_);
}

void nursery_block::body_failed(const std::exception_ptr& error) noexcept {
    runtime_core& core = *nursery_.scope_.core_;
    cancel_cause* cause =
        cause_of_failure(error, "the body of a nursery in task", nursery_.scope_.owner_);
    ready_chain cancelled;
    {
        const locked whole(core.tree());
        body_error_ = error;
        failed_before_body_ = count_failed();
        scope_tree::cancel_locked(nursery_.scope_, cancel_source::nursery, cause, cancelled);
    }
    if (!cancelled.empty()) core.scheduler().enqueue_all(cancelled);
}

std::size_t nursery_block::count_failed() noexcept {
    const locked held(nursery_.lock_);
    std::size_t count = 0;
    for (task_record* each = nursery_.failed_.front(); each != nullptr;
         each = nursery_.failed_.after(*each))
        ++count;
    return count;
}

bool nursery_block::stop_a_service() noexcept {
    if (!nursery_.open_) return false;
    runtime_core& core = *nursery_.scope_.core_;
    // Made without a lock, and only for a nursery that had services.
    cancel_cause* cause =
        scope_tree::make_cause("body and children of the service's nursery are done", {});
    ready_chain cancelled;
    {
        // With the whole tree, since the service is to be alive until it is cancelled: one that has
        // a scope can't leave it meanwhile. One that has none may be gone with the nursery's lock.
        const locked whole(core.tree());
        cancel_scope* own = nullptr;
        {
            const locked held(nursery_.lock_);
            if (const task_record* service = choose_service())
                own = scope_tree::outermost_of_locked(*service);
        }
        if (own != nullptr)
            scope_tree::cancel_locked(*own, cancel_source::shutdown, cause, cancelled);
        else
            delete cause;  // it is just ending, or nothing is to be stopped now
    }
    if (!cancelled.empty()) core.scheduler().enqueue_all(cancelled);
    return nursery_.open_;
}

// With the nursery's lock held. Null: none is left, and the nursery is closed; or a service has
// started another child meanwhile, and that comes first.
task_record* nursery_block::choose_service() noexcept {
    if (!settle_locked(nursery_)) return nullptr;
    return nursery_.stopping_ = nursery_.services_.back();
}

block_ending nursery_block::leave(bool body_stopped) noexcept {
    if (nursery_control* control = nursery_.control_.load(lowlevel::order::acquire)) {
        const mutex_guard held(control->lock);
        control->nursery = nullptr;
    }
    block_ending ending;
    ending.pass_on = scope_tree::leave(nursery_.scope_, body_stopped || nursery_.child_stopped_);
    ending.errors = group_of_errors();
    return ending;
}

// Without memory for a group, the error that came first stands for all of them.
std::exception_ptr nursery_block::group_of_errors() noexcept {
    if (!body_error_ && nursery_.failed_.empty()) return nullptr;  // closed: no lock is needed
    std::exception_ptr first;
    try {
        std::vector<std::exception_ptr> errors;
        for (std::size_t position = 0;; ++position) {
            std::exception_ptr error;
            if (body_error_ && position == failed_before_body_)
                error = std::exchange(body_error_, nullptr);
            else
                error = take_only_error();
            if (!error) break;
            if (!first) first = error;
            errors.push_back(std::move(error));
        }
        if (!first) return nullptr;
        const std::string name = task_name(*nursery_.scope_.owner_);
        return std::make_exception_ptr(
            exception_group(fmt::format("nursery of task '{}'", name), std::move(errors)));
    } catch (...) {
        return first;
    }
}

nursery_block::~nursery_block() {
    while (nursery_.failed_.front() != nullptr) static_cast<void>(take_only_error());
}

std::exception_ptr nursery_block::take_only_error() noexcept {
    task_record* failed = nullptr;
    {
        const locked held(nursery_.lock_);
        failed = nursery_.failed_.pop_front();
    }
    if (failed == nullptr) return nullptr;
    std::exception_ptr error = std::exchange(failed->root.error, nullptr);
    failed->drop_reference();
    return error;
}

children_wait::children_wait(nursery& joined) noexcept : nursery_(&joined) {}

bool children_wait::await_ready() { return start(*this); }
const lowlevel::wait_traits& children_wait::traits() const noexcept { return waits_for_children; }
void children_wait::lock() noexcept { nursery_->lock_.lock(); }
void children_wait::unlock() noexcept { nursery_->lock_.unlock(); }
bool children_wait::try_now() { return nursery_block::settle_locked(*nursery_); }
void children_wait::link() noexcept { nursery_->joiner_ = &node(); }
void children_wait::unlink() noexcept { nursery_->joiner_ = nullptr; }

start_reservation::start_reservation(nursery& target) : target_(target) {
    const locked held(target.lock_);
    if (!target.open_) {
        throw closed_nursery_error(
            "nursery.start(): the nursery has ended; start a child while its block is open");
    }
    ++target.pending_starts_;
}

start_reservation::~start_reservation() {
    lowlevel::wait_node* joiner = nullptr;
    {
        const locked held(target_.lock_);
        --target_.pending_starts_;
        joiner = nursery_block::take_joiner_locked(target_);
    }
    wake(joiner);
}

void hall_exit::prepare(nursery& target, task_record& child) noexcept {
    target_ = &target;
    child.add_reference();
    child.may_move = true;
    child_ = &child;
}

void hall_exit::retire() noexcept {
    const lowlevel::locked in_use(lock_);
    is_over_ = true;
}

hall_exit::~hall_exit() {
    if (child_ != nullptr) child_->drop_reference();
}

void start_slot_base::claim() {
    if (claimed_.exchange(true, lowlevel::order::acq_rel)) {
        throw std::logic_error(fmt::format(
            "started() was called twice by task '{}': a task says once that it is ready",
            child_name()));
    }
}

// If start() has been cancelled meanwhile, the child stays below it and ends with it. Between the
// two nurseries it is in none: nobody looks, and it can't end, until the tree lock is released. The
// hall's block comes no further than retire(), the target's is held up by the reservation.
void hall_exit::open() noexcept {
    lowlevel::stop_requests told;
    const locked in_use(lock_);
    if (is_over_) return;
    runtime_core& core = *child_->core;
    ready_chain woken;
    lowlevel::wait_node* joiner = nullptr;
    {
        const locked whole(core.tree());
        opened_ = true;
        if (child_->phase.load(lowlevel::order::relaxed) == task_phase::ended) return;
        nursery& hall = *child_->parent;
        if (scope_tree::is_effective_locked(hall.scope_)) return;
        {
            const locked held(hall.lock_);
            hall.children_.remove(*child_);
            joiner = nursery_block::take_joiner_locked(hall);
        }
        {
            const locked held(target_->lock_);
            target_->children_.push_back(*child_);
        }
        child_->parent = target_;
        scope_tree::move_locked(target_->scope_, *child_, woken, told);
    }
    if (!woken.empty()) core.scheduler().enqueue_all(woken);
    if (joiner == nullptr) return;
    lowlevel::count(lowlevel::counted::waiters, -1);
    static_cast<task_record*>(joiner->who)->wake_next();  // start() waits for nobody else
}

std::string hall_exit::child_name() const { return task_name(*child_); }

void hall_exit::throw_not_started() const {
    throw std::logic_error(
        fmt::format("task '{}' ended without calling started(): nursery.start() waits for that; "
                    "call it when the task is ready, or use start_soon()",
                    task_name(*child_)));
}

}  // namespace detail

}  // namespace covey
