// SPDX-License-Identifier: BSL-1.0
#pragma once

// The typed half of a memory channel: where values live while they are on their way. Whatever does
// not mention T is in the compiled core. Included by channel.hpp.

#include <covey/channel.hpp>

namespace covey {

namespace detail {

template <class T>
constexpr element_type element_of() {
    return {sizeof(T), alignof(T),
            [](void* to, void* from) noexcept { ::new (to) T(std::move(*static_cast<T*>(from))); },
            [](void* value) noexcept { static_cast<T*>(value)->~T(); },
            sizeof(T) == 8 && std::is_trivially_copyable_v<T>};
}
template <class T>
inline constexpr element_type element_type_of = element_of<T>();

// The T that the core has put into these bytes, which hold none afterwards.
template <class T>
[[nodiscard]] T take_value(void* bytes) noexcept {
    struct destroyed_at_end {
        T& value;
        ~destroyed_at_end() { value.~T(); }
    } const stored{*std::launder(static_cast<T*>(bytes))};
    return std::move(stored.value);
}

// Room for a T that may or may not be there.
template <class T>
class value_slot {
 public:
    value_slot() noexcept = default;
    value_slot(const value_slot&) = delete;
    value_slot& operator=(const value_slot&) = delete;

    [[nodiscard]] void* place() noexcept { return bytes_; }
    [[nodiscard]] T take() noexcept { return take_value<T>(bytes_); }
    void destroy() noexcept { std::launder(reinterpret_cast<T*>(bytes_))->~T(); }

 private:
    alignas(T) unsigned char bytes_[sizeof(T)];
};

// Runs an operation whose value may push an old one out of the buffer: that one is destroyed here,
// when no lock is held.
template <class T, class Start>
bool with_room_for_dropped(Start start) {
    value_slot<T> dropped;
    const auto [result, has_dropped] = start(dropped.place());
    if (!std::is_trivially_destructible_v<T> && has_dropped) dropped.destroy();
    return result;
}

template <class T>
class [[nodiscard]] send_operation final : public send_operation_base {
 public:
    using covey_result = void;

    template <class... A>
    explicit send_operation(endpoint& used, A&&... args)
        : send_operation_base(used), value_(std::forward<A>(args)...) {}

    bool await_ready() {
        return with_room_for_dropped<T>([this](void* room) {
            prepare(std::addressof(value_), room);
            const bool ready = send_operation_base::await_ready();
            return std::pair(ready, has_dropped());
        });
    }
    void block() {
        with_room_for_dropped<T>([this](void* room) {
            prepare(std::addressof(value_), room);
            block_thread();
            return std::pair(true, has_dropped());
        });
        await_resume();
    }

 private:
    T value_;
};

template <class T>
class [[nodiscard]] send_from_operation final : public send_operation_base {
 public:
    using covey_result = void;

    send_from_operation(endpoint& used, T& value) noexcept
        : send_operation_base(used), value_(std::addressof(value)) {}

    bool await_ready() {
        return with_room_for_dropped<T>([this](void* room) {
            prepare(value_, room);
            const bool ready = send_operation_base::await_ready();
            return std::pair(ready, has_dropped());
        });
    }

 private:
    T* value_;
};

// What the three ways of receiving share.
template <class T>
class receiving : public receive_operation_base {
 public:
    bool await_ready() {
        prepare(slot_.place());
        return receive_operation_base::await_ready();
    }

 protected:
    explicit receiving(endpoint& used) noexcept : receive_operation_base(used) {}
    receiving(receiving&& other) noexcept : receive_operation_base(std::move(other)) {}

    std::optional<T> take() {
        if (!received()) return std::nullopt;
        return slot_.take();
    }

    value_slot<T> slot_;
};

template <class T>
class [[nodiscard]] receive_operation final : public receiving<T> {
 public:
    using covey_result = T;
    explicit receive_operation(endpoint& used) noexcept : receiving<T>(used) {}

    T await_resume() {
        if (!this->received()) this->throw_ended();
        return this->slot_.take();
    }
};

template <class T>
class [[nodiscard]] next_operation final : public receiving<T> {
 public:
    using covey_result = std::optional<T>;
    explicit next_operation(endpoint& used) noexcept : receiving<T>(used) {}

    std::optional<T> await_resume() { return this->take(); }

    std::optional<T> block() {
        this->prepare(this->slot_.place());
        this->block_thread();
        return this->take();
    }
};

[[noreturn]] void throw_zero_maximum();

template <class T>
class [[nodiscard]] receive_many_operation final : public receiving<T> {
 public:
    using covey_result = std::vector<T>;
    receive_many_operation(endpoint& used, std::size_t most) noexcept
        : receiving<T>(used), most_(most) {}

    // Room for the first value comes before the wait: what has arrived must not be lost for want
    // of memory.
    bool await_ready() {
        values_.reserve(1);
        this->count_before_start();
        return receiving<T>::await_ready();
    }
    std::vector<T> await_resume() {
        if (!this->received()) return {};
        values_.push_back(this->slot_.take());
        take_what_else_is_there();
        return std::move(values_);
    }

