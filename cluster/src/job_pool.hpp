// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where CAF's actors meet covey's workers.
//
// What       A job is a CAF actor that has something to do (caf::resumable). A carrier is a task
//            that runs jobs, one for each of its turns: so an actor that is ready stands among the
//            tasks that are ready, is taken by whichever worker comes first, follows a seed, and
//            counts when a virtual clock looks whether anything can run. An actor that has used up
//            its messages goes behind those that wait. Carriers are made as they are needed; when
//            all of them have a job, others wait in line for the first that is done.
// Invariants An idle carrier is in idle_, and then nothing is in waiting_. pending_ counts a job
//            from enqueue() until its carrier comes back for another one.
// Threads    enqueue() from any, also with locks of CAF held: it runs no actor. lock_ is held for a
//            few links, and meets no other but the task queue's, which comes after.
// Lifetime   A carrier is also the execution unit of the actors that it has run, which keep its
//            address: it stays until the pool goes, after the actor system.
// Rejected   A task per worker that runs job after job: it has to invent again who steals, who
//            yields and who comes first. Jobs in the workers' own queues: the same order at the
//            price of a second kind of entry in the hottest place there is; docs/decisions/0018.

#include <covey/lowlevel/park.hpp>
#include <covey/nursery.hpp>

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>

namespace covey::detail {

class actor_roster;

class job_pool {
 public:
    // In a task of the run. Carriers become children of the nursery.
    job_pool(nursery& around, actor_roster& roster);
    job_pool(const job_pool&) = delete;
    job_pool& operator=(const job_pool&) = delete;
    ~job_pool();

    // Before the first job.
    void start(caf::actor_system& system, std::size_t messages_per_turn);
    // The job comes with a reference, which the pool lets go of.
    void enqueue(caf::resumable& job);

    // From now on a carrier leaves no trace of CAF on the thread that it has run on.
    void leave_threads_clean() noexcept { leaves_clean_.store(true, lowlevel::order::release); }
    // From now on a job that has never run ends instead.
    void refuse_newcomers() noexcept { refuses_.store(true, lowlevel::order::release); }
    // On a thread that is no worker: from now on jobs end instead of being run. Returns when there
    // are none.
    void drain();
    // After the actor system has gone: the carriers end.
    void stop() noexcept;

    [[nodiscard]] std::uint64_t turns() const noexcept {
        return turns_.load(lowlevel::order::relaxed);
    }
    [[nodiscard]] std::size_t pending() noexcept;

 private:
    class carrier;
    class next_job;
    class drained;

    [[nodiscard]] task<> carry(carrier& self);
    [[nodiscard]] task<> run_jobs(carrier& self);
    [[nodiscard]] bool run(carrier& self) noexcept;
    [[nodiscard]] bool must_end(caf::resumable& job) const noexcept;
    void start_carrier(carrier& fresh);
    [[nodiscard]] lowlevel::wait_node* give_locked(caf::resumable& job);

    // So many ready actors stand among the tasks at once; what is beyond waits in line.
    static constexpr std::size_t most_carriers = 256;

    // Constant once started.
    const nursery_handle nursery_;
    actor_roster& roster_;
    caf::actor_system* system_ = nullptr;
    std::size_t messages_per_turn_ = 0;

    lowlevel::atomic<bool> drains_{false};
    lowlevel::atomic<bool> refuses_{false};
    lowlevel::atomic<bool> leaves_clean_{false};
    lowlevel::atomic<std::uint64_t> turns_{0};

    // Guards what follows.
    lowlevel::spin_lock lock_;
    lowlevel::wait_list idle_;             // carriers; the last one that came is the next to go
    std::deque<caf::resumable*> waiting_;  // jobs that no carrier has
    std::deque<carrier> carriers_;         // only grows
    std::size_t pending_ = 0;
    lowlevel::wait_node* drainer_ = nullptr;  // waits for pending_ == 0
    bool stopped_ = false;
};

}  // namespace covey::detail
