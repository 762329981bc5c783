// SPDX-License-Identifier: BSL-1.0
#pragma once

// The typed half of a face, which is what a covey actor is to CAF: how a CAF message becomes one of
// the actor's, and its reply one of CAF's. The rest is compiled: see cluster/src/caf_face.hpp.

#include <covey/actor_ref.hpp>
#include <covey/lowlevel/intrusive_list.hpp>

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/message_id.hpp>
#include <caf/system_messages.hpp>
#include <caf/unit.hpp>

#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace covey::detail {

class caf_core;
class caf_face;

// What CAF noted on a request: who has asked, and how the answer gets there.
struct face_route {
    caf::strong_actor_ptr face = {};
    caf::strong_actor_ptr asker = {};  // null: nobody
    caf::message_id id = {};
    caf::mailbox_element::forwarding_stack stages = {};  // who works on it, too; the last is next
};

// A request of CAF while a covey actor has it. Nobody waits for the reply: whoever settles it sends
// the answer.
class face_request : public lowlevel::waiter, public lowlevel::list_hook {
 public:
    face_request(const face_request&) = delete;
    face_request& operator=(const face_request&) = delete;

 protected:
    explicit face_request(reply_core& reply) noexcept : reply_(reply), wait_(reply) {}
    ~face_request() = default;

    // Once it is settled without an error: the answer, or the error that is the answer.
    [[nodiscard]] virtual caf::error take_answer(caf::message& answer) = 0;

 private:
    friend class caf_face;

    void wake() noexcept final;
    [[nodiscard]] caf_face& face() const noexcept;
    [[nodiscard]] caf::error outcome(caf::message& with);
    void give_up(caf::error why);
    void answer(caf::message with);
    void fail(caf::error why);

    reply_core& reply_;
    reply_wait wait_;
    face_route route_;
};

// A handler's result as the content of a CAF message: nothing, one value, several, or as it is.
template <class R>
caf::error to_answer(R& result, caf::message& answer) {
    answer = caf::make_message(std::move(result));
    return {};
}
inline caf::error to_answer(caf::message& result, caf::message& answer) {
    answer = std::move(result);
    return {};
}
inline caf::error to_answer(caf::unit_t&, caf::message&) { return {}; }
inline caf::error to_answer(caf::error& result, caf::message&) { return std::move(result); }
template <class... E>
caf::error to_answer(std::tuple<E...>& result, caf::message& answer) {
    answer = caf::make_message_from_tuple(std::move(result));
    return {};
}
template <class T>
caf::error to_answer(caf::expected<T>& result, caf::message& answer) {
    if (!result) return std::move(result.error());
    if constexpr (!std::is_void_v<T> && !std::is_same_v<T, caf::unit_t>)
        return to_answer(*result, answer);
    return {};
}

template <class R>
class typed_face_request final : public reply_state<R>, public face_request {
 public:
    typed_face_request() noexcept : face_request(static_cast<reply_core&>(*this)) {}

 private:
    caf::error take_answer(caf::message& answer) override {
        if constexpr (std::is_void_v<R>)
            return {};
        else
            return to_answer(*this->value, answer);
    }
};

// A message of CAF as an M: one value, or several as a tuple. What nobody else has is moved.
template <class T>
T take_element(caf::type_erased_tuple& content, std::size_t position) {
    if constexpr (caf::is_atom_constant<T>::value)
        return T{};
    else
        return content.move_if_unshared<T>(position);
}
template <class M>
struct message_as {
    static bool matches(const caf::type_erased_tuple& content) {
        return content.match_elements<M>();
    }
    static M take(caf::type_erased_tuple& content) { return take_element<M>(content, 0); }
};
template <class... E>
struct message_as<std::tuple<E...>> {
    static bool matches(const caf::type_erased_tuple& content) {
        return content.match_elements<E...>();
    }
    static std::tuple<E...> take(caf::type_erased_tuple& content) {
        return take(content, std::index_sequence_for<E...>());
    }
    template <std::size_t... I>
    static std::tuple<E...> take([[maybe_unused]] caf::type_erased_tuple& content,
                                 std::index_sequence<I...>) {
        return {take_element<E>(content, I)...};
    }
};

// What a face does with one type of message.
struct face_entry {
    bool (*matches)(const caf::type_erased_tuple& content);
    void (*put)(message_box& box, caf::type_erased_tuple& content);
    face_request* (*make_request)();
};

template <class A, class M>
inline constexpr face_entry face_entry_of = {
    &message_as<M>::matches,
    [](message_box& box, caf::type_erased_tuple& content) {
        box.put<M>(message_type_of<A, M>, message_as<M>::take(content));
    },
    []() -> face_request* { return new typed_face_request<reply_of<A, M>>(); },
};
// Its address stands for these messages of this class.
template <class A, class... M>
inline constexpr face_entry face_table[] = {face_entry_of<A, M>...};

template <class A, class M>
constexpr bool check_face_message() {
    static_assert(!std::is_same_v<M, caf::exit_msg>,
                  "covey: an exit message of CAF stops the actor: it isn't for a handler");
    static_assert(!std::is_same_v<M, caf::message>,
                  "covey: a face knows its messages by their types: name the type of its value, "
                  "or std::tuple<...> for several values");
    return check_message<A, M>();
}

[[nodiscard]] caf::actor face_of(caf_core& core, const actor_address& actor,
                                 std::span<const face_entry> messages);

}  // namespace covey::detail
