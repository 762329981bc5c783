// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/actor_ref.hpp>
#include <covey/cancel_scope.hpp>
#include <covey/child_options.hpp>
#include <covey/detail/actor_factory.hpp>
#include <covey/detail/tick.hpp>
#include <covey/nursery.hpp>
#include <covey/supervisor.hpp>

#include <exception>
#include <type_traits>
#include <utility>

namespace covey {

// What a handler can ask about the request that it answers.
class request_status {
 public:
    // Whether its asker doesn't wait any more. A message that was told has none.
    [[nodiscard]] bool caller_gone() const noexcept;
    // Until when its asker waits: time_point::max() if there is no limit, no asker, or one in
    // another run, whose clock is another.
    [[nodiscard]] time_point deadline() const noexcept;
    // The how many-th time it is that a handler has it, from 1: see child_options::max_deliveries.
    [[nodiscard]] unsigned delivery() const noexcept { return delivery_; }

 private:
    friend class actor;
    request_status(detail::counted_ref<detail::reply_core> reply, bool is_of_this_run,
                   unsigned delivery) noexcept
        : reply_(std::move(reply)), is_of_this_run_(is_of_this_run), delivery_(delivery) {}

    detail::counted_ref<detail::reply_core> reply_;
    bool is_of_this_run_;
    unsigned delivery_;
};

// Base of all actors: an object whose state only its own handlers touch, one at a time.
//
//     class account : public covey::actor {
//      public:
//         void handle(deposit d) { balance_ += d.amount; }
//         int handle(get_balance) const { return balance_; }
//         covey::task<> handle(transfer t) { ... co_await t.to.tell(deposit{t.amount}); ... }
//      ...
//
// A message is handled by a public member `handle(Message)`, a plain function or a coroutine; what
// it returns is the reply of an ask. Each message is handled to its end before the next one. An
// incarnation lives in a task and a scope of its own: constructor, on_start(), handlers, on_stop(),
// the end of its children(), destructor. Threads: the members below are for the actor's own code
// and the tasks in children(). Cost of a message: no allocation, but for a coroutine's frame.
class actor {
 public:
    actor(const actor&) = delete;
    actor& operator=(const actor&) = delete;
    virtual ~actor();

 protected:
    actor() noexcept;

    // Runs before the first message; when it has returned the actor is ready. What it throws comes
    // out of start_actor, or is a failed start for a supervisor.
    virtual task<> on_start();
    // Runs after the last message of an incarnation whose on_start() had returned, also after a
    // crash. Shielded from cancellation, for at most child_options::grace. What it throws is an
    // error of the incarnation.
    virtual task<> on_stop(exit_reason reason);
    // Says what is done about what a handler threw. resume: the message is dropped, the actor goes
    // on. stop: the actor ends, without being a failure. restart and escalate: it fails; under a
    // nursery both mean a failed child. By default restart. If it throws itself, the actor fails
    // with both errors. (SV32)
    virtual verdict on_error(const std::exception_ptr& error);

    // The incarnation's scope: cancel() ends it without waiting for the message in progress.
    [[nodiscard]] cancel_scope& scope() const;
    // A nursery of this incarnation: its tasks are cancelled and joined before the incarnation
    // counts as over. A child that fails makes the incarnation fail. (SV20)
    [[nodiscard]] nursery& children() const;

