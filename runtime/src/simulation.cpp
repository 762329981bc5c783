// SPDX-License-Identifier: BSL-1.0
#include "simulation.hpp"

#include "describe.hpp"
#include "runtime_core.hpp"
#include "scope_tree.hpp"
#include "splitmix.hpp"
#include "worker.hpp"

#include <covey/explore.hpp>
#include <covey/lowlevel/fault_point.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;

namespace {

// Of timers that are due at the same instant so many may come first.
constexpr std::size_t most_ties = 8;
constexpr std::size_t most_lines = 200;

// What the simulation itself allocates isn't the program's.
class unobserved {
 public:
    unobserved() noexcept = default;
    unobserved(const unobserved&) = delete;
    unobserved& operator=(const unobserved&) = delete;
    ~unobserved() { lowlevel::set_allocation_observer(before_); }

 private:
    lowlevel::allocation_observer* const before_ = lowlevel::set_allocation_observer(nullptr);
};

}  // namespace

constinit thread_local simulation* simulation_of_call = nullptr;

void simulation::begin(runtime_core& core, cancel_scope& root) noexcept {
    core_ = &core;
    root_ = &root;
    numbers_[&core.main()] = next_number_++;
    lowlevel::set_allocation_observer(this);
}

// Calls that nobody waits for any more are made as in any run: on threads, beyond its end.
void simulation::end() noexcept {
    lowlevel::set_allocation_observer(nullptr);
    for (const candidate& left : ready_) core_->threads().start_abandoned(*left.call);
    ready_.clear();
    core_ = nullptr;
    root_ = nullptr;
}

// --------------------------------------------------------------------------------------- choices

void simulation::add(task_record& task) {
    const bool wants_number = keeps_record_ || strategy_.wants_numbers();
    ready_.push_back({&task, nullptr, wants_number ? number_of(task) : 0});
}

void simulation::add_call(thread_job& call) {
    const unobserved here;
    ready_.push_back({nullptr, &call, next_number_++});
}

std::uint32_t simulation::number_of(const task_record& task) {
    const auto [known, is_first] = numbers_.try_emplace(&task, next_number_);
    if (is_first) ++next_number_;
    return known->second;
}

task_record* simulation::next() {
    if (ready_.empty()) return nullptr;
    const std::size_t picked = pick();
    if (keeps_record_) note(picked);
    const candidate chosen = ready_[picked];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(picked));
    if (chosen.call != nullptr)
        make_call(*chosen.call);
    else
        lowlevel::set_allocation_observer(this);  // until begin_step()
    return chosen.task;
}

// Whoever has had enough turns in a row stands aside once.
std::size_t simulation::pick() {
    std::span<const candidate> able = ready_;
    if (turns_in_a_row_ >= worker::budget_per_turn && able.size() > 1) {
        const auto last = std::find_if(ready_.begin(), ready_.end(), [this](const candidate& each) {
            return each.task == last_;
        });
        if (last != ready_.end()) {
            std::rotate(last, last + 1, ready_.end());
            able = able.first(able.size() - 1);
        }
    }
    const std::size_t picked = strategy_.choose(able);
    turns_in_a_row_ = able[picked].task == last_ ? turns_in_a_row_ + 1 : 1;
    last_ = able[picked].task;
    return picked;
}

std::size_t simulation::choose(std::size_t count) {
    if (count == 1) return 0;
    const unobserved here;
    const std::size_t picked = strategy_.choose(count);
    if (keeps_record_) write(fmt::format("        select takes the {}. of {}", picked + 1, count));
    return picked;
}

std::uint64_t simulation::random_number() noexcept { return splitmix(random_); }

timer* simulation::take_due(timer_wheel& timers, std::int64_t now) {
    std::array<timer*, most_ties> ties{timers.take_due(now)};
    if (ties[0] == nullptr) return nullptr;
    const std::int64_t when = ties[0]->when();
    std::size_t count = 1;
    while (count != most_ties && (ties[count] = timers.take_due(when)) != nullptr) ++count;
    if (count == 1) return ties[0];
    const std::size_t picked = strategy_.choose(count);
    for (std::size_t i = 0; i != count; ++i)
        if (i != picked) static_cast<void>(timers.arm(*ties[i], when));
    if (keeps_record_)
        write(fmt::format("        the {}. of {} timers of this instant", picked + 1, count));
    return ties[picked];
}

// The worker waits: what the call does to covey happens now.
void simulation::make_call(thread_job& call) {
    mutex_lock held(lock_);
    is_calling_ = true;
    try {
        core_->threads().start(call);
    } catch (...) {
        is_calling_ = false;
        held.unlock();
        call.drop_reference();
        return stop_everything("there is no thread to be had", std::current_exception());
    }
    returned_.wait(held, [this] { return !is_calling_; });
}

void simulation::begin_call() noexcept {
    simulation_of_call = this;
    lowlevel::set_allocation_observer(this);
}
void simulation::end_call() noexcept {
    lowlevel::set_allocation_observer(nullptr);
    simulation_of_call = nullptr;
}

