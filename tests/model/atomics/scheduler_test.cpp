// SPDX-License-Identifier: BSL-1.0
// runtime/src/scheduler.cpp: nobody sleeps while a task waits for a worker. The alarms of those who
// sleep never ring here, so a wake-up that is lost is a program that stands still.

#include "scheduler.hpp"

#include "run_queue_tasks.hpp"
#include "runtime_core.hpp"

#include <optional>

namespace {

using covey::detail::scheduler;
using covey::detail::timer_wheel;
using covey::lowlevel::order;
using namespace checked;

// A run that has no tasks yet. Made once: each execution finds it as it was left.
struct idle_run {
    explicit idle_run(unsigned workers)
        : timers(0),
          it(workers, std::nullopt, nullptr, covey::detail::steady_clock_source(), timers) {}

    // As worker::run() does. Who takes the last task ends the run.
    void work(unsigned worker, unsigned tasks_of_run = 1) {
        for (;;) {
            const scheduler::turn given = it.next(it.station_of(worker));
            if (given.stopped) return;
            if (given.task == nullptr) continue;
            take(given.task);
            if (taken.fetch_add(1, order::acq_rel) + 1 == tasks_of_run) it.stop();
        }
    }
    void bring(task& brought) {
        brought.written = 1;
        it.enqueue(brought);
    }

    timer_wheel timers;
    scheduler it;
    covey::lowlevel::atomic<unsigned> taken{0};
};

idle_run* run = nullptr;

template <unsigned Workers>
void prepare() {
    run = new idle_run(Workers);
}

template <unsigned Workers, class Program>
void explore_run(unsigned preemptions, Program program) {
    explore_all({.preemptions = preemptions}, program, prepare<Workers>);
}

TEST_CASE("scheduler: a task from a foreign thread finds a worker that is about to park") {
    explore_run<1>(2, [] {
        made_tasks<1> tasks;
        together([] { run->work(0); }, [&] { run->bring(tasks[0]); });
        tasks.expect_all_taken();
    });
}

TEST_CASE("scheduler: a crowd from a foreign thread finds a worker that is about to park") {
    explore_run<1>(2, [] {
        made_tasks<2> tasks;
        together([] { run->work(0, 2); },
                 [&] {
                     covey::detail::ready_chain crowd;
                     for (task& each : tasks) {
                         each.written = 1;
                         crowd.add(each);
                     }
                     run->it.enqueue_all(crowd);
                 });
        tasks.expect_all_taken();
    });
}

TEST_CASE("scheduler: a task from a foreign thread finds one of two workers") {
    explore_run<2>(1, [] {
        made_tasks<1> tasks;
        together([] { run->work(0); }, [] { run->work(1); }, [&] { run->bring(tasks[0]); });
        tasks.expect_all_taken();
    });
}

TEST_CASE("scheduler: two foreign threads bring a task each to one worker") {
    explore_run<1>(1, [] {
        made_tasks<2> tasks;
        together([] { run->work(0, 2); }, [&] { run->bring(tasks[0]); },
                 [&] { run->bring(tasks[1]); });
        tasks.expect_all_taken();
    });
}

TEST_CASE("scheduler: who is parked sees that the run has ended") {
    explore_run<2>(
        1, [] { together([] { run->work(0); }, [] { run->work(1); }, [] { run->it.stop(); }); });
}

// The task runs, its run ends and is destroyed: who brought it must be gone by then.
TEST_CASE("scheduler: a foreign thread is out of a run before that is destroyed") {
    explore_run<1>(2, [] {
        made_tasks<1> tasks;
        together(
            [] {
                run->work(0);
                delete run;
            },
            [&] { run->bring(tasks[0]); });
        tasks.expect_all_taken();
    });
}

}  // namespace