    // Tells this actor the message after that long. It ends with the incarnation, and neither waits
    // for room in the mailbox nor is dropped. Throws std::logic_error when no handle() takes
    // exactly an M (a template doesn't count), std::invalid_argument for a negative delay. Cost: a
    // task.
    template <class M, class Rep, class Period>
    void send_after(std::chrono::duration<Rep, Period> delay, M message) {
        const detail::message_type& type =
            own_message(&detail::type_tag<M>, "send_after", &detail::spelled_type<M>);
        detail::message_box box;
        box.put<M>(type, std::move(message));
        start_timer(detail::to_duration(delay), std::move(box));
    }
    // Tells this actor a copy of the message each time that long has passed. While one is still in
    // the mailbox, no other is put there. Throws as send_after does, and for no delay at all.
    template <class M, class Rep, class Period>
    void send_every(std::chrono::duration<Rep, Period> delay, M message) {
        static_assert(std::is_copy_constructible_v<M>,
                      "covey: send_every sends a copy each time: the message has to be copyable");
        const detail::message_type& type =
            own_message(&detail::type_tag<M>, "send_every", &detail::spelled_type<M>);
        using tick = detail::typed_tick<M>;
        start_ticks(detail::to_duration(delay),
                    detail::counted_ref<detail::tick_source>(new tick(type, std::move(message))));
    }

    // About the message being handled.
    [[nodiscard]] request_status current_request() const;

    // This actor's own address; A is its class. Throws std::logic_error for another one.
    template <class A>
    [[nodiscard]] actor_ref<A> self() const {
        return detail::ref_access::make<actor_ref<A>>(own_cell(&detail::type_tag<A>));
    }
    // Ends this actor for good after the message in progress, as actor_ref::stop() does.
    void stop_self() const;

    // What all of these throw in a constructor or destructor, where there is no incarnation:
    // std::logic_error.

 private:
    friend class detail::incarnation;

    [[nodiscard]] detail::incarnation& life(const char* attempt) const;
    [[nodiscard]] const detail::message_type& own_message(const void* tag, const char* attempt,
                                                          const char* (*name)() noexcept) const;
    [[nodiscard]] detail::cell_ref own_cell(const void* tag) const;
    void start_timer(duration delay, detail::message_box message);
    void start_ticks(duration delay, detail::counted_ref<detail::tick_source> source);

    detail::incarnation* life_ = nullptr;  // null: not begun, or over
};

namespace detail {

template <class A, class... T>
constexpr bool check_actor() {
    static_assert(std::is_base_of_v<actor, A>,
                  "covey: an actor derives from covey::actor: class X : public covey::actor");
    static_assert(std::is_convertible_v<A*, actor*>,
                  "covey: an actor derives publicly, and once, from covey::actor");
    static_assert(!std::is_abstract_v<A>, "covey: an actor's class can't be abstract");
    static_assert(std::is_constructible_v<A, T...> || !(is_child_options<T> || ...),
                  "covey: the options of an actor come first: write start_actor<A>(owner, options, "
                  "1), or start_actor<A>(owner, 1) for the default ones");
    static_assert(std::is_constructible_v<A, T...>,
                  "covey: the actor can't be constructed from these arguments: they are passed as "
                  "rvalues of their decayed types, as by std::thread");
    return std::is_convertible_v<A*, actor*> && !std::is_abstract_v<A> &&
           std::is_constructible_v<A, T...>;
}

// Whether these are an actor's arguments only.
template <class... T>
inline constexpr bool has_no_options = true;
template <class First, class... T>
inline constexpr bool has_no_options<First, T...> = !is_child_options<First>;

template <class A, class... T>
task<actor_ref<A>> start_in_nursery(nursery& owner, cell_ref cell,
                                    single_actor_factory<A, T...> factory) {
    co_await stands_for_its_caller();
    nursery_start start(owner, cell, factory);
    do {
        co_await start.join();
    } while (start.stop_a_service());
    if (start.leave()) co_await pass_stop_on();
    co_return ref_access::make<actor_ref<A>>(std::move(cell));
}

}  // namespace detail

// Starts an actor as a child of the nursery: waits until its on_start() has returned, and gives its
// address. The nursery stays open until the actor is stopped or cancelled; a soft cancellation
// stops it as actor_ref::stop() does. One that fails is a failed child. Of the options, name,
// grace, hard, mailbox, overflow and on_stop count. Arguments are moved or copied at the call, and
// given to the constructor as rvalues. Throws what constructor and on_start throw, as it is;
// actor_stopped_error if it was stopped before it was ready; std::invalid_argument for bad options.
// A checkpoint; its cancellation ends the actor. (SV7, SV11, SV32)
template <class A, class... T>
[[nodiscard]] task<actor_ref<A>> start_actor(nursery& owner, child_options options,
                                             T&&... arguments) {
    if constexpr (detail::check_actor<A, std::decay_t<T>...>()) {
        using factory = detail::single_actor_factory<A, std::decay_t<T>...>;
        return detail::start_in_nursery(owner, detail::make_cell(detail::actor_type_of<A>, options),
                                        factory(std::in_place, std::forward<T>(arguments)...));
    }
}
template <class A, class... T>
    requires(detail::has_no_options<T...>)
[[nodiscard]] task<actor_ref<A>> start_actor(nursery& owner, T&&... arguments) {
    return start_actor<A>(owner, child_options{}, std::forward<T>(arguments)...);
}

namespace detail {

// For a supervised actor: as long as it may be restarted.
class kept_actor_factory : public counted_object, public actor_factory {};

// From prototypes: each incarnation gets copies or clones.
template <class A, class... T>
class repeatable_actor_factory final : public kept_actor_factory {
 public:
    template <class... U>
    explicit repeatable_actor_factory(U&&... arguments) : kept_(std::forward<U>(arguments)...) {}

