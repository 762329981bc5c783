// SPDX-License-Identifier: BSL-1.0
//
// A long turn shows in what workers publish anyhow: how many turns they have had, and whose it is
// now. A run that has stalled is held still while its waits are looked at: with every worker parked
// and kept so, no frame goes on, and what it waits for stays where it is.
//
// Lock order: the registry's lock is the outermost one.
#include <covey/watchdog.hpp>

#include "describe.hpp"
#include "runtime_core.hpp"
#include "wait_graph.hpp"
#include "watched_run.hpp"

#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <list>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <utility>
#include <vector>

namespace covey {

namespace detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;
using lowlevel::order;
using steady = std::chrono::steady_clock;

class watchdog_thread {
 public:
    explicit watchdog_thread(const watchdog_options& options);
    watchdog_thread(const watchdog_thread&) = delete;
    watchdog_thread& operator=(const watchdog_thread&) = delete;
    ~watchdog_thread();

    // Locked.
    void add(runtime_core& core) { runs_.emplace_back(core); }
    void remove(const runtime_core& core) noexcept {
        runs_.remove_if([&](const watched& each) { return each.core == &core; });
    }

 private:
    // Something that hasn't changed since.
    struct sight {
        steady::time_point since = steady::now();
        bool is_reported = false;
    };
    struct turn_sight : sight {
        std::uint32_t turns = 0;
        const task_record* task = nullptr;
    };
    struct watched {
        explicit watched(runtime_core& run) : core(&run), workers(run.scheduler().workers()) {}
        runtime_core* core;
        std::vector<turn_sight> workers;
        sight rest;
    };

    void watch() noexcept;
    [[nodiscard]] std::vector<watchdog_report> look_at_all();
    void look_at_turns(watched& run, std::vector<watchdog_report>& seen) const;
    void look_for_stall(watched& run, std::vector<watchdog_report>& seen) const;
    void tell(const watchdog_report& seen) const noexcept;

    const watchdog_options options_;
    // Guarded by the registry's lock.
    std::list<watched> runs_;
    bool is_stopping_ = false;
    lowlevel::condition stopping_;

