// SPDX-License-Identifier: BSL-1.0
#pragma once

// The part of the cluster room that mentions CAF's types: heavy to include, as CAF's headers are.

#include <covey/caf_host.hpp>
#include <covey/detail/caf_face.hpp>
#include <covey/error.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/unit.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace covey {

// What CAF said instead of an answer: the error that the actor gave, its reason for ending, or
// sec::unexpected_response for an answer of another type. what() has it in words.
class caf_error : public std::runtime_error {
 public:
    caf_error(const std::string& what, caf::error error)
        : std::runtime_error(what), error_(std::move(error)) {}
    [[nodiscard]] const caf::error& error() const noexcept { return error_; }

 private:
    caf::error error_;
};

namespace detail {

// The answer, whatever it is.
[[nodiscard]] task<caf::message> await_caf_answer(caf_core& core, caf::strong_actor_ptr to,
                                                  duration limit, caf::message question);
[[nodiscard]] task<> adopt_caf_actor(caf_core& core, caf::strong_actor_ptr actor);
[[nodiscard]] task<std::uint16_t> publish_caf_actor(caf_core& core, caf::strong_actor_ptr actor,
                                                    std::set<std::string> interface, caf_address at,
                                                    duration limit);
[[nodiscard]] task<caf::strong_actor_ptr> connect_to_caf_actor(caf_core& core,
                                                               std::set<std::string> interface,
                                                               caf_address to, duration limit);
[[noreturn]] void throw_unexpected_answer(const caf::strong_actor_ptr& from,
                                          const caf::message& answer);

// An answer as an R: no value, one, several as a tuple, or as it came.
template <class R>
struct answer_as {
    static bool matches(const caf::message& answer) { return answer.match_elements<R>(); }
    static R take(caf::message& answer) { return std::move(answer.get_mutable_as<R>(0)); }
};
template <>
struct answer_as<void> {
    static bool matches(const caf::message& answer) {
        return answer.empty() || answer.match_elements<caf::unit_t>();
    }
    static void take(const caf::message&) {}
};
template <class... E>
struct answer_as<std::tuple<E...>> {
    static bool matches(const caf::message& answer) { return answer.match_elements<E...>(); }
    static std::tuple<E...> take(caf::message& answer) {
        return take(answer, std::index_sequence_for<E...>());
    }
    template <std::size_t... I>
    static std::tuple<E...> take(caf::message& answer, std::index_sequence<I...>) {
        return {std::move(answer.get_mutable_as<E>(I))...};
    }
};
template <>
struct answer_as<caf::message> {
    static bool matches(const caf::message&) { return true; }
    static caf::message take(caf::message& answer) { return std::move(answer); }
};

template <class R>
task<R> request_from_caf(caf_core& core, caf::strong_actor_ptr to, duration limit,
                         caf::message question) {
    co_await stands_for_its_caller();
    caf::message answer = co_await await_caf_answer(core, to, limit, std::move(question));
    if (!answer_as<R>::matches(answer)) throw_unexpected_answer(to, answer);
    co_return answer_as<R>::take(answer);
}

}  // namespace detail

template <class R, class Handle, class Rep, class Period, class... A>
auto caf_host::request(const Handle& to, std::chrono::duration<Rep, Period> limit,
                       A&&... question) const {
    static_assert(!std::is_reference_v<R>, "covey: an answer is a value, not a reference to one");
    return detail::request_from_caf<R>(core_, caf::actor_cast<caf::strong_actor_ptr>(to),
                                       detail::to_duration(limit),
                                       caf::make_message(std::forward<A>(question)...));
}

template <class Handle>
task<> caf_host::adopt(const Handle& actor) const {
    return detail::adopt_caf_actor(core_, caf::actor_cast<caf::strong_actor_ptr>(actor));
}

template <class Handle>
task<std::uint16_t> caf_host::publish(const Handle& actor, caf_address at, duration limit) const {
    return detail::publish_caf_actor(core_, caf::actor_cast<caf::strong_actor_ptr>(actor),
                                     system().message_types(actor), std::move(at), limit);
}

template <class Handle>
task<Handle> caf_host::connect(caf_address to, duration limit) const {
    co_await detail::stands_for_its_caller();
    const caf::strong_actor_ptr actor = co_await detail::connect_to_caf_actor(
        core_, system().message_types<Handle>(), std::move(to), limit);
    co_return caf::actor_cast<Handle>(actor);
}

template <class... M, class A>
caf::actor caf_host::as_caf(const actor_ref<A>& actor) const {
    static_assert(sizeof...(M) != 0,
                  "covey: as_caf() is told which messages of CAF the actor is to get: "
                  "host.as_caf<int, std::tuple<add_atom, int, int>>(ref)");
    if constexpr ((sizeof...(M) != 0) && (detail::check_face_message<A, M>() && ...))
        return detail::face_of(core_, actor, detail::face_table<A, M...>);
    else
        return {};
}

}  // namespace covey
