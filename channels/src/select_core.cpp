// SPDX-License-Identifier: BSL-1.0
// The lock of each channel protects that channel's nodes. A select takes those of all its channels,
// in the order of their addresses, and after them the lock of the timers: while it tries, links and
// suspends it holds them all. Later it takes one at a time.
//
// Rejected  Locking one channel after the other, and claiming in two steps: a select that meets
//           another select's arm would have to wait for it, or to give way. Trying each channel by
//           itself and locking all only to wait: a value could come and go between the two.

#include <covey/detail/select_core.hpp>

#include "channel_core.hpp"

#include <covey/lowlevel/random.hpp>

#include <array>
#include <functional>
#include <stdexcept>
#include <utility>

namespace covey::detail {

using lowlevel::wait_result;
using lowlevel::wait_traits;

namespace {

// What dump_task_tree() shows.
const wait_traits& traits_of(std::size_t cases) noexcept {
    static constexpr std::array<wait_traits, 10> small{{{"select of 0"},
                                                        {"select of 1"},
                                                        {"select of 2"},
                                                        {"select of 3"},
                                                        {"select of 4"},
                                                        {"select of 5"},
                                                        {"select of 6"},
                                                        {"select of 7"},
                                                        {"select of 8"},
                                                        {"select of 9"}}};
    static constexpr wait_traits many{"select of many"};
    return cases < small.size() ? small[cases] : many;
}

[[noreturn]] void throw_nothing_to_select() {
    throw std::logic_error(
        "covey: a select whose cases are all switched off would wait for ever: leave one on, or "
        "add otherwise()");
}

}  // namespace

void throw_no_channels() {
    throw std::invalid_argument(
        "select_any: of no channels it would wait for ever: give it at least one");
}

// A merge sort of the chain by address: no memory, and no worse for thousands of channels.
class select_arm::order {
 public:
    static select_arm* sorted(select_arm* first, std::size_t count) noexcept {
        if (count <= 1) {
            if (first != nullptr) first->next_locked_ = nullptr;
            return first;
        }
        select_arm* middle = first;
        for (std::size_t i = 0; i < count / 2; ++i) middle = middle->next_;
        return merged(sorted(first, count / 2), sorted(middle, count - count / 2));
    }

