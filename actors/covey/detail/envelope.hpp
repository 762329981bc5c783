// SPDX-License-Identifier: BSL-1.0
#pragma once

// A message on its way, whatever its type.
//
// What       message_type is what one actor class does with one type of message; message_box holds
//            such a message; envelope is a box with its address, and what a mailbox carries.
// Invariants A message that a mailbox has taken (`is_posted`) ends as exactly one of: handled,
//            returned to its asker as an error, dead letter. So an envelope that is destroyed while
//            it holds one is a dead letter, or answers its asker. One that was not taken is
//            nobody's business and vanishes.
// Lifetime   The target isn't counted: whoever holds an envelope holds the actor's cell.

#include <covey/dead_letters.hpp>
#include <covey/detail/counted.hpp>
#include <covey/task.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace covey {

class actor;

namespace detail {

class actor_cell;
class reply_core;

// What a handler has come to when it was called: a coroutine to run, or it is done.
struct called_handler {
    promise_base* promise = nullptr;
    std::coroutine_handle<> frame;  // owned by whoever gets this
};

// One per actor class and type of message. `message` is the box's storage.
struct message_type {
    void (*move)(void* to, void* from) noexcept;  // constructs `to` and ends `from`
    bool moves_as_bytes;  // copying the storage does the same: so for most of what is small
    void (*destroy)(void* message) noexcept;   // null: there is nothing to do
    void (*copy)(void* to, const void* from);  // constructs `to`; null: it can't be copied
    // Calls the handler; what a plain one returns goes to the reply, if there is one.
    called_handler (*handle)(actor& by, void* message, reply_core* reply);
    // A coroutine has returned: the same for its value.
    void (*keep_reply)(std::coroutine_handle<> frame, reply_core& reply);
    const char* (*name)() noexcept;  // as the compiler spells it
    const void* tag;                 // of the message's type; null: a tick, which nobody has sent
};

// Something whose address stands for a type.
template <class M>
inline constexpr char type_tag = 0;

template <class M>
const char* spelled_type() noexcept {
    return __PRETTY_FUNCTION__;
}
// "app::job" of what spelled_type() gives.
[[nodiscard]] std::string readable_type(const char* spelled);

inline constexpr std::size_t inline_message_size = 48;

// Small messages that move without throwing lie in the box, others on the heap.
template <class M>
inline constexpr bool is_stored_inline =
    sizeof(M) <= inline_message_size && alignof(M) <= alignof(void*) &&
    std::is_nothrow_move_constructible_v<M>;

template <class M>
M& stored_message(void* storage) noexcept {
    if constexpr (is_stored_inline<M>)
        return *std::launder(static_cast<M*>(storage));
    else
        return **std::launder(static_cast<M**>(storage));
}

template <class M>
void move_stored(void* to, void* from) noexcept {
    if constexpr (is_stored_inline<M>) {
        M& source = stored_message<M>(from);
        ::new (to) M(std::move(source));
        source.~M();
    } else {
        ::new (to) M*(*std::launder(static_cast<M**>(from)));
    }
}
template <class M>
inline constexpr bool is_moved_as_bytes = !is_stored_inline<M> || std::is_trivially_copyable_v<M>;

template <class M>
void destroy_stored(void* storage) noexcept {
    if constexpr (is_stored_inline<M>)
        stored_message<M>(storage).~M();
    else
        delete &stored_message<M>(storage);
}
template <class M>
constexpr auto destroy_of_stored() -> void (*)(void*) noexcept {
    if constexpr (is_stored_inline<M> && std::is_trivially_destructible_v<M>)
        return nullptr;
    else
        return &destroy_stored<M>;
}

template <class M>
void copy_stored(void* to, const void* from) {
    if constexpr (is_stored_inline<M>)
        ::new (to) M(*std::launder(static_cast<const M*>(from)));
    else
        ::new (to) M*(new M(**std::launder(static_cast<M* const*>(from))));
}
template <class M>
constexpr auto copy_of_stored() -> void (*)(void*, const void*) {
    if constexpr (std::is_copy_constructible_v<M>)
        return &copy_stored<M>;
    else
        return nullptr;
}

class message_box {
 public:
    message_box() noexcept = default;
    message_box(message_box&& other) noexcept { take(other); }
    message_box& operator=(message_box&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    ~message_box() { clear(); }

    // Into an empty box. Throws what constructing an M throws, and std::bad_alloc for a large one.
    template <class M, class... A>
    void put(const message_type& type, A&&... arguments) {
        if constexpr (is_stored_inline<M>)
            ::new (static_cast<void*>(storage_)) M(std::forward<A>(arguments)...);
        else
            ::new (static_cast<void*>(storage_)) M*(new M(std::forward<A>(arguments)...));
        type_ = &type;
    }
    // The same for a copy of what is in the other one, whose type has a copy().
    void put_copy(const message_box& other) {
        other.type_->copy(storage_, other.storage_);
        type_ = other.type_;
    }
    void clear() noexcept {
        const message_type* type = std::exchange(type_, nullptr);
        if (type != nullptr && type->destroy != nullptr) type->destroy(storage_);
    }

    [[nodiscard]] const message_type* type() const noexcept { return type_; }
    [[nodiscard]] void* storage() noexcept { return storage_; }

    // Into an empty box, what has just been put into the other one: as what it is. Reading wider
    // than was written a moment ago makes the processor wait.
    void take_fresh(message_box& other) noexcept {
        type_ = std::exchange(other.type_, nullptr);
        type_->move(storage_, other.storage_);
    }

 private:
    void take(message_box& other) noexcept {
        type_ = std::exchange(other.type_, nullptr);
        if (type_ == nullptr) return;
        if (type_->moves_as_bytes)
            __builtin_memcpy(storage_, other.storage_, inline_message_size);
        else
            type_->move(storage_, other.storage_);
    }

    const message_type* type_ = nullptr;  // null: empty
    alignas(void*) unsigned char storage_[inline_message_size];
};

// What stands on an envelope: apart from the box, so that it moves in one piece.
struct envelope_label {
    reply_core* reply = nullptr;         // owned; null: a tell
    actor_cell* target = nullptr;        // not counted
    std::uint32_t only_incarnation = 0;  // that it is for; 0: any
    std::uint32_t sender = 0;            // what the target's owner knows of who sent it
    std::uint16_t failures = 0;          // how many deliveries it has behind it
    bool is_exempt = false;              // of the system lane: from capacity and overflow
    bool is_posted = false;              // a mailbox has taken it: from then on it is accounted for
};

class envelope : public envelope_label {
 public:
    envelope() noexcept = default;
    explicit envelope(actor_cell& to, std::uint32_t incarnation = 0) noexcept {
        target = &to;
        only_incarnation = incarnation;
    }
    envelope(envelope&& other) noexcept : envelope_label(other), box(std::move(other.box)) {
        other.reply = nullptr;
    }
    envelope& operator=(envelope&&) = delete;
    ~envelope() {
        if (!is_empty()) discard(dead_letter_reason::stopped);
    }

    message_box box;

    [[nodiscard]] bool is_empty() const noexcept { return box.type() == nullptr; }

    // It won't be handled, for that reason: a dead letter, or an error for its asker. An error says
    // more about it. Empty afterwards.
    void discard(dead_letter_reason why, const std::exception_ptr& error = nullptr,
                 bool restarting = false) noexcept;
    // It was handled, or goes back to its sender. Empty afterwards.
    void release() noexcept {
        box.clear();
        if (reply != nullptr) release_reply();
    }

 private:
    void release_reply() noexcept;
};

}  // namespace detail
}  // namespace covey