void simulation::call_returned() noexcept {
    const mutex_guard held(lock_);
    is_calling_ = false;
    returned_.notify_one();
}

// ---------------------------------------------------------------------------------------- faults

bool simulation::is_time_for(injection::kind what) noexcept {
    return injection_.what == what && ++moments_ == injection_.at;
}

bool simulation::allows(std::size_t bytes) noexcept {
    if (!is_time_for(injection::kind::failed_allocation)) return true;
    note_fault(fmt::format("no memory for {} bytes", bytes));
    return false;
}

void simulation::enter_user_code() {
    if (!is_time_for(injection::kind::thrown_error)) return;
    note_fault("a call of the program's code throws instead");
    throw testing::injected_error("covey::testing::sweep_callbacks has let this call fail");
}

void simulation::note_fault(const std::string& what) {
    if (!keeps_record_) return;
    const unobserved here;
    const task_record* const task = current_task_or_null();
    write(fmt::format("{:>6}  {}{}", steps_, what,
                      task == nullptr ? "" : fmt::format(", in '{}'", task_name(*task))));
}

void simulation::begin_step() noexcept {
    lowlevel::set_allocation_observer(nullptr);
    ++steps_;
    if (is_time_for(injection::kind::cancellation)) {
        note_fault("main is cancelled");
        scope_tree::cancel(*root_, cancel_source::explicit_call, "sweep_cancellation");
    }
    if (steps_ == most_steps_) {
        stop_everything(
            "the schedule doesn't end",
            std::make_exception_ptr(testing::livelock_error(fmt::format(
                "the schedule has not ended after {} steps: tasks that wait for each other by "
                "looking again and again? Longer programs need a larger most_steps",
                steps_))));
    } else if (steps_ == 2 * most_steps_) {
        std::fputs("covey::testing::explore: cancelled, and still the schedule doesn't end\n",
                   stderr);
        std::terminate();
    }
}

void simulation::stuck() noexcept {
    const std::string text = fmt::format(
        "nothing can go on: every task waits, and neither time nor a thread will end "
        "it\n{}{}",
        graph_.explain(*core_), detail::task_tree(*core_));
    if (is_stuck_) {
        std::fprintf(stderr, "covey::testing::explore: cancelled, and still %s", text.c_str());
        std::terminate();
    }
    is_stuck_ = true;
    stop_everything("nothing can go on", std::make_exception_ptr(testing::deadlock_error(text)));
}

void simulation::stop_everything(const char* reason, std::exception_ptr fault) noexcept {
    if (!fault_) fault_ = std::move(fault);
    scope_tree::cancel(*root_, cancel_source::explicit_call, reason, shield_strength::full);
}

// ---------------------------------------------------------------------------------------- record

void simulation::note_use(const task_record& task, const void* object,
                          lowlevel::wait_report::use how) {
    if (!keeps_record_) return;
    const unobserved here;
    graph_.note_use(task, object, how);
}

void simulation::task_ends(const task_record& task) {
    const unobserved here;
    if (last_ == &task) last_ = nullptr;  // another one may come to lie there
    numbers_.erase(&task);
    graph_.forget(task);
    if (!keeps_record_ || fault_ || !task.root.error) return;
    write(fmt::format("        '{}' fails: {}", task_name(task), describe(task.root.error)));
    task_tree_ = detail::task_tree(*core_);
}

void simulation::note(std::size_t picked) {
    if (ready_.size() == 1) return;
    const auto name = [](const candidate& each) {
        if (each.task == nullptr) return fmt::format("a thread #{}", each.number);
        const bool has_name = each.task->started || each.task->is_named;
        return has_name ? fmt::format("'{}' #{}", task_name(*each.task), each.number)
                        : fmt::format("a new task #{}", each.number);
    };
    std::string line = fmt::format("{:>6}  {}, of", steps_, name(ready_[picked]));
    for (const candidate& each : ready_) line += fmt::format(" {},", name(each));
    line.pop_back();
    write(std::move(line));
}

void simulation::write(std::string line) {
    if (lines_.size() == most_lines) {
        lines_.pop_front();
        ++lines_left_out_;
    }
    lines_.push_back(std::move(line));
}

std::string simulation::choices() const {
    std::string text;
    if (lines_left_out_ != 0) text = fmt::format("        ({} lines before)\n", lines_left_out_);
    for (const std::string& line : lines_) text += line + '\n';
    return text;
}

}  // namespace covey::detail

constinit covey::lowlevel::atomic<unsigned> covey::lowlevel::callback_sweeps{0};

void covey::lowlevel::meet_fault_point() {
    const turn* now = this_turn();
    if (auto* sweeps = now != nullptr ? now->simulated : detail::simulation_of_call)
        sweeps->enter_user_code();
}

void covey::lowlevel::note_use(turn& now, const void* object, wait_report::use how) noexcept {
    now.simulated->note_use(*static_cast<detail::task_record*>(now.who), object, how);
}