 private:
    static bool is_before(const select_arm& a, const select_arm& b) noexcept {
        return std::less<>()(&a.core(), &b.core());
    }
    static select_arm* merged(select_arm* a, select_arm* b) noexcept {
        select_arm* first = nullptr;
        select_arm** end = &first;
        while (a != nullptr && b != nullptr) {
            select_arm*& lower = is_before(*b, *a) ? b : a;
            *end = lower;
            end = &lower->next_locked_;
            lower = lower->next_locked_;
        }
        *end = a != nullptr ? a : b;
        return first;
    }
};

select_core::select_core(std::size_t cases) noexcept : traits_(&traits_of(cases)) {}

bool select_core::begin(void* place, lowlevel::wait_timer* timer) noexcept {
    if (std::exchange(has_begun_, true)) return false;
    place_ = place;
    timer_ = timer;
    return true;
}

void select_core::add(select_arm& arm, std::size_t number) noexcept {
    arm.holds_through = true;
    arm.number_ = number;
    (last_ == nullptr ? first_ : last_->next_) = &arm;
    last_ = &arm;
    ++arms_;
}

void select_core::add_send(select_arm& arm, std::size_t number, void* value) noexcept {
    arm.slot = value;
    add(arm, number);
}

void select_core::add_receive(select_arm& arm, std::size_t number) noexcept {
    arm.slot = place_;
    add(arm, number);
}

void select_core::add_time(duration from_now, std::size_t number) noexcept {
    if (length_.number == nothing || from_now < length_.time) length_ = {from_now, number};
}

void select_core::add_time(time_point when, std::size_t number) {
    if (when <= now())
        add_time(duration::zero(), number);
    else if (until_.number == nothing || when < until_.time)
        until_ = {when, number};
}

bool select_core::await_ready() {
    locked_ = select_arm::order::sorted(first_, arms_);
    lowlevel::turn* const now = lowlevel::this_turn();
    if (now != nullptr && now->simulated != nullptr) {
        for (const select_arm* arm = first_; arm != nullptr; arm = arm->next_)
            channel_core::note_use(*now, *arm->end_);
    }
    return wait_operation::await_ready();
}

void select_core::tell(lowlevel::wait_report& report) const {
    for (const select_arm* arm = first_; arm != nullptr; arm = arm->next_)
        channel_core::tell(*arm->end_, report);
}

void select_core::lock() noexcept {
    const channel_core* locked = nullptr;
    for (select_arm* arm = locked_; arm != nullptr; arm = arm->next_locked_) {
        if (&arm->core() == locked) continue;  // several arms, one channel
        locked = &arm->core();
        arm->core().lock().lock();
    }
}

// Until the last lock is released nobody can go beyond it, so the arms stay; afterwards the task
// may have ended elsewhere.
void select_core::unlock() noexcept {
    lowlevel::wait_node* served = node().take_served();
    const element_type* dropped =
        std::exchange(has_dropped_, false) ? &winner_->core().type() : nullptr;
    void* const place = place_;
    select_arm* arm = locked_;
    if (timer_ != nullptr) timer_->unlock();
    while (arm != nullptr) {
        channel_core& core = arm->core();
        do {
            arm = arm->next_locked_;
        } while (arm != nullptr && &arm->core() == &core);
        core.lock().unlock();
    }
    if (served != nullptr) served->wake();
    if (dropped != nullptr) dropped->destroy(place);
}

// What looks ready isn't, if all who wait on the other side have been cancelled; trying tells, and
// then it doesn't look ready any more.
bool select_core::try_now() {
    while (const std::size_t promising = count_promising()) {
        const std::size_t nth = promising == 1 ? 0 : lowlevel::random_choice(promising);
        if (try_promising(nth)) return true;
    }
    if (otherwise_ != nothing) return choose(otherwise_);
    const bool has_time = length_.number != nothing || until_.number != nothing;
    if (first_ == nullptr && !has_time) throw_nothing_to_select();
    return false;
}

std::size_t select_core::count_promising() const noexcept {
    std::size_t count = is_time_up() ? 1 : 0;
    for (const select_arm* arm = first_; arm != nullptr; arm = arm->next_) {
        if (arm->is_promising()) ++count;
    }
    return count;
}

bool select_core::try_promising(std::size_t nth) {
    select_arm* arm = first_;
    for (; arm != nullptr; arm = arm->next_) {
        if (arm->is_promising() && nth-- == 0) return try_arm(*arm);
    }
    return choose(length_.number);
}

bool select_arm::is_promising() const noexcept {
    return sends() ? core().may_send_locked(*end_) : core().may_receive_locked(*end_);
}

bool select_core::try_arm(select_arm& arm) {
    channel_core& core = arm.core();
    lowlevel::wait_node* served = nullptr;
    const bool decided = arm.sends()
                             ? core.decide_send_locked(*arm.end_, arm, place_, has_dropped_, served)
                             : core.decide_receive_locked(*arm.end_, arm, served);
    if (served != nullptr) node().keep_served(served);
    if (!decided) return false;
    winner_ = &arm;
    return choose(arm.number_);
}

bool select_core::choose(std::size_t number) noexcept {
    chosen_ = number;
    return true;
}

void select_core::link() noexcept {
    has_waited_ = true;
    for (select_arm* arm = first_; arm != nullptr; arm = arm->next_) {
        arm->who = node().who;
        arm->result = wait_result::none;
        arm->core().enter(*arm, *arm->end_);
    }
    if (timer_ != nullptr) arm_timer();
}

// The shortest length counts from here: the wait is never shorter than asked.
void select_core::arm_timer() noexcept {
    if (length_.time != never) {
        const time_point end = later(now(), length_.time);
        if (end < until_.time) until_ = {end, length_.number};
    }
    node().result = wait_result::none;
    timer_->arm(node(), until_.time);
}

void select_core::unlink() noexcept {
    for (select_arm* arm = first_; arm != nullptr; arm = arm->next_) arm->core().leave(*arm);
    if (timer_ != nullptr) timer_->disarm();
}

std::size_t select_core::finish() {
    if (has_waited_) {
        find_winner();
        leave_losers();
    }
    if (winner_ == nullptr || winner_->result == wait_result::done) return chosen_;
    if (winner_->sends()) throw_unsent(winner_->core(), winner_->result);
    if (winner_->result == wait_result::closed) throw_closed(winner_->core(), "receive");
    return chosen_;
}

// Only who won the word has written a result.
void select_core::find_winner() noexcept {
    for (select_arm* arm = first_; arm != nullptr; arm = arm->next_) {
        if (arm->result == wait_result::none) continue;
        winner_ = arm;
        chosen_ = arm->number_;
        return;
    }
    COVEY_ASSERT(node().result == wait_result::done, "a select goes on, and no case was chosen");
    chosen_ = until_.number;
}

// The winner's node is out, and its channel needs no second visit.
void select_core::leave_losers() noexcept {
    for (select_arm* arm = locked_; arm != nullptr; arm = arm->next_locked_) {
        if (arm == winner_) continue;
        const lowlevel::locked held(arm->core().lock());
        arm->core().leave(*arm);
    }
    if (timer_ != nullptr && winner_ != nullptr) timer_->disarm();
}

bool select_core::has_value() const noexcept { return winner_->result == wait_result::done; }

void select_core::throw_ended() const { throw_end(winner_->core()); }

}  // namespace covey::detail
