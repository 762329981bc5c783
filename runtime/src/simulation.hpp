// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "timer_wheel.hpp"
#include "wait_graph.hpp"

#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/to_thread.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace covey::detail {

// What could go on: a task that is ready, or a call that waits for its thread.
struct candidate {
    task_record* task;  // null: a call
    thread_job* call;
    std::uint32_t number;  // counts tasks and calls in the order of their coming, if that is wanted
};

// How a simulated run chooses.
class strategy {
 public:
    strategy() noexcept = default;
    strategy(const strategy&) = delete;
    strategy& operator=(const strategy&) = delete;
    virtual ~strategy() = default;

    // One of 0 .. count - 1; more than one.
    [[nodiscard]] virtual std::size_t choose(std::size_t count) = 0;
    // Which of them goes on.
    [[nodiscard]] virtual std::size_t choose(std::span<const candidate> ready) {
        return ready.size() == 1 ? 0 : choose(ready.size());
    }
    // Whether it looks at the numbers of candidates.
    [[nodiscard]] virtual bool wants_numbers() const noexcept { return false; }
};

// What a sweep does to a run, at which of the moments when it could: 1 is the first.
struct injection {
    enum class kind : std::uint8_t { none, cancellation, failed_allocation, thrown_error };
    kind what = kind::none;
    std::size_t at = 0;
};

// What takes the place of chance in a simulated run: which of the tasks that are ready goes on
// after each operation, when calls are made by threads, which timer of one instant comes first.
//
// Threads   One worker, and at most one thread that makes a call for it: the worker waits
//           meanwhile. So everything happens in one order, which the choices determine.
// Faults    Observes the allocations of tasks and calls, not its own ones nor the scheduler's.
// Lifetime  Longer than the run, of which it is told by begin() and end().
class simulation : private lowlevel::allocation_observer {
 public:
    simulation(strategy& how, std::uint64_t seed, std::size_t most_steps)
        : strategy_(how), random_(seed), most_steps_(most_steps) {}

    // Also writes down what is chosen, and the tasks there are when one fails.
    void keep_record() noexcept { keeps_record_ = true; }
    void inject(injection fault) noexcept { injection_ = fault; }

    // ---- For the run.
    void begin(runtime_core& core, cancel_scope& root) noexcept;
    void end() noexcept;

    // A turn begins, or the worker finds that nobody is ready.
    void begin_step() noexcept;
    // It is ready.
    void add(task_record& task);
    [[nodiscard]] std::size_t count() const noexcept { return ready_.size(); }
    // The one that goes on. Null: nobody can, or a call was made; then somebody may be ready now.
    [[nodiscard]] task_record* next();
    // Of a select.
    [[nodiscard]] std::size_t choose(std::size_t count);
    // Where there are too many to try.
    [[nodiscard]] std::uint64_t random_number() noexcept;
    // With the timers' lock held.
    [[nodiscard]] timer* take_due(timer_wheel& timers, std::int64_t now);
    void add_call(thread_job& call);
    // On its thread: it begins, and it is over.
    void begin_call() noexcept;
    void end_call() noexcept;
    void call_returned() noexcept;
    // See lowlevel::fault_point().
    void enter_user_code();
    // Nothing can go on: stops everything. The second time nothing helps, and the process ends.
    void stuck() noexcept;
    void task_ends(const task_record& task);
    void note_use(const task_record& task, const void* object, lowlevel::wait_report::use how);

    // ---- For who started it.
    // What was wrong with the order of things, whatever main made of it; or null.
    [[nodiscard]] const std::exception_ptr& fault() const noexcept { return fault_; }
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
    // At which the injection could have come.
    [[nodiscard]] std::size_t moments() const noexcept { return moments_; }
    [[nodiscard]] std::string choices() const;
    [[nodiscard]] const std::string& task_tree() const noexcept { return task_tree_; }

 private:
    [[nodiscard]] std::uint32_t number_of(const task_record& task);
    [[nodiscard]] std::size_t pick();
    void note(std::size_t picked);
    void write(std::string line);
    void make_call(thread_job& call);
    [[nodiscard]] bool is_time_for(injection::kind what) noexcept;
    [[nodiscard]] bool allows(std::size_t bytes) noexcept override;
    void note_fault(const std::string& what);
    void stop_everything(const char* reason, std::exception_ptr fault) noexcept;

    strategy& strategy_;
    std::uint64_t random_;
    const std::size_t most_steps_;
    bool keeps_record_ = false;
    injection injection_;
    std::size_t moments_ = 0;

    runtime_core* core_ = nullptr;
    cancel_scope* root_ = nullptr;
    std::vector<candidate> ready_;  // in the order of their coming
    std::unordered_map<const task_record*, std::uint32_t> numbers_;
    std::uint32_t next_number_ = 0;
    std::size_t steps_ = 0;
    const task_record* last_ = nullptr;  // only compared
    unsigned turns_in_a_row_ = 0;
    std::exception_ptr fault_;
    bool is_stuck_ = false;

    wait_graph graph_;
    std::deque<std::string> lines_;
    std::size_t lines_left_out_ = 0;
    std::string task_tree_;

    lowlevel::mutex lock_;
    lowlevel::condition returned_;
    bool is_calling_ = false;  // guarded by lock_
};

// Of the run whose call the calling thread makes, while the worker waits for it; or null.
extern constinit thread_local simulation* simulation_of_call;

}  // namespace covey::detail