    lowlevel::thread thread_;
};

namespace {

// The process's watchdog. The pointer is read without the lock, to see that there is none.
constinit lowlevel::atomic<watchdog_thread*> of_process{nullptr};
lowlevel::mutex registry_lock;

std::string in_seconds(duration length) {
    return fmt::format("{:.3g} s", static_cast<double>(length.count()) / 1e9);
}

// Null, if it is over by now.
std::optional<watchdog_report> report_turn(runtime_core& core, const station& at,
                                           std::uint32_t turns, const task_record* task,
                                           duration lasts) {
    std::optional<task_sight> seen = look_at(core, task);
    if (!seen || at.turns.load(order::acquire) != turns) return std::nullopt;
    watchdog_report report{.what = watchdog_report::kind::long_turn,
                           .lasts = lasts,
                           .task = std::move(seen->name),
                           .place = std::move(seen->place)};
    report.text = fmt::format(
        "task '{}' has kept a worker for {} since it {}: others wait, and it can't be cancelled. "
        "Let long work await covey::checkpoint() now and then, or give it to covey::to_thread()",
        report.task, in_seconds(lasts),
        report.place.empty() ? "began" : "waited at " + report.place);
    return report;
}

}  // namespace

watchdog_thread::watchdog_thread(const watchdog_options& options) : options_(options) {
    for (const duration length : {options.longest_turn, options.longest_stall}) {
        if (length > duration::zero()) continue;
        throw std::invalid_argument(
            fmt::format("covey::watchdog: a length of {} can't be watched; covey::never is the one "
                        "to leave out",
                        in_seconds(length)));
    }
    const mutex_guard held(registry_lock);
    if (of_process.load(order::relaxed) != nullptr) {
        throw std::logic_error(
            "covey::watchdog: there is one already, and it watches every run that begins");
    }
    thread_ = lowlevel::thread([this] { watch(); });
    of_process.store(this, order::release);
}

watchdog_thread::~watchdog_thread() {
    {
        const mutex_guard held(registry_lock);
        of_process.store(nullptr, order::relaxed);
        is_stopping_ = true;
        stopping_.notify_one();
    }
    thread_.join();
}

void watchdog_thread::watch() noexcept {
    pthread_setname_np(pthread_self(), "covey watchdog");
    constexpr duration shortest = std::chrono::milliseconds(1);
    constexpr duration longest = std::chrono::hours(1);
    const duration period =
        std::clamp(std::min(options_.longest_turn, options_.longest_stall) / 4, shortest, longest);
    mutex_lock held(registry_lock);
    while (!stopping_.wait_for(held, period, [this] { return is_stopping_; })) {
        std::vector<watchdog_report> seen;
        try {
            seen = look_at_all();
        } catch (...) {  // no memory to tell with: it will look again
        }
        held.unlock();
        for (const watchdog_report& each : seen) tell(each);
        held.lock();
    }
}

std::vector<watchdog_report> watchdog_thread::look_at_all() {
    std::vector<watchdog_report> seen;
    for (watched& run : runs_) {
        look_at_turns(run, seen);
        look_for_stall(run, seen);
    }
    return seen;
}

void watchdog_thread::look_at_turns(watched& run, std::vector<watchdog_report>& seen) const {
    for (unsigned i = 0; i != run.workers.size(); ++i) {
        const station& at = run.core->scheduler().station_of(i);
        turn_sight& known = run.workers[i];
        const turn_sight now{{}, at.turns.load(order::relaxed), at.task.load(order::relaxed)};
        if (now.turns != known.turns || now.task != known.task) {
            known = now;
            run.rest = {};
        }
        const duration lasts = now.since - known.since;
        if (known.task == nullptr || known.is_reported || lasts < options_.longest_turn) continue;
        if (auto report = report_turn(*run.core, at, known.turns, known.task, lasts))
            seen.push_back(std::move(*report));
        known.is_reported = true;
    }
}

void watchdog_thread::look_for_stall(watched& run, std::vector<watchdog_report>& seen) const {
    if (options_.longest_stall == never) return;
    scheduler& scheduler = run.core->scheduler();
    if (run.core->threads().is_busy() || !scheduler.is_still()) run.rest = {};
    const duration lasts = steady::now() - run.rest.since;
    if (run.rest.is_reported || lasts < options_.longest_stall) return;
    if (!scheduler.try_to_hold_still()) return;
    struct let_go_at_end {
        detail::scheduler& held;
        ~let_go_at_end() { held.let_go(); }
    } const held{scheduler};
    seen.push_back(
        {.what = watchdog_report::kind::stall,
         .lasts = lasts,
         .text = fmt::format(
             "nothing has run for {}, and neither time nor a thread of covey will change "
             "that: every task waits\n{}{}",
             in_seconds(lasts), wait_graph::explain_waits(*run.core), task_tree(*run.core))});
    run.rest.is_reported = true;
}

void watchdog_thread::tell(const watchdog_report& seen) const noexcept {
    if (options_.report != nullptr)
        options_.report(seen);
    else
        std::fprintf(stderr, "covey: %s\n", seen.text.c_str());
}

watched_run::watched_run(runtime_core& core) {
    if (of_process.load(order::acquire) == nullptr) return;
    if (core.scheduler().simulated() != nullptr) return;
    const mutex_guard held(registry_lock);
    watchdog_thread* const watching = of_process.load(order::relaxed);
    if (watching == nullptr) return;
    watching->add(core);
    core_ = &core;
}

watched_run::~watched_run() {
    if (core_ == nullptr) return;
    const mutex_guard held(registry_lock);
    if (watchdog_thread* const watching = of_process.load(order::relaxed)) watching->remove(*core_);
}

}  // namespace detail

watchdog::watchdog(watchdog_options options)
    : thread_(std::make_unique<detail::watchdog_thread>(options)) {}
watchdog::~watchdog() = default;

}  // namespace covey
