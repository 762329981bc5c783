// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/lowlevel/block.hpp>
#include <covey/task.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace caf {
class actor_system;
class actor_system_config;
}  // namespace caf

namespace covey {

namespace detail {
class caf_core;
}  // namespace detail

// How a CAF actor system is set up.
struct caf_options {
    // What CAF is to know: message types, modules, what a command line said. Outlives the block and
    // serves one system at a time. Null: CAF's defaults. Where it leaves "scheduler.max-throughput"
    // alone, an actor handles up to 50 messages before others have their turn.
    caf::actor_system_config* config = nullptr;
    // True: actors run on the run's workers, and their timers follow its clock. False: CAF brings
    // its own threads and its own clock.
    bool on_workers = true;
    // How long actors that a cancelled or failed block asks to end may take, before they are
    // killed.
    duration grace = std::chrono::seconds(5);
};

// A CAF actor system that lives as long as its block: see with_caf(). Threads: any, while the block
// lives; a thread of your own that has used CAF must end, or call leave_thread(), before the block
// can.
class caf_host {
 public:
    caf_host(const caf_host&) = delete;
    caf_host& operator=(const caf_host&) = delete;

    // For everything that CAF offers; its type is in <caf/actor_system.hpp>.
    [[nodiscard]] caf::actor_system& system() const noexcept;

    // Whether actors run on the run's workers: what the options asked for, where this version of
    // CAF allows it.
    [[nodiscard]] bool is_on_workers() const noexcept;

    // `const int sum = co_await host.request<int>(actor, 1s, 20, 22)`: sends a message of these
    // values to any CAF actor and waits for the answer: nothing, an R, several values as a
    // std::tuple, or whatever it is as caf::message. Throws caf_error when the actor answers with
    // an error, with something else than an R, or ends, or has ended, without an answer;
    // too_slow_error when the limit is over (covey::never: there is none). A checkpoint;
    // cancellation leaves at once, as the limit does: the actor isn't told, and what it answers
    // then is dropped and counted. An actor that delegates the message and ends has ended: ask the
    // other one. Throws std::invalid_argument for a negative limit and for a handle that is empty.
    // Needs <covey/caf.hpp>. Threads: tasks of the run. Cost: CAF's, and three allocations more.
    template <class R = void, class Handle, class Rep, class Period, class... A>
    [[nodiscard]] auto request(const Handle& to, std::chrono::duration<Rep, Period> limit,
                               A&&... question) const;

    // `co_await host.adopt(actor)`: the calling task stands for that CAF actor, so that a nursery
    // or a supervisor has it among its children, and ends when the actor has ended: as it is, or
    // with caf_error when the reason isn't a normal one. A soft cancellation of the task asks the
    // actor to end (exit_reason::user_shutdown). A cancellation asks, and kills it after
    // options.grace; one that comes after the asking kills it at once. Either way it is waited for:
    // an actor reacts between two messages. A checkpoint. Throws std::invalid_argument for a handle
    // that is empty. Needs <covey/caf.hpp>. Threads: tasks of the run. Cost: seven allocations.
    template <class Handle>
    [[nodiscard]] task<> adopt(const Handle& actor) const;

    // CAF notes on each thread which system was used last, and a system can't end while it is
    // noted. Workers and the threads of to_thread() are taken care of.
    static void leave_thread() noexcept;

    struct caf_statistics {
        // Zero unless actors run on the workers.
        std::uint64_t turns = 0;       // how often an actor was resumed
        std::size_t actors_ready = 0;  // that wait for their turn, or have it
        std::size_t timers_armed = 0;  // time limits and delayed messages
        // Of request().
        std::size_t requests_waiting = 0;
        std::uint64_t answers_dropped = 0;  // that came too late
    };
    [[nodiscard]] caf_statistics statistics() const;

 private:
    friend class detail::caf_core;
    explicit caf_host(detail::caf_core& core) noexcept : core_(core) {}

    detail::caf_core& core_;
};

// Starts a CAF actor system, runs body(caf_host&) in the calling task, and ends when the body and
// every actor that isn't hidden have ended and the system is shut down; gives the body's value or
// its error, as it is. A body that fails or is stopped asks the actors to end; so does a
// cancellation from outside while they are waited for; those that haven't after options.grace are
// killed. Actors with a thread of their own (detached, blocking) can't be seen by covey: they are
// waited for, as the calls of to_thread() are. Body: as in with_nursery. A checkpoint on entry, and
// on exit if a cancellation has asked actors to end; shutting down holds up no worker and is not
// cancelled itself. Throws what CAF throws for a bad configuration, and std::invalid_argument for a
// negative grace. Cost: some 100 us, and a thread for CAF's output.
template <class F>
auto with_caf(caf_options options, F&& body);
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, caf_options>)
auto with_caf(F&& body);

}  // namespace covey

#include <covey/detail/with_caf.hpp>
