// SPDX-License-Identifier: BSL-1.0
#include "scheduler.hpp"

#include "frame_pool.hpp"
#include "runtime_core.hpp"
#include "worker.hpp"

#include <algorithm>
#include <chrono>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;
using lowlevel::order;
using std::chrono::microseconds;
using steady = std::chrono::steady_clock;

namespace {

// How often a worker looks elsewhere before its own queue.
constexpr std::uint32_t turns_per_injected = 61;
constexpr std::uint32_t turns_per_clock_reading = 16;

constexpr std::size_t largest_batch = run_queue::capacity / 2;

// How old a queued task is when another worker is called for it, and when that one takes it.
constexpr microseconds age_to_call{50};
constexpr microseconds age_to_steal{20};
constexpr microseconds sentinel_period{500};
// How long a turn lasts when the one behind it may be taken from its worker's front.
constexpr microseconds age_of_long_turn{200};

constexpr auto no_alarm = steady::time_point::max();
// Two readings of the clock give no two alarms for one time.
constexpr microseconds alarm_tolerance{10};

// A thread inside the scheduler of a run that is not its own.
class guest {
 public:
    explicit guest(lowlevel::atomic<unsigned>& count) noexcept : count_(count) {
        count_.fetch_add(1, order::relaxed);
    }
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;
    ~guest() { count_.fetch_sub(1, order::release); }

 private:
    lowlevel::atomic<unsigned>& count_;
};

}  // namespace

scheduler::scheduler(unsigned workers, std::optional<std::uint64_t> seed, simulation* simulated,
                     clock_source& clock, timer_wheel& timers)
    : clock_(clock),
      timers_(timers),
      has_real_clock_(clock.is_real()),
      stations_(workers),
      order_(seed, simulated) {
    if (workers == 1) return;
    for (station& each : stations_) {
        each.queue.share_with_thieves();
        each.noted.resize(workers);
    }
}

scheduler::~scheduler() {
    while (guests_.load(order::acquire) != 0) lowlevel::pause();
}

void scheduler::enqueue(task_record& task) noexcept {
    worker* here = this_worker();
    if (here != nullptr && &here->core() == task.core) {
        here->pay();
        push(here->station(), task);
        return;
    }
    const guest inside(guests_);
    injected_.push(task);
    wake_one();
}

void scheduler::hand_over(task_record& task) noexcept {
    worker* here = this_worker();
    const bool may_go_on =
        here != nullptr && &here->core() == task.core && here->budget != 0 && !order_.is_seeded();
    if (!may_go_on || !here->station().queue.push_first(task)) return enqueue(task);
    here->pay();
    here->next_budget = here->budget - 1;
    if (here->station().is_unwatched) [[unlikely]]
        call_sentinel(here->station());
}

void scheduler::enqueue_all(ready_chain& tasks) noexcept {
    if (tasks.empty()) return;
    worker* here = this_worker();
    if (here != nullptr) here->pay();
    if (here != nullptr && &here->core() == tasks.first()->core && tasks.count() <= largest_batch) {
        while (task_record* task = tasks.take()) push(here->station(), *task);
        return;
    }
    const guest inside(guests_);
    inject(tasks);
}

void scheduler::push(station& own, task_record& task) noexcept {
    const bool is_usual = !order_.is_seeded() && !own.is_unwatched;
    if (is_usual && own.queue.push(task)) [[likely]]
        return;
    push_slowly(own, task);
}

void scheduler::push_slowly(station& own, task_record& task) noexcept {
    if (order_.is_seeded()) {
        order_.ready().add(task);
        return;
    }
    if (own.is_unwatched) call_sentinel(own);
    if (own.queue.push(task)) return;
    ready_chain spilled;
    own.queue.spill_half(spilled);
    injected_.push_spilled(spilled);
    wake_one();
    static_cast<void>(own.queue.push(task));  // half of it is free
}

void scheduler::inject(ready_chain& tasks) noexcept {
    injected_.push_all(tasks);
    wake_one();
}

task_record* scheduler::pop(station& own) noexcept {
    if (!order_.is_seeded()) [[likely]]
        return own.queue.pop();
    return pop_in_order();
}

