// SPDX-License-Identifier: BSL-1.0
#include "execution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" const char __executable_start;  // by the linker

namespace model {

bool execution::is_active = false;
bool execution::is_inside = false;
execution* execution::current_ = nullptr;

execution::execution(const options& wanted, choices& source) : wanted_(wanted), source_(source) {
    current_ = this;
}

execution::~execution() { current_ = nullptr; }

// ------------------------------------------------------------------------------- one execution

// An execution of one thread, which is not taken back before the next one.
void execution::prepare(void (*body)()) {
    begin();
    preparing_ = true;
    static_cast<void>(
        start([](void* it) { reinterpret_cast<void (*)()>(it)(); }, reinterpret_cast<void*>(body)));
    is_active = is_inside = true;
    outside_.switch_to(threads_[0].stack);
    is_active = is_inside = false;
    preparing_ = false;
    plain_.end_preparation();
}

void execution::begin() {
    memory_.begin_execution();
    plain_.begin_execution();
    users_.clear();
    names_.clear();
    trace_.clear();
    failure_.clear();
    steps_ = preemptions_ = steps_alone_ = started_ = running_ = 0;
    time_ = 0;
    for (thread& each : threads_) {
        each.is = state::none;
        each.retried = false;
        each.ran_at = 0;
        each.stores_at_pause = 0;
        each.known = {};
        each.at_end.clear();
    }
}

void execution::run(void (*program)(void*), void* with, bool traced) {
    begin();
    traced_ = traced;
    learnt_ = false;
    change_at_ = source_.is_random() ? source_.lot(longest_) : 0;
    static_cast<void>(start(program, with));
    is_active = is_inside = true;
    outside_.switch_to(threads_[0].stack);
    is_active = is_inside = false;
    longest_ = std::max(longest_, steps_);
    plain_.end_execution();
}

void execution::fail(std::string what) {
    is_inside = true;
    failure_ = std::move(what);
    if (preparing_) {
        std::fputs(failure_.c_str(), stderr);
        std::abort();
    }
    threads_[running_].stack.abandon();
    threads_[running_].stack.switch_to(outside_);
    std::abort();  // nobody comes back to a failed execution
}

std::string execution::trace() const {
    std::string text;
    for (const std::string& line : trace_) text += line + '\n';
    return text;
}

// ---------------------------------------------------------------------------------- the threads

unsigned execution::start(void (*body)(void*), void* with) {
    if (started_ == most_threads)
        fail("the program starts more threads than the checker has room for");
    const unsigned number = started_++;
    thread& fresh = threads_[number];
    fresh.is = state::ready;
    fresh.body = body;
    fresh.with = with;
    fresh.known.id = number;
    if (number != 0) fresh.known.now = here().now;
    fresh.known.tick();
    if (number != 0) here().tick();
    fresh.priority = source_.is_random() ? source_.lot(1U << 20) : 0;
    fresh.stack.prepare(&execution::thread_body);
    return number;
}

void execution::thread_body() {
    execution& now = current();
    const thread& mine = now.threads_[now.running_];
    is_inside = false;
    mine.body(mine.with);
    for (std::size_t i = mine.at_end.size(); i-- != 0;) mine.at_end[i].first(mine.at_end[i].second);
    is_inside = true;
    now.end_thread();
}

void execution::end_thread() {
    threads_[running_].is = state::ended;
    const bool all_ended = std::ranges::all_of(threads_, [](const thread& each) {
        return each.is == state::ended || each.is == state::none;
    });
    if (!all_ended) {
        threads_[running_].stack.finish();
        go_on();
        return;
    }
    if (!preparing_ && wanted_.leaks_fail && plain_.living() != 0)
        fail(fmt::format("{} blocks are never freed", plain_.living()));
    threads_[running_].stack.finish();
    threads_[running_].stack.switch_to(outside_);
}

void execution::at_end_of_thread(void (*call)(void*), void* with) {
    threads_[running_].at_end.emplace_back(call, with);
}

void execution::join(unsigned joined) {
    while (threads_[joined].is != state::ended) {
        threads_[running_].joins = joined;
        wait_as(state::joining);
    }
    here().now.join(threads_[joined].known.now);
}

// ---------------------------------------------------------------------------------- who goes on

bool execution::is_shared(const seam::place& at) {
    const auto address = reinterpret_cast<std::uintptr_t>(at.address);
    unsigned& users = users_[address];
    users |= 1U << running_;
    if ((users & (users - 1)) != 0 && shared_.insert(address).second) learnt_ = true;
    return shared_.contains(address);
}

bool execution::knows(std::uintptr_t address) const noexcept {
    const void* const at = reinterpret_cast<const void*>(address);
    if (plain_.owns(at)) return true;
    for (unsigned i = 0; i != started_; ++i)
        if (threads_[i].stack.offset_on_stack(at) != 0) return true;
    return plain_.is_in_range(address) && !fiber::is_of_thread(address);
}

void execution::step(const seam::place& at, bool writes) {
    if (preparing_) return;
    plain_.access_atomic(here(), reinterpret_cast<std::uintptr_t>(at.address), at.bytes, writes);
    if (++steps_ > wanted_.most_steps) fail("no end after so many steps: a loop that goes on");
    const bool alone = std::ranges::count_if(threads_, [](const thread& each) {
                           return each.is != state::none && each.is != state::ended;
                       }) == 1;
    if (alone) return;
    if (is_shared(at) || source_.is_replay())
        go_on();
    else
        static_cast<void>(source_.answer(0, 1));  // as if it had been asked
}

void execution::step() {
    if (preparing_) return;
    ++steps_;
    go_on();
}

bool execution::can_run(const thread& asked) const noexcept {
    switch (asked.is) {
        case state::ready: return true;
        case state::paused: return memory_.stores() != asked.stores_at_pause;
        case state::waiting:
            return asked.notified ||
                   (asked.timed && wanted_.time_is_up == options::timeouts::at_any_time);
        case state::joining: return threads_[asked.joins].is == state::ended;
        case state::none:
        case state::locked_out:
        case state::ended: break;
    }
    return false;
}

void execution::go_on() {
    const unsigned next = next_thread();
    thread& chosen = threads_[next];
    if (chosen.is == state::paused) memory_.see_what_was_looked_at(chosen.known);
    if (chosen.is != state::waiting) chosen.is = state::ready;
    if (next != running_) switch_to(next);
}

void execution::switch_to(unsigned next) {
    steps_alone_ = 0;
    threads_[running_].ran_at = steps_;
    thread& from = threads_[std::exchange(running_, next)];
    from.stack.switch_to(threads_[next].stack);
}

unsigned execution::next_thread() {
    unsigned ready[most_threads];
    unsigned count = 0;
    const bool goes_on = can_run(threads_[running_]) && threads_[running_].is == state::ready;
    if (can_run(threads_[running_])) ready[count++] = running_;
    const bool has_run_long = goes_on && ++steps_alone_ > wanted_.most_steps_alone;
    const bool may_interrupt = !goes_on || has_run_long || source_.is_random() ||
                               source_.is_replay() || preemptions_ < wanted_.preemptions;
    for (unsigned i = 0; may_interrupt && i != started_; ++i)
        if (i != running_ && can_run(threads_[i])) ready[count++] = i;
    if (count == 0) return without_anybody_ready();
    // No thread is kept from running for ever: a loop may wait for it.
    if (has_run_long && count > 1) return longest_waiting(ready + 1, count - 1);
    const unsigned chosen = source_.is_random() ? by_priority(ready, count) : source_.choose(count);
    if (goes_on && chosen != 0) ++preemptions_;
    return ready[chosen];
}

unsigned execution::longest_waiting(const unsigned* ready, unsigned count) const {
    unsigned first = ready[0];
    for (unsigned i = 1; i != count; ++i)
        if (threads_[ready[i]].ran_at < threads_[first].ran_at) first = ready[i];
    return first;
}

// Probabilistic concurrency testing: the thread of the highest priority goes on, and at one step
// that was chosen beforehand it falls behind all others. Half of the schedules; in the others
// anybody may go on at any step.
unsigned execution::by_priority(const unsigned* ready, unsigned count) {
    if (change_at_ % 2 == 0) return source_.choose(count);
    if (steps_ >= change_at_ && change_at_ != 0) {
        threads_[running_].priority = 0;
        change_at_ += 1 + 2 * source_.lot(longest_);
    }
    unsigned first = 0;
    for (unsigned i = 1; i != count; ++i)
        if (threads_[ready[i]].priority > threads_[ready[first]].priority) first = i;
    return source_.answer(first, count);
}

// Somebody who pauses may look once more, since a loop may end for another reason than a store;
// then a wait whose time is up ends.
unsigned execution::without_anybody_ready() {
    for (unsigned i = 0; i != started_; ++i) {
        if (threads_[i].is != state::paused || threads_[i].retried) continue;
        threads_[i].retried = true;
        return i;
    }
    const bool may_time_out = wanted_.time_is_up == options::timeouts::when_nothing_else_can_happen;
    for (unsigned i = 0; may_time_out && i != started_; ++i)
        if (threads_[i].is == state::waiting && threads_[i].timed) return i;
    fail("nobody can go on: " + who_waits());
}

std::string execution::who_waits() const {
    std::string text;
    for (unsigned i = 0; i != started_; ++i) {
        const thread& each = threads_[i];
        std::string what;
        switch (each.is) {
            case state::paused: what = "goes round in a loop"; break;
            case state::locked_out: what = "wants the lock " + name_of(each.waits_for); break;
            case state::waiting: what = "waits for the condition " + name_of(each.waits_for); break;
            case state::joining: what = fmt::format("joins thread {}", each.joins); break;
            case state::none:
            case state::ready:
            case state::ended: continue;
        }
        text += fmt::format("{}thread {} {}", text.empty() ? "" : ", ", i, what);
    }
    return text;
}

// -------------------------------------------------------------------------------------- waiting

void execution::wait_as(state how) {
    threads_[running_].is = how;
    go_on();
}

void execution::pause() {
    thread& mine = threads_[running_];
    if (mine.stores_at_pause != memory_.stores()) mine.retried = false;
    mine.stores_at_pause = memory_.stores();
    wait_as(state::paused);
}

void execution::wait_while_held(const seam::place& lock) {
    while (memory_.peek({lock.address, lock.bytes, memory_order::relaxed}) != 0) {
        if (preparing_) fail("a lock is left behind by the preparation");
        threads_[running_].waits_for = lock.address;
        wait_as(state::locked_out);
    }
}

void execution::let_in(const void* lock) {
    for (thread& each : threads_)
        if (each.is == state::locked_out && each.waits_for == lock) each.is = state::ready;
}

bool execution::wait_for_notice(const void* condition, bool timed) {
    thread& mine = threads_[running_];
    mine.waits_for = condition;
    mine.timed = timed;
    mine.notified = false;
    wait_as(state::waiting);
    mine.is = state::ready;
    return mine.notified;
}

void execution::notify(const void* condition, bool all) {
    unsigned waiting[most_threads];
    unsigned count = 0;
    for (unsigned i = 0; i != started_; ++i) {
        const thread& each = threads_[i];
        if (each.is == state::waiting && each.waits_for == condition && !each.notified)
            waiting[count++] = i;
    }
    if (count == 0) return;
    if (!all) {
        threads_[waiting[choose(count)]].notified = true;
        return;
    }
    for (unsigned i = 0; i != count; ++i) threads_[waiting[i]].notified = true;
}

void execution::fence_all() {
    thread_view views[most_threads];
    for (unsigned i = 0; i != started_; ++i) views[i] = threads_[i].known;
    memory_.fence_all(views, started_);
    for (unsigned i = 0; i != started_; ++i) threads_[i].known = views[i];
}

// -------------------------------------------------------------------------------- names and trace

void execution::name(const void* start, std::size_t bytes, const char* called) {
    names_.push_back({start, bytes, called});
}

// The latest name counts: of a member after its object.
std::string execution::name_of(const void* address) const {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    for (std::size_t i = names_.size(); i-- != 0;) {
        const auto offset = at - reinterpret_cast<std::uintptr_t>(names_[i].start);
        if (offset >= names_[i].bytes) continue;
        return offset == 0 ? names_[i].called : fmt::format("{}+{}", names_[i].called, offset);
    }
    for (unsigned i = 0; i != started_; ++i)
        if (const std::size_t offset = threads_[i].stack.offset_on_stack(address))
            return fmt::format("stack of thread {} -{}", i, offset);
    if (plain_.owns(address)) return fmt::format("heap+{}", plain_.offset(address));
    return fmt::format("variable at {:#x}", at);
}

// An address in the program, which addr2line understands.
std::string execution::text_of_place(std::uint32_t place) const {
    if (place == 0) return "";
    return fmt::format(" at {:#x}", reinterpret_cast<std::uintptr_t>(&__executable_start) + place);
}

void execution::note(const seam::place& at, const std::string& what) {
    const char* file = at.where.file_name();
    if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
    trace_.push_back(fmt::format("  thread {}  {:<26} {:<28} {}", running_,
                                 fmt::format("{}:{}", file, at.where.line()), name_of(at.address),
                                 what));
}

}  // namespace model
