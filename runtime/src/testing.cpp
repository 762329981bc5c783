// SPDX-License-Identifier: BSL-1.0
#include <covey/testing.hpp>

#include "runtime_core.hpp"
#include "worker.hpp"

#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/lowlevel/census.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace covey::testing {

namespace {

constexpr lowlevel::wait_traits waits_for_idle{"all tasks blocked"};
constexpr lowlevel::wait_traits waits_for_turn{"turn of a sequencer"};

}  // namespace

time_point virtual_clock::now() const noexcept {
    return time_point(duration(nanoseconds_.load(lowlevel::order::acquire)));
}

void virtual_clock::set_autojump(autojump mode) noexcept {
    mode_.store(mode, lowlevel::order::release);
    time_changed();
}

bool virtual_clock::skip_to(time_point next) noexcept {
    if (mode_.load(lowlevel::order::acquire) == autojump::off) return false;
    const std::int64_t target = next.time_since_epoch().count();
    std::int64_t present = nanoseconds_.load(lowlevel::order::relaxed);
    while (present < target &&
           !nanoseconds_.compare_exchange(present, target, lowlevel::order::acq_rel,
                                          lowlevel::order::relaxed)) {
    }
    return true;
}

void virtual_clock::jump_by(duration length) noexcept {
    std::int64_t present = nanoseconds_.load(lowlevel::order::relaxed);
    std::int64_t target = 0;
    do {
        target =
            covey::detail::later(time_point(duration(present)), length).time_since_epoch().count();
    } while (!nanoseconds_.compare_exchange(present, target, lowlevel::order::acq_rel,
                                            lowlevel::order::relaxed));
    time_changed();
}

idle_wait::idle_wait() noexcept = default;

bool idle_wait::await_ready() {
    core_ = covey::detail::current_task("wait_all_tasks_blocked").core;
    return wait_operation::await_ready();
}

const lowlevel::wait_traits& idle_wait::traits() const noexcept { return waits_for_idle; }
void idle_wait::lock() noexcept { core_->scheduler().lock().lock(); }
void idle_wait::unlock() noexcept { core_->scheduler().lock().unlock(); }
bool idle_wait::try_now() { return false; }
void idle_wait::link() noexcept { core_->scheduler().idle_waiters().push_back(node()); }
void idle_wait::unlink() noexcept { node().leave(core_->scheduler().idle_waiters()); }

sequencer::~sequencer() {
    COVEY_ASSERT(waiting_.empty(), "a sequencer is destroyed while tasks wait for their turn");
}

sequencer::turn_wait sequencer::operator()(std::size_t number) { return turn_wait(*this, number); }

sequencer::turn::~turn() {
    if (sequencer_ != nullptr) sequencer_->end_turn();
}

void sequencer::end_turn() noexcept {
    lowlevel::wake_list woken;
    {
        const lowlevel::locked held(lock_);
        taken_ = false;
        ++next_;
        for (auto* node = waiting_.front(); node != nullptr; node = waiting_.after(*node)) {
            if (*static_cast<std::size_t*>(node->slot) != next_) continue;
            waiting_.remove(*node);
            if (node->claim()) {
                taken_ = true;
                woken.add(*node);
            }
            break;
        }
    }
    woken.wake_all();
}

sequencer::turn_wait::turn_wait(sequencer& owner, std::size_t number) noexcept
    : sequencer_(&owner), number_(number) {}

const lowlevel::wait_traits& sequencer::turn_wait::traits() const noexcept {
    return waits_for_turn;
}
void sequencer::turn_wait::lock() noexcept { sequencer_->lock_.lock(); }
void sequencer::turn_wait::unlock() noexcept {
    lowlevel::wake_list woken;
    woken.take(sequencer_->to_wake_);
    sequencer_->lock_.unlock();
    woken.wake_all();
}

bool sequencer::turn_wait::try_now() {
    const auto is_same = [this](const lowlevel::wait_node* node) {
        return *static_cast<const std::size_t*>(node->slot) == number_;
    };
    reused_ = number_ < sequencer_->next_ || (number_ == sequencer_->next_ && sequencer_->taken_);
    for (auto* node = sequencer_->waiting_.front(); node != nullptr && !reused_;
         node = sequencer_->waiting_.after(*node))
        reused_ = is_same(node);
    broken_ = sequencer_->broken_;
    if (reused_ || broken_) return true;
    if (number_ != sequencer_->next_) return false;
    sequencer_->taken_ = true;
    return true;
}