task_record* scheduler::pop_in_order() noexcept {
    for (;;) {
        if (order_.needs_batch() && !injected_.looks_empty())
            injected_.take(order_.ready(), injected_.count());
        task_record* task = order_.pop();
        const bool is_last_word = task != nullptr || order_.simulated() == nullptr ||
                                  (order_.count() == 0 && injected_.looks_empty());
        if (is_last_word) return task;  // else a call was made
    }
}

scheduler::turn scheduler::next(station& own) noexcept {
    const std::uint32_t turns = own.turns.load(order::relaxed) + 1;
    own.turns.store(turns, order::relaxed);
    if ((!has_real_clock_ || turns % turns_per_clock_reading == 0) && timers_are_due())
        return {nullptr, false, false};
    task_record* task = turns % turns_per_injected == 0 ? look_around(own, turns) : nullptr;
    if (task == nullptr) task = pop(own);
    if (task == nullptr) [[unlikely]]
        return find_work(own);
    if (parked_.load(order::relaxed) != 0) call_for_help(own);
    return {task, false, false};
}

// What comes from elsewhere, for a worker that has enough of its own. It runs at once: the own
// queue may be full, and stay so.
task_record* scheduler::look_around(station& own, std::uint32_t turns) noexcept {
    if (has_to_clean(own)) clean(own);
    if (order_.is_seeded() || injected_.looks_empty()) return nullptr;
    return injected_.take_oldest(turns / turns_per_injected % 2 == 0);
}

scheduler::turn scheduler::find_work(station& own) noexcept {
    for (bool has_waited = false;; has_waited = true) {
        if (has_to_clean(own)) clean(own);
        if (std::optional<turn> found = look_for_work(own)) {
            if (has_waited) turn_to_work(own);
            found->has_waited = has_waited;
            return *found;
        }
        park(own);
    }
}

std::optional<scheduler::turn> scheduler::look_for_work(station& own) noexcept {
    if (task_record* task = pop(own)) return turn{task, false, false};
    if (task_record* task = take_injected(own)) return turn{task, false, false};
    if (timers_are_due()) return turn{nullptr, false, false};
    if (stopped_.load(order::acquire)) return turn{nullptr, true, false};
    if (task_record* task = steal(own)) return turn{task, false, false};
    return std::nullopt;
}

// The own queue is empty.
task_record* scheduler::take_injected(station& own) noexcept {
    if (injected_.looks_empty()) return nullptr;
    queue_injected(own);
    return pop(own);
}

// A fair share of the injected tasks.
void scheduler::queue_injected(station& own) noexcept {
    if (order_.is_seeded()) return;  // they come with the next batch
    const std::size_t share =
        std::min({injected_.count() / stations_.size() + 1, largest_batch, own.queue.room()});
    ready_chain batch;
    injected_.take(batch, share);
    while (task_record* task = batch.take()) static_cast<void>(own.queue.push(*task));
}

// At most half of the workers search, and none for longer than a task has to age.
task_record* scheduler::steal(station& own) noexcept {
    if (stations_.size() == 1) return nullptr;
    task_record* found = nullptr;
    const unsigned most = std::max(workers() / 2, 1U);
    if (searching_.fetch_add(1, order::relaxed) < most) {
        found = take_aged(own);
        if (found == nullptr && note_rings(own)) {
            const std::uint64_t until = own.noted_at + ticks_in(age_to_steal);
            while (ticks() < until && injected_.looks_empty() && !stopped_.load(order::relaxed))
                lowlevel::pause();
            found = take_aged(own);
        }
    }
    searching_.fetch_sub(1, order::relaxed);
    return found;
}

// What was noted long enough ago and is still queued.
task_record* scheduler::take_aged(station& own) noexcept {
    const std::uint64_t age = ticks() - own.noted_at;
    if (age < ticks_in(age_to_steal)) return nullptr;
    for (std::size_t i = 0; i < stations_.size(); ++i) {
        station& victim = stations_[i];
        if (&victim == &own) continue;
        const station::sight& seen = own.noted[i];
        if (!victim.queue.has_passed(seen.tail)) {
            if (task_record* task = victim.queue.steal_into(own.queue, seen.tail)) return task;
        }
        const bool same_turn = victim.turns.load(order::relaxed) == seen.turn;
        if (same_turn && age >= ticks_in(age_of_long_turn) && victim.queue.has_front()) {
            if (task_record* task = victim.queue.steal_front()) return task;
        }
    }
    return nullptr;
}

