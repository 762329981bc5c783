// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/checkpoint.hpp>
#include <covey/detail/channel_core.hpp>
#include <covey/error.hpp>
#include <covey/task.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <new>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey {

template <class T>
class receive_channel;

namespace detail {
template <class T>
class send_operation;
template <class T>
class send_from_operation;
template <class T>
class receive_operation;
template <class T>
class next_operation;
template <class T>
class receive_many_operation;
template <class T>
struct channel_maker;
}  // namespace detail

// overflow::fail found the channel full; the value stays with the sender.
class channel_full_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// The sending end of a memory channel. Move-only; its destructor closes it. clone() gives a peer:
// the channel ends when the last one is closed. A value sent is received exactly once, or stays
// with its sender, or is destroyed; values leave in the order in which they were accepted. Threads:
// any, several at once also on one handle; moving and destroying it is for one alone. A T is moved
// under the channel's lock, so its move constructor must not use the channel. Rules: M10-M48.
template <class T>
class [[nodiscard]] send_channel : public detail::channel_handle {
 public:
    // Sends, waiting while the channel is full, first come, first served. Throws
    // closed_resource_error when this handle is or gets closed, broken_resource_error when nobody
    // will ever receive: the value is then destroyed. A checkpoint; a cancelled send sends nothing.
    // Cost: no allocation.
    [[nodiscard]] detail::send_operation<T> send(T value) const;
    // The same, but the value is moved from only when it is accepted, else untouched.
    [[nodiscard]] detail::send_from_operation<T> send_from(T& value) const;
    // send(T(args...)).
    template <class... A>
    [[nodiscard]] detail::send_operation<T> emplace(A&&... args) const;

    // Sends if that takes no waiting. False: it would block, and the value is untouched; throws as
    // send() does. Not a checkpoint.
    bool try_send(const T& value) const
        requires std::copy_constructible<T>;
    bool try_send(T&& value) const;

    // Sends the elements of a range in order, each moved from when accepted; gives how many. On an
    // error or cancellation the rest is untouched. A checkpoint. Cost: one frame.
    template <class R>
    task<std::size_t> send_all(R& range) const;

    // For ordinary threads, with or without a run: blocks while the channel is full. On a worker:
    // would_deadlock_error.
    void send_blocking(T value) const;

    // Another handle of the same kind. closed_resource_error when this one is closed.
    [[nodiscard]] send_channel clone() const { return send_channel(this->clone_endpoint()); }

 private:
    friend struct detail::channel_maker<T>;
    explicit send_channel(detail::endpoint* owned) noexcept : channel_handle(owned) {}
};

// The receiving end of a memory channel: as send_channel, for the other direction. Several tasks
// that receive share the values, first come, first served. (M20-M48)
template <class T>
class [[nodiscard]] receive_channel : public detail::channel_handle {
 public:
    // The oldest value; waits for one. Throws end_of_channel when all senders are gone and
    // everything is received, closed_resource_error when this handle is or gets closed. A
    // checkpoint; a cancelled receive takes nothing, and a value that arrived first is kept.
    [[nodiscard]] detail::receive_operation<T> receive() const;
    // The same; nullopt at the end: `while (auto value = co_await rx.next())`.
    [[nodiscard]] detail::next_operation<T> next() const;

    // A value if there is one; nullopt: it would block. Throws as receive() does. Not a checkpoint.
    std::optional<T> try_receive() const;

    // Waits for one value and takes what else is there, at most `max`; empty at the end. Throws
    // std::invalid_argument for max == 0. A checkpoint.
    [[nodiscard]] detail::receive_many_operation<T> receive_many(std::size_t max) const;

    // For ordinary threads: blocks until there is a value; nullopt at the end. On a worker:
    // would_deadlock_error.
    std::optional<T> receive_blocking() const;

    [[nodiscard]] receive_channel clone() const { return receive_channel(this->clone_endpoint()); }

 private:
    friend struct detail::channel_maker<T>;
    explicit receive_channel(detail::endpoint* owned) noexcept : channel_handle(owned) {}
};

// Asks for a channel without a limit: a sender that is faster than its receiver fills the memory.
struct unbounded_t {
    explicit unbounded_t() = default;
};
inline constexpr unbounded_t unbounded{};

// Makes a channel of at most `capacity` buffered values; 0: a rendezvous, where a send waits for
// its receiver. Gives the two ends: `auto [tx, rx] = covey::open_memory_channel<int>(8);`. If in
// doubt, choose 0. Throws std::invalid_argument for a negative or absurd capacity. The place of the
// call names the channel in errors and in the task tree. No buffer holds more than 2^32 - 1 values:
// sending one more throws std::bad_alloc. (M1-M5)
template <class T, std::integral I>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(
    I capacity, std::source_location place = std::source_location::current());
template <class T>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(
    unbounded_t, std::source_location place = std::source_location::current());
// ... where a full channel does as the policy says instead of making the sender wait.
template <class T, std::integral I>
std::pair<send_channel<T>, receive_channel<T>> open_memory_channel(
    I capacity, overflow policy, std::source_location place = std::source_location::current());

}  // namespace covey

#include <covey/detail/channel_skin.hpp>
