// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which messages an actor class takes, what it replies, and how its handlers are called.

#include <covey/detail/actor_cell.hpp>
#include <covey/detail/envelope.hpp>
#include <covey/detail/reply.hpp>
#include <covey/task.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace covey::detail {

// Whether `actor.handle(message)` compiles, for a message that is given away.
template <class A, class M>
concept handles = requires(A& by, M message) { by.handle(static_cast<M&&>(message)); };

template <class A, class M>
using handler_result = decltype(std::declval<A&>().handle(std::declval<M>()));

template <class R>
struct reply_of_result {
    using type = std::remove_cvref_t<R>;
};
template <class T>
struct reply_of_result<task<T>> {
    using type = T;
};
// What an ask gives: what the handler returns, or what its coroutine does. Always a value.
template <class A, class M>
using reply_of = typename reply_of_result<handler_result<A, M>>::type;

// Whether M can be sent to an A, with a message that says why not.
template <class A, class M>
constexpr bool check_message() {
    static_assert(std::is_base_of_v<actor, A>,
                  "covey: an actor derives from covey::actor: class X : public covey::actor");
    static_assert(std::is_move_constructible_v<M>,
                  "covey: a message is moved into the mailbox: send something that moves, a "
                  "std::unique_ptr for instance");
    static_assert(handles<A, M>,
                  "covey: the actor has no handle(M) for a message of this type M, or several that "
                  "fit equally well: declare a public member `R handle(M)`, by value, const M& or "
                  "M&&");
    if constexpr (handles<A, M>) {
        using returned = handler_result<A, M>;
        static_assert(!awaitable<returned> || is_task<std::remove_cvref_t<returned>>,
                      "covey: handle(M) returns an awaitable that nobody awaits: make it a "
                      "coroutine that returns covey::task<R>");
        return !awaitable<returned> || is_task<std::remove_cvref_t<returned>>;
    } else {
        return false;
    }
}

template <class A, class M>
struct handler_of {
    using returned = handler_result<A, M>;
    using reply_type = reply_of<A, M>;

    static called_handler handle(actor& by, void* storage, reply_core* reply) {
        A& self = static_cast<A&>(by);
        M& message = stored_message<M>(storage);
        if constexpr (is_task<returned>) {
            auto frame = task_access::release(self.handle(std::move(message)));
            return {&frame.promise(), frame};
        } else if constexpr (std::is_void_v<returned>) {
            self.handle(std::move(message));
            if (reply != nullptr) reply_for(*reply).value.emplace();
        } else if (reply != nullptr) {
            reply_for(*reply).value.emplace(self.handle(std::move(message)));
        } else {
            static_cast<void>(self.handle(std::move(message)));
        }
        return {};
    }

    static void keep_reply(std::coroutine_handle<> frame, reply_core& reply) {
        if constexpr (std::is_void_v<reply_type>) {
            static_cast<void>(frame);
            reply_for(reply).value.emplace();
        } else if constexpr (is_task<returned>) {
            using typed = std::coroutine_handle<task_promise<reply_type>>;
            reply_for(reply).value.emplace(typed::from_address(frame.address()).promise().take());
        } else {
            static_cast<void>(frame);
            static_cast<void>(reply);
        }
    }

 private:
    static reply_state<reply_type>& reply_for(reply_core& reply) noexcept {
        return static_cast<reply_state<reply_type>&>(reply);
    }
};

template <class A, class M>
inline constexpr message_type message_type_of = {
    &move_stored<M>,           is_moved_as_bytes<M>,
    destroy_of_stored<M>(),    copy_of_stored<M>(),
    &handler_of<A, M>::handle, &handler_of<A, M>::keep_reply,
    &spelled_type<M>,          &type_tag<M>,
};

// ---- The overload set of A::handle, found by calling it with something that converts to anything:
// each conversion that the compiler considers enlists its type. Templates can't be seen.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-template-friend"
#pragma GCC diagnostic ignored "-Wunused-function"  // the place after the last one
#endif
template <class A, std::size_t N>
struct message_place {
    friend constexpr auto message_at(message_place<A, N>);
};
template <class A, std::size_t N, class M>
struct enter_message {
    friend constexpr auto message_at(message_place<A, N>) { return std::type_identity<M>{}; }
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

template <class A, class M, std::size_t N>
constexpr std::size_t enlist() {
    if constexpr (requires { message_at(message_place<A, N>{}); }) {
        if constexpr (std::is_same_v<typename decltype(message_at(message_place<A, N>{}))::type, M>)
            return N;
        else
            return enlist<A, M, N + 1>();
    } else {
        static_cast<void>(sizeof(enter_message<A, N, M>));
        return N;
    }
}

template <class A>
struct any_message {
    template <class M>
        requires(!std::is_same_v<M, any_message> && enlist<A, std::remove_cv_t<M>, 0>() + 1 != 0)
    operator M() const;
};

template <class A, class P>
constexpr bool probe_handlers() {
    return requires(A& by, P message) { by.handle(message); };
}
template <class A, std::size_t N = 0>
constexpr std::size_t count_handlers() {
    if constexpr (requires { message_at(message_place<A, N>{}); })
        return count_handlers<A, N + 1>();
    else
        return N;
}
template <class A>
constexpr std::size_t find_handlers() {
    static_cast<void>(probe_handlers<A, any_message<A>>());
    return count_handlers<A>();
}

template <class A, std::size_t N>
using message_of = typename decltype(message_at(message_place<A, N>{}))::type;

// What M stands for in the table; null for what isn't a message, such as a handler's `M&`.
template <class A, class M>
constexpr const message_type* table_entry() {
    if constexpr (std::is_object_v<M> && std::is_move_constructible_v<M>) {
        if constexpr (handles<A, M>) {
            if constexpr (!awaitable<handler_result<A, M>> || is_task<handler_result<A, M>>)
                return &message_type_of<A, M>;
        }
    }
    return nullptr;
}

template <class A, class I>
struct message_table;
template <class A, std::size_t... I>
struct message_table<A, std::index_sequence<I...>> {
    // One more: an array isn't empty.
    static constexpr const message_type* entries[] = {table_entry<A, message_of<A, I>>()...,
                                                      nullptr};
};

template <class A>
constexpr std::span<const message_type* const> known_messages() {
    return message_table<A, std::make_index_sequence<find_handlers<A>()>>::entries;
}

template <class A>
inline constexpr actor_type actor_type_of = {&type_tag<A>, &spelled_type<A>, known_messages<A>()};

}  // namespace covey::detail