// False: there is nothing that could age.
bool scheduler::note_rings(station& own) noexcept {
    bool found = false;
    for (std::size_t i = 0; i < stations_.size(); ++i) {
        const station& other = stations_[i];
        if (&other == &own) continue;
        own.noted[i] = {other.queue.tail(), other.turns.load(order::relaxed)};
        found = found || !other.queue.has_passed(own.noted[i].tail);
    }
    own.noted_at = ticks();
    return found;
}

// At the start of a turn, while somebody is parked.
void scheduler::call_for_help(station& own) noexcept {
    if (own.queue.is_ring_empty()) return;
    const std::uint64_t now = ticks();
    if (own.queue.has_passed(own.marked)) {
        own.marked = own.queue.tail();
        own.marked_at = now;
    } else if (now - own.marked_at >= ticks_in(age_to_call)) {
        own.marked_at = now;
        wake_one();
    }
}

// A guest, or a worker of this run, so the run can't end meanwhile: the lock needn't be held while
// it wakes somebody who will want it. But whoever was about to sleep must do so first.
void scheduler::wake_one() noexcept {
    if (parked_.load(order::seq_cst) == 0) return;
    {
        const mutex_guard held(lock_);
    }
    work_.notify_one();
}

void scheduler::park(station& own) noexcept {
    own.is_unwatched = false;
    frame_pool::flush();
    if (!own.noted.empty()) static_cast<void>(note_rings(own));
    if (!has_real_clock_) make_next_time_exact();
    mutex_lock held(lock_);
    const unsigned parked = parked_.fetch_add(1, order::seq_cst) + 1;
    const bool has_work = !injected_.looks_empty() || stopped_.load(order::relaxed) ||
                          has_to_clean(own) || timers_are_due() ||
                          (parked == workers() && make_progress_when_idle());
    const bool is_stuck = !has_work && simulated() != nullptr;
    if (!has_work && !is_stuck) sleep(held);
    while (is_held_still_) work_.wait(held);
    parked_.fetch_sub(1, order::relaxed);
    held.unlock();
    if (is_stuck) simulated()->stuck();
}

void scheduler::sleep(mutex_lock& held) noexcept {
    const bool somebody_runs = parked_.load(order::relaxed) < workers();
    const duration sentinel = somebody_runs ? duration(sentinel_period) : never;
    const duration left = std::min(sentinel, time_to_next_timer());
    if (left <= duration::zero()) return;
    const moment alarm = left == never ? no_alarm : steady::now() + left;
    if (alarm < next_alarm_ - alarm_tolerance)
        sleep_until(next_alarm_, alarm, held);
    else if (!somebody_runs && next_alarm_ < backup_alarm_ - sentinel_period - alarm_tolerance)
        sleep_until(backup_alarm_, next_alarm_ + sentinel_period, held);
    else
        work_.wait(held);
}

void scheduler::sleep_until(moment& role, moment alarm, mutex_lock& held) noexcept {
    role = alarm;
    work_.wait_until(held, alarm);
    if (role == alarm) role = no_alarm;  // else somebody has taken the role over
}

duration scheduler::time_to_next_timer() const noexcept {
    constexpr duration longest = std::chrono::hours(1);  // the sum with the present fits
    const std::int64_t next = timers_.next();
    if (!has_real_clock_ || next == timer_wheel::nothing) return never;
    return std::min(longest, duration(next) - clock_.now().time_since_epoch());
}

// This worker has slept. What it leaves behind is looked after, if a sentinel is on duty, or an
// alarm rings within its period.
void scheduler::turn_to_work(station& own) noexcept {
    if (parked_.load(order::relaxed) == 0) return;
    bool has_left_something = own.queue.count() != 0;
    {
        const mutex_guard held(lock_);
        if (is_looked_after_locked(duration::zero())) return;
        own.is_unwatched = true;
        const bool runs_alone = parked_.load(order::relaxed) + 1 == workers();
        if (!runs_alone || !is_looked_after_locked(time_to_next_timer())) has_left_something = true;
    }
    if (has_left_something) call_sentinel(own);
}

void scheduler::call_sentinel(station& own) noexcept {
    own.is_unwatched = false;
    wake_one();
}

