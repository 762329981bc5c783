// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/actor_error.hpp>
#include <covey/child_options.hpp>
#include <covey/detail/actor_cell.hpp>
#include <covey/detail/ask.hpp>
#include <covey/detail/handled_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace covey {

class actor;
template <class A>
class actor_ref;
template <class A>
class incarnation_ref;
template <class M>
class recipient;

// What becomes of an actor in the end: what watch() gives.
struct down {
    actor_id id;
    exit_reason reason = exit_reason::finished;
    std::exception_ptr error;  // what it failed with, or what made it stop; null: no error
};

// An actor at one instant. Every accepted message is in exactly one of handled, queued
// (current_buffer_used), returned, dead_letters and in_progress.
struct actor_statistics : channel_statistics {
    std::uint64_t accepted = 0;      // what the mailbox has taken, be it dropped at once
    std::uint64_t handled = 0;       // its handler returned
    std::uint64_t returned = 0;      // requests that ended with an error for their asker
    std::uint64_t abandoned = 0;     // of these: whose asker had gone before they were begun
    std::uint64_t dead_letters = 0;  // see covey::dead_letters()
    std::uint64_t in_progress = 0;   // 1 from its turn until its handler has ended for good
    std::uint32_t incarnation = 0;   // the last one begun, counted from 1
};

namespace detail {

// Waits for what happens to a cell: its end, or an incarnation later than `after`.
class cell_watch : public lowlevel::wait_operation {
 protected:
    cell_watch(cell_ref target, std::uint32_t after) noexcept;
    cell_watch(cell_watch&&) noexcept = default;

    cell_ref target_;

 private:
    friend class actor_cell;
    [[nodiscard]] bool is_over_locked() const noexcept;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    std::uint32_t after_;
};

// The awaitable of watch().
class [[nodiscard]] watch_operation final : public cell_watch {
 public:
    using covey_result = down;
    explicit watch_operation(cell_ref target) noexcept;
    watch_operation(watch_operation&&) noexcept = default;
    down await_resume() const;
};

// The awaitable of watch_restart().
class [[nodiscard]] restart_watch_operation final : public cell_watch {
 public:
    using covey_result = std::optional<std::uint32_t>;
    restart_watch_operation(cell_ref target, std::uint32_t after) noexcept;
    restart_watch_operation(restart_watch_operation&&) noexcept = default;
    std::optional<std::uint32_t> await_resume() const;
};

// What refs of all kinds can do. One that was moved from, or made without an actor, throws
// std::logic_error.
class actor_address {
 public:
    // The name given in child_options, or "<class>#<id>".
    [[nodiscard]] std::string name() const;
    [[nodiscard]] actor_id id() const;

    // Waits until the actor has ended for good; at once if it has. Exactly one `down` for each
    // await. A checkpoint; cancellable without a trace. (SV31)
    [[nodiscard]] watch_operation watch() const;

    // Waits until the actor has been restarted: until a later incarnation than `after` is ready.
    // Gives its number, or nothing once the actor has ended for good. To hear of every restart pass
    // on what came last; 0 means from now on. A checkpoint; cancellable without a trace. (SV31)
    //
    //     std::uint32_t last = 0;
    //     for (;;) {
    //         const auto restarted = co_await ref.watch_restart(last);
    //         if (!restarted) break;
    //         last = *restarted;
    //         ...
    [[nodiscard]] restart_watch_operation watch_restart(std::uint32_t after = 0) const;

    // Asks the actor to stop for good: its mailbox refuses messages from now on, what is queued
    // becomes dead letters (or is handled first: child_options::on_stop), requests fail at once.
    // The message in progress is finished: after child_options::grace it is cancelled, after `hard`
    // through its shields. Idempotent; not a checkpoint; any thread. (SV11, SV28)
    void stop() const noexcept;

    // Any thread. Cost: two locks, and a walk over those who wait for room.
    [[nodiscard]] actor_statistics statistics() const;

    // Whether there is an actor to send to, be it alive or not.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(cell_); }

