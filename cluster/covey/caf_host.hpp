// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>
#include <covey/lowlevel/block.hpp>
#include <covey/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace caf {
class actor;
class actor_system;
class actor_system_config;
}  // namespace caf

namespace covey {

template <class A>
class actor_ref;

namespace detail {
class caf_core;
}  // namespace detail

// Files in PEM format: who we are, and whom we believe. Both sides of a connection show theirs.
struct caf_tls {
    std::string certificate;  // ours; with those between it and the authority, if there are any
    std::string key;          // of our certificate, without a passphrase
    std::string authority;    // who has signed the certificates of the others
};

// How a system speaks to other processes. All of them need the same settings, and CAF 0.17.
struct caf_network {
    // Null: whoever reaches a port is believed, and whoever is on the way reads along.
    std::optional<caf_tls> tls = std::nullopt;
    // How often a side shows that it is alive, and after which silence it is taken for dead.
    duration heartbeat = std::chrono::milliseconds(250);
    duration silence = std::chrono::milliseconds(1750);
    // How long a connection that was accepted may take until it speaks.
    duration handshake = std::chrono::seconds(5);
    // How long the others may take, at the end, to read what has been sent.
    duration linger = std::chrono::seconds(1);
};

// A TCP port of a host, by name or number. The host "" is all interfaces of this machine; the port
// 0 is any that is free.
struct caf_address {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
};

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
    // Null: the system speaks to nobody.
    std::optional<caf_network> network = std::nullopt;
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

    // `host.as_caf<int, std::tuple<add_atom, int, int>>(ref)`: the actor as one of CAF's, for CAF
    // actors that send to it, ask it, delegate to it, link to it or monitor it. Each M is a type
    // that the actor handles: a CAF message of one such value is an M, one of several values a
    // std::tuple of them. What a handler returns is the answer: nothing, a value, several as a
    // std::tuple, a caf::message as it is; a caf::error, a caf::expected without a value and a
    // caf_error that it throws are that error, whatever else it throws is sec::runtime_error with
    // its text. A sender of CAF's can't wait for room: docs/guide/caf.md says what a full mailbox
    // does. An exit message that isn't normal stops the actor, as actor_ref::stop() does. When the
    // actor has ended for good, those who are linked or monitor are told; restarts are invisible.
    // The same actor with the same M is the same CAF actor. It is dead when the block ends, though
    // the covey actor lives on: what it was asked and hasn't answered fails then. Not a checkpoint.
    // Throws std::logic_error for a ref without an actor. Needs <covey/caf.hpp>. Threads: any.
    // Cost: some 450 bytes, and an allocation for each request.
    template <class... M, class A>
    [[nodiscard]] caf::actor as_caf(const actor_ref<A>& actor) const;

    // `co_await host.publish(actor, {.port = 4242}, 5s)`: others can connect to the actor there, as
    // long as the block lives; gives the port. Throws std::system_error when the address can't be
    // had, too_slow_error after the limit (a name that isn't resolved), std::logic_error without
    // options.network, std::invalid_argument for a handle that is empty. A checkpoint; cancellation
    // leaves at once, and nothing is published unless it came too late. Needs <covey/caf.hpp>.
    // Threads: tasks of the run, as for the next two.
    template <class Handle>
    [[nodiscard]] task<std::uint16_t> publish(const Handle& actor, caf_address at,
                                              duration limit) const;
    // Nobody can connect there any more; who has stays connected. Throws caf_error if nothing is
    // published at the port. A checkpoint.
    [[nodiscard]] task<> unpublish(std::uint16_t port) const;

    // `const auto actor = co_await host.connect({.host = "db", .port = 4242}, 5s)`: what is
    // published there, as a caf::actor, or as a typed handle of CAF. It may be sent to, asked,
    // adopted, as if it were here. Throws std::system_error when nobody listens, caf_error when the
    // other side ends the connection or has something else, too_slow_error after the limit, be it
    // that the listener doesn't speak. A checkpoint; cancellation leaves at once, and ends the
    // connection. A second connection to the same process shares the first one.
    template <class Handle = caf::actor>
    [[nodiscard]] task<Handle> connect(caf_address to, duration limit) const;

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
        // Of as_caf().
        std::size_t faces = 0;               // covey actors that are CAF's, too, and haven't ended
        std::uint64_t messages_dropped = 0;  // asynchronous ones, that such an actor hasn't taken
        // To and from other processes.
        std::size_t connections_open = 0;
        std::uint64_t connections_refused = 0;  // ended before the other side had said anything
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