bool scheduler::is_looked_after_locked(duration left) const noexcept {
    const moment soonest = std::min(next_alarm_, backup_alarm_);
    return left == never || soonest - sentinel_period <= steady::now() + left;
}

// Every worker is parked and nothing is queued. True: something changed.
bool scheduler::make_progress_when_idle() noexcept {
    ready_chain woken;
    while (lowlevel::wait_node* node = idle_waiters_.pop_front())
        if (node->claim()) complete_into(woken, *node);
    if (!woken.empty()) {
        // A ring could be full, and who it calls needs the lock.
        if (order_.is_seeded())
            order_.ready().append(woken);
        else
            injected_.push_all(woken);
        return true;
    }
    const std::int64_t next = timers_.next();
    if (next == timer_wheel::nothing || clock_holds_ != 0) return false;
    if (!timers_.is_exact()) return true;  // it will be when this worker parks again
    return clock_.skip_to(time_point(duration(next)));
}

void scheduler::clean_workers_locked(lowlevel::clean_workers& wanted) noexcept {
    wanted.number_ = cleanings_.load(order::relaxed) + 1;
    wanted.left_ = workers();
    cleaning_waiters_.push_back(wanted.node());
    cleanings_.store(wanted.number_, order::release);
    work_.notify_all();
}

// A cleaning stays until all workers have done it, so it is there for one that has not, also while
// the lock is released for the call.
void scheduler::clean(station& own) noexcept {
    ready_chain woken;
    mutex_lock held(lock_);
    lowlevel::wait_node* next = nullptr;
    for (lowlevel::wait_node* each = cleaning_waiters_.front(); each != nullptr; each = next) {
        auto& wanted = static_cast<lowlevel::clean_workers&>(lowlevel::wait_operation::of(*each));
        if (wanted.number_ > own.cleaned) {
            own.cleaned = wanted.number_;
            held.unlock();
            wanted.clean_();
            held.lock();
            --wanted.left_;
        }
        next = cleaning_waiters_.after(*each);
        if (wanted.left_ != 0) continue;
        cleaning_waiters_.remove(*each);
        if (each->claim()) complete_into(woken, *each);
    }
    held.unlock();
    while (task_record* task = woken.take()) push(own, *task);
}

// A parked worker that wakes now doesn't come further than park().
bool scheduler::try_to_hold_still() noexcept {
    const mutex_guard held(lock_);
    is_held_still_ = is_still_locked();
    return is_held_still_;
}

bool scheduler::is_still() noexcept {
    const mutex_guard held(lock_);
    return is_still_locked();
}

bool scheduler::is_still_locked() const noexcept {
    return parked_.load(order::relaxed) == workers() && injected_.looks_empty() &&
           timers_.next() == timer_wheel::nothing && clock_holds_ == 0 &&
           !stopped_.load(order::relaxed);
}

void scheduler::let_go() noexcept {
    const mutex_guard held(lock_);
    is_held_still_ = false;
    work_.notify_all();
}

void scheduler::stop() noexcept {
    const mutex_guard held(lock_);
    stopped_.store(true, order::release);
    work_.notify_all();
}

// A worker of this run sees for itself, at its next turn or when it parks.
void scheduler::time_changed() noexcept {
    worker* here = this_worker();
    if (here != nullptr && &here->core().scheduler() == this) {
        if (here->station().is_unwatched) call_sentinel(here->station());
        return;
    }
    const mutex_guard held(lock_);
    work_.notify_all();
}

void scheduler::hold_clock(bool hold) noexcept {
    const mutex_guard held(lock_);
    if (hold)
        ++clock_holds_;
    else
        --clock_holds_;
    if (clock_holds_ == 0) work_.notify_all();
}

// A clock that jumps doesn't jump to where nothing is.
void scheduler::make_next_time_exact() noexcept {
    if (timers_.is_exact()) return;
    const lowlevel::locked held(timers_.lock());
    timers_.find_next();
}

bool scheduler::timers_are_due() const noexcept {
    const std::int64_t next = timers_.next();
    return next != timer_wheel::nothing && next <= clock_.now().time_since_epoch().count();
}

std::size_t scheduler::count_ready() const noexcept {
    std::size_t count = order_.count() + injected_.count();
    for (const station& each : stations_) count += each.queue.count();
    return count;
}

}  // namespace covey::detail