    // The same actor.
    friend bool operator==(const actor_address& one, const actor_address& other) noexcept {
        return one.cell_.same_as(other.cell_);
    }

 protected:
    friend struct ref_access;
    actor_address() noexcept = default;
    explicit actor_address(cell_ref cell) noexcept : cell_(std::move(cell)) {}

    const cell_ref& target(const char* attempt) const {
        cell_.check(attempt);
        return cell_;
    }

    cell_ref cell_;
};

// Takes a ref apart and makes one, for the rest of the room.
struct ref_access {
    template <class Ref>
    static Ref make(cell_ref cell) {
        return Ref(std::move(cell));
    }
    template <class Ref>
    static const cell_ref& cell_of(const Ref& ref, const char* attempt) {
        return ref.target(attempt);
    }
};

// tell, try_tell and ask of the refs that know their actor's class.
template <class A>
class typed_address : public actor_address {
 public:
    // Sends the message, waiting while the mailbox is full (or as its overflow policy says). An
    // rvalue moves into the operation and goes back to where it came from on an error and on
    // cancellation, so await it in the same expression; an lvalue is copied. Throws
    // actor_stopped_error, actor_unavailable_error, channel_full_error; would_deadlock_error where
    // the actor's own handler would wait for room in its own mailbox. A checkpoint. Threads: tasks
    // of any worker. Messages of one sender arrive in order. Cost: no allocation up to 48 bytes.
    // (SV21, SV25)
    template <class M>
    [[nodiscard]] auto tell(M&& message) const {
        using sent = std::decay_t<M>;
        if constexpr (detail::check_message<A, sent>())
            return tell_operation<sent>(target("tell"), message_type_of<A, sent>, only_incarnation_,
                                        std::forward<M>(message));
    }

    // The same if it takes no waiting. False: the mailbox is full, the message untouched; throws as
    // tell does. Not a checkpoint; any thread.
    template <class M>
    bool try_tell(M&& message) const {
        using sent = std::decay_t<M>;
        if constexpr (detail::check_message<A, sent>()) {
            outgoing<sent> letter(*target("try_tell"), message_type_of<A, sent>, only_incarnation_,
                                  std::forward<M>(message));
            return try_outgoing(letter);
        } else {
            return false;
        }
    }

    // Sends the message as a request and waits for what its handler returns. Throws
    // actor_stopped_error or actor_unavailable_error where it never was begun, callee_failed_error
    // where it was and won't be answered; would_deadlock_error from a handler of the same actor,
    // and where handlers would wait for each other. The asker's deadline and cancellation travel
    // along: a request whose asker has gone is skipped, and its handler can see it in
    // actor::current_request(). A handler that has begun isn't stopped. A checkpoint. Cost: one
    // allocation, from a pool. (SV26-SV29)
    template <class M>
    [[nodiscard]] auto ask(M&& message) const {
        using sent = std::decay_t<M>;
        if constexpr (detail::check_message<A, sent>())
            return ask_operation<reply_of<A, sent>, sent>(target("ask"), message_type_of<A, sent>,
                                                          only_incarnation_,
                                                          std::forward<M>(message));
    }
    // The same for at most that long, then too_slow_error. Throws std::invalid_argument for a
    // negative limit. Cost: two frames more.
    template <class Rep, class Period, class M>
    [[nodiscard]] auto ask(std::chrono::duration<Rep, Period> limit, M&& message) const {
        using sent = std::decay_t<M>;
        const duration length = to_duration(limit);
        if constexpr (detail::check_message<A, sent>())
            return ask_within<reply_of<A, sent>, sent>(cell_, ask(std::forward<M>(message)),
                                                       length);
    }

    // The address as one of those that take an M. (tell and try_tell only)
    template <class M>
    [[nodiscard]] recipient<M> narrow() const {
        static_cast<void>(detail::check_message<A, M>());
        return recipient<M>(target("narrow"), message_type_of<A, M>, only_incarnation_);
    }