    actor* make() override {
        return std::apply([](T&... each) -> actor* { return new A(incarnate(each)...); }, kept_);
    }

 private:
    std::tuple<T...> kept_;
};

template <class... T>
constexpr void check_prototypes() {
    static_assert(((is_repeatable<T> || is_once<T>) && ...),
                  "covey: every incarnation of a supervised actor is given a copy or a clone() of "
                  "this argument, and it has neither: wrap it in covey::once(argument), which "
                  "makes the actor temporary");
}

// Starts an actor as a child of the supervisor.
[[nodiscard]] task<> start_in_supervisor(const supervisor_access& owner,
                                         const child_options& options, cell_ref cell,
                                         counted_ref<kept_actor_factory> factory);

template <class A>
task<actor_ref<A>> start_typed_in_supervisor(task<> start, cell_ref cell) {
    co_await stands_for_its_caller();
    co_await std::move(start);
    co_return ref_access::make<actor_ref<A>>(std::move(cell));
}

}  // namespace detail

// Starts an actor as a child of the supervisor, or through a handle of it: the address and the
// mailbox survive restarts. Arguments are kept as prototypes; every incarnation is constructed from
// copies of them, or from clone()s where there are no copies. Waits until on_start() has returned.
// Throws start_failed_error when constructor or on_start throw, closed_nursery_error once the
// supervisor is closing, std::invalid_argument for bad options. A checkpoint; its cancellation
// ends the actor. (SV3, SV7, SV8a, SV21)
template <class A, class... T>
[[nodiscard]] task<actor_ref<A>> start_actor(const detail::supervisor_access& owner,
                                             child_options options, T&&... arguments) {
    detail::check_prototypes<std::decay_t<T>...>();
    if constexpr (detail::check_actor<A, detail::given_by<T>...>()) {
        using factory = detail::repeatable_actor_factory<A, std::decay_t<T>...>;
        if constexpr ((detail::is_once<std::decay_t<T>> || ...))
            options.restart = restart::temporary;
        auto cell = detail::make_cell(detail::actor_type_of<A>, options);
        auto start = detail::start_in_supervisor(owner, options, cell,
                                                 detail::counted_ref<detail::kept_actor_factory>(
                                                     new factory(std::forward<T>(arguments)...)));
        return detail::start_typed_in_supervisor<A>(std::move(start), std::move(cell));
    }
}
template <class A, class... T>
    requires(detail::has_no_options<T...>)
[[nodiscard]] task<actor_ref<A>> start_actor(const detail::supervisor_access& owner,
                                             T&&... arguments) {
    return start_actor<A>(owner, child_options{}, std::forward<T>(arguments)...);
}

}  // namespace covey