void sequencer::turn_wait::link() noexcept {
    node().slot = &number_;
    sequencer_->waiting_.push_back(node());
}

// Cancelled before it could wait: those behind it must not wait for ever either.
bool sequencer::turn_wait::await_ready() {
    if (wait_operation::await_ready()) return true;
    if (was_refused()) {
        lock();
        if (number_ >= sequencer_->next_) unlink();
        unlock();
    }
    return false;
}

// A waiter leaves without having had its turn: nobody after it can ever have one.
void sequencer::turn_wait::unlink() noexcept {
    node().leave(sequencer_->waiting_);
    sequencer_->broken_ = true;
    lowlevel::wake_list& woken = sequencer_->to_wake_;
    while (lowlevel::wait_node* other = sequencer_->waiting_.pop_front()) {
        other->result = lowlevel::wait_result::broken;
        if (other->claim()) woken.add(*other);
    }
}

sequencer::turn sequencer::turn_wait::await_resume() {
    if (reused_) {
        throw std::logic_error(
            fmt::format("sequencer: number {} is used twice; each is one turn", number_));
    }
    if (broken_ || node().result == lowlevel::wait_result::broken) {
        throw std::logic_error(fmt::format(
            "sequencer: turn {} never comes, because a task before it was cancelled", number_));
    }
    return turn(sequencer_);
}

checkpoint_watch::checkpoint_watch()
    : task_(covey::detail::current_task("expect_checkpoints")),
      seen_before_(std::exchange(task_.checkpoints_seen, std::uint8_t{0})),
      was_watched_(std::exchange(task_.is_watched, true)) {
    lowlevel::this_turn()->checkpoints_seen = &task_.checkpoints_seen;
}

checkpoint_watch::~checkpoint_watch() {
    task_.checkpoints_seen = static_cast<std::uint8_t>(task_.checkpoints_seen | seen_before_);
    task_.is_watched = was_watched_;
    if (!was_watched_) lowlevel::this_turn()->checkpoints_seen = nullptr;
}

void checkpoint_watch::expect_some() const {
    using namespace covey::detail;
    constexpr std::uint8_t both = lowlevel::seen_cancel_point | lowlevel::seen_schedule_point;
    if ((task_.checkpoints_seen & both) == both) return;
    const char* missing = task_.checkpoints_seen == 0 ? "no checkpoint"
                          : (task_.checkpoints_seen & lowlevel::seen_cancel_point) != 0
                              ? "a check for cancellation, but no place where others run"
                              : "a place where others run, but no check for cancellation";
    throw checkpoint_error(
        fmt::format("task '{}' was expected to pass a checkpoint and met {}: "
                    "await a covey operation, or covey::checkpoint()",
                    task_name(task_), missing));
}

void checkpoint_watch::expect_none() const {
    if (task_.checkpoints_seen == 0) return;
    throw checkpoint_error(fmt::format("task '{}' was expected to pass no checkpoint, and did",
                                       covey::detail::task_name(task_)));
}

leak_report leaks() noexcept {
    using lowlevel::census;
    using lowlevel::counted;
    const auto of = [](counted kind) {
        return static_cast<std::size_t>(std::max<std::int64_t>(0, census(kind)));
    };
    return {.tasks = of(counted::tasks),
            .frames = of(counted::frames),
            .waiters = of(counted::waiters),
            .handles = of(counted::handles),
            .timers = of(counted::timers),
            .threads = of(counted::threads)};
}

std::string to_string(const leak_report& report) {
    std::string text;
    const auto add = [&text](std::size_t number, std::string_view kind) {
        if (number == 0) return;
        if (!text.empty()) text += ", ";
        text += fmt::format("{} {}{}", number, kind, number == 1 ? "" : "s");
    };
    add(report.tasks, "task");
    add(report.frames, "frame");
    add(report.waiters, "waiter");
    add(report.handles, "handle");
    add(report.timers, "timer");
    add(report.threads, "thread");
    return text.empty() ? "nothing" : text;
}

}  // namespace covey::testing

namespace covey::lowlevel {

namespace {

constinit thread_local allocation_observer* observer_of_thread = nullptr;

}  // namespace

allocation_observer* set_allocation_observer(allocation_observer* observer) noexcept {
    return std::exchange(observer_of_thread, observer);
}
allocation_observer* current_allocation_observer() noexcept { return observer_of_thread; }

}  // namespace covey::lowlevel