 protected:
    typed_address() noexcept = default;
    explicit typed_address(cell_ref cell, std::uint32_t only_incarnation = 0) noexcept
        : actor_address(std::move(cell)), only_incarnation_(only_incarnation) {}

    template <class M>
    static bool try_outgoing(outgoing<M>& letter) {
        struct undo {
            outgoing<M>& letter;
            ~undo() { letter.give_back(); }
        } const back{letter};
        return try_post(letter.letter);
    }

    std::uint32_t only_incarnation_ = 0;  // 0: any
};

}  // namespace detail

// The address of an actor: copyable, comparable, for any thread; survives restarts and may outlive
// the actor and its run. Made by start_actor, or without an actor, for members that are set later.
// Cost of a copy: one atomic addition. (SV21)
template <class A>
class actor_ref : public detail::typed_address<A> {
 public:
    actor_ref() noexcept = default;

    // The same actor, but only in the incarnation that it has now: sending throws
    // actor_stopped_error once there is a later one. (SV22)
    [[nodiscard]] incarnation_ref<A> incarnation() const {
        const detail::cell_ref& cell = this->target("incarnation");
        return incarnation_ref<A>(cell, detail::current_incarnation(*cell));
    }

 private:
    friend struct detail::ref_access;
    explicit actor_ref(detail::cell_ref cell) noexcept
        : detail::typed_address<A>(std::move(cell)) {}
};

// One incarnation of an actor. A message that was accepted but reaches a later one is a dead
// letter, a request gets callee_failed_error. (SV22)
template <class A>
class incarnation_ref : public detail::typed_address<A> {
 public:
    incarnation_ref() noexcept = default;
    // Which one, counted from 1.
    [[nodiscard]] std::uint32_t number() const noexcept { return this->only_incarnation_; }

 private:
    friend class actor_ref<A>;
    incarnation_ref(detail::cell_ref cell, std::uint32_t number) noexcept
        : detail::typed_address<A>(std::move(cell), number) {}
};

// The address of some actor that takes an M, whatever its class: made by narrow().
template <class M>
class recipient : public detail::actor_address {
 public:
    recipient() noexcept = default;

    // As those of actor_ref.
    [[nodiscard]] detail::tell_operation<M> tell(M&& message) const {
        return {target("tell"), *type_, only_incarnation_, std::move(message)};
    }
    [[nodiscard]] detail::tell_operation<M> tell(const M& message) const {
        return {target("tell"), *type_, only_incarnation_, message};
    }
    bool try_tell(M&& message) const { return post(std::move(message)); }
    bool try_tell(const M& message) const { return post(message); }

 private:
    template <class A>
    friend class detail::typed_address;
    recipient(detail::cell_ref cell, const detail::message_type& type,
              std::uint32_t only_incarnation) noexcept
        : detail::actor_address(std::move(cell)),
          type_(&type),
          only_incarnation_(only_incarnation) {}

    template <class S>
    bool post(S&& message) const {
        detail::outgoing<M> letter(*target("try_tell"), *type_, only_incarnation_,
                                   std::forward<S>(message));
        struct undo {
            detail::outgoing<M>& letter;
            ~undo() { letter.give_back(); }
        } const back{letter};
        return detail::try_post(letter.letter);
    }

    const detail::message_type* type_ = nullptr;
    std::uint32_t only_incarnation_ = 0;
};

// Links two actors, given as refs of any kind: waits until one of them has ended for good, and if
// it failed, or its supervisor gave up, cancels the other one for good, without a grace. Then, or
// if it ended in another way, the link is over. It holds as long as it is awaited, so await it
// beside the two, not in children() of one of them, which end with each incarnation:
//
//     nursery.start_soon(covey::link, reader, writer);
//
// A checkpoint; cancellable without a trace. Throws std::logic_error for a ref without an actor.
// Cost: a nursery and two tasks. (SV31)
[[nodiscard]] task<> link(detail::actor_address one, detail::actor_address other);

}  // namespace covey
