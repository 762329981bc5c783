// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/park.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/to_thread.hpp>

#include <list>

namespace covey::detail {

class simulation;

// The threads on which a run makes its blocking calls.
//
// What       Threads come as calls need them, and wait for the next call, the youngest first; a
//            token limits how many calls run at once.
// Threads    Everything under lock_.
// Lifetime   Counted: by the run, and by every job. close() joins the threads that are idle or
//            about to be; one that is busy with an abandoned call goes on alone, and the last
//            reference frees the pool.
class thread_pool {
 public:
    // A simulation says when each call of its run is made.
    explicit thread_pool(simulation* simulated) noexcept : simulation_(simulated) {}
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    void add_reference() noexcept { references_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }

    [[nodiscard]] lowlevel::mutex& lock() noexcept { return lock_; }
    [[nodiscard]] bool try_take_token_locked(thread_job& job) noexcept;
    [[nodiscard]] lowlevel::wait_list& waiting_for_token() noexcept { return waiting_; }
    void give_token_back(thread_job& job) noexcept;

    // Gives the job to an idle thread, or to a new one: throws std::system_error when there is none
    // to be had. In a simulated run: to the simulation, which starts it.
    void submit(thread_job& job);
    void start(thread_job& job);
    // A job of a simulated run that has ended, and nobody waits for it. Without a thread it is
    // dropped.
    void start_abandoned(thread_job& job) noexcept;
    // Whether a call is being made, also one that nobody waits for.
    [[nodiscard]] bool is_busy() noexcept {
        const lowlevel::mutex_guard held(lock_);
        return !busy_.empty();
    }
    // The run ends: nobody submits any more.
    void close() noexcept;

 private:
    struct member {
        lowlevel::thread thread;
        lowlevel::condition wake;
        thread_job* job = nullptr;
        bool is_alone = false;  // detached: the run has ended without it
    };
    using member_list = std::list<member>;

    ~thread_pool() = default;
    void serve(member_list::iterator self) noexcept;

    static constexpr unsigned tokens = 40;

    lowlevel::mutex lock_;
    member_list idle_;  // the youngest first
    member_list busy_;
    lowlevel::wait_list waiting_;  // for a token
    unsigned tokens_taken_ = 0;
    simulation* simulation_;  // null: there is none, or its run has ended
    bool closed_ = false;
    lowlevel::atomic<unsigned> references_{1};
};

}  // namespace covey::detail