 private:
    void take_what_else_is_there() noexcept {
        constexpr std::size_t at_once = 1024;
        try {
            values_.reserve(most_ < at_once ? most_ : at_once);
        } catch (...) {  // then there is room for one value, which is enough
        }
        const std::size_t room = values_.capacity();
        receive_available(*this->used(), (most_ < room ? most_ : room) - 1, &values_,
                          [](void* context, void* value) noexcept {
                              static_cast<std::vector<T>*>(context)->push_back(
                                  std::move(*static_cast<T*>(value)));
                          });
    }

    std::size_t most_;
    std::vector<T> values_;
};

template <class T>
struct channel_maker {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                  "covey: a channel carries plain objects: send a pointer or a "
                  "std::reference_wrapper for a reference");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "covey: a channel's values move without throwing, or they could be lost: wrap "
                  "this type in a std::unique_ptr");

    static std::pair<send_channel<T>, receive_channel<T>> make(std::size_t capacity,
                                                               overflow policy,
                                                               const std::source_location& place) {
        const endpoint_pair ends = make_channel(element_type_of<T>, capacity, policy, place);
        return {send_channel<T>(ends.send), receive_channel<T>(ends.receive)};
    }

    template <std::integral I>
    static std::size_t checked(I capacity) {
        static_assert(!std::is_same_v<I, bool>, "covey: a capacity is a number, not a bool");
        if constexpr (std::is_signed_v<I>) {
            if (capacity < 0) throw_negative_capacity();
        }
        // What is too large for a std::size_t, or would read as unbounded, is absurd as well.
        if (static_cast<std::make_unsigned_t<I>>(capacity) >=
            std::numeric_limits<std::size_t>::max())
            return unbounded_capacity - 1;
        return static_cast<std::size_t>(capacity);
    }
};

}  // namespace detail

template <class T>
detail::send_operation<T> send_channel<T>::send(T value) const {
    return detail::send_operation<T>(this->through("send"), std::move(value));
}

template <class T>
detail::send_from_operation<T> send_channel<T>::send_from(T& value) const {
    return detail::send_from_operation<T>(this->through("send_from"), value);
}

template <class T>
template <class... A>
detail::send_operation<T> send_channel<T>::emplace(A&&... args) const {
    return detail::send_operation<T>(this->through("emplace"), std::forward<A>(args)...);
}

template <class T>
bool send_channel<T>::try_send(const T& value) const
    requires std::copy_constructible<T>
{
    T copy(value);
    return try_send(std::move(copy));
}

template <class T>
bool send_channel<T>::try_send(T&& value) const {
    return detail::with_room_for_dropped<T>([&](void* room) {
        bool has_dropped = false;
        const bool sent = detail::try_send_now(this->through("try_send"), std::addressof(value),
                                               room, has_dropped);
        return std::pair(sent, has_dropped);
    });
}

namespace detail {

template <class T, class R>
task<std::size_t> send_all_of(endpoint_reference through, R& range) {
    co_await stands_for_its_caller();
    std::size_t sent = 0;
    for (auto& element : range) {
        co_await send_from_operation<T>(*through, element);
        ++sent;
    }
    if (sent == 0) co_await checkpoint();
    co_return sent;
}

}  // namespace detail

template <class T>
template <class R>
task<std::size_t> send_channel<T>::send_all(R& range) const {
    return detail::send_all_of<T>(detail::endpoint_reference(this->through("send_all")), range);
}

template <class T>
void send_channel<T>::send_blocking(T value) const {
    lowlevel::refuse_to_block_worker("send_blocking", "send()");
    detail::send_operation<T>(this->through("send_blocking"), std::move(value)).block();
}

template <class T>
detail::receive_operation<T> receive_channel<T>::receive() const {
    return detail::receive_operation<T>(this->through("receive"));
}

template <class T>
detail::next_operation<T> receive_channel<T>::next() const {
    return detail::next_operation<T>(this->through("next"));
}

template <class T>
std::optional<T> receive_channel<T>::try_receive() const {
    detail::value_slot<T> slot;
    if (detail::try_receive_now(this->through("try_receive"), slot.place()) ==
        detail::try_received::would_block)
        return std::nullopt;
    return slot.take();
}

template <class T>
detail::receive_many_operation<T> receive_channel<T>::receive_many(std::size_t max) const {
    if (max == 0) detail::throw_zero_maximum();
    return detail::receive_many_operation<T>(this->through("receive_many"), max);
}

template <class T>
std::optional<T> receive_channel<T>::receive_blocking() const {
    lowlevel::refuse_to_block_worker("receive_blocking", "next()");
    return detail::next_operation<T>(this->through("receive_blocking")).block();
}

template <class T, std::integral I>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(I capacity,
                                                                   std::source_location place) {
    using maker = detail::channel_maker<T>;
    return maker::make(maker::checked(capacity), overflow::block, place);
}

template <class T>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(unbounded_t,
                                                                   std::source_location place) {
    return detail::channel_maker<T>::make(detail::unbounded_capacity, overflow::block, place);
}

template <class T, std::integral I>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(I capacity, overflow policy,
                                                                   std::source_location place) {
    using maker = detail::channel_maker<T>;
    return maker::make(maker::checked(capacity), policy, place);
}

}  // namespace covey
