// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/channel.hpp>
#include <covey/clock.hpp>
#include <covey/detail/select_core.hpp>

#include <cstddef>
#include <iterator>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace covey {

// What select gives for a case without a value.
struct sent {
    friend constexpr bool operator==(sent, sent) = default;
};
struct elapsed {
    friend constexpr bool operator==(elapsed, elapsed) = default;
};
struct would_block {  // of otherwise()
    friend constexpr bool operator==(would_block, would_block) = default;
};

namespace detail {
template <class T, class Handler>
class receive_case;
template <class T, class Value, class Handler>
class send_case;
template <class Time, class Handler>
class time_case;
template <class Handler>
class otherwise_case;

struct gives_value;
template <class Result>
struct gives;
template <class T>
class select_any_operation;
template <class... Cases>
auto select_from(Cases... cases);
template <class T, class V>
using send_value = std::conditional_t<std::is_same_v<V, T&>, T&, T>;
}  // namespace detail

// The cases of a select. Each can be switched off: `receive_from(rx).when(condition)`. A case holds
// the channel, not the end; an end that was moved from throws closed_resource_error here.

// A value from rx, or nullopt at the end of its channel: std::optional<T>.
template <class T>
[[nodiscard]] detail::receive_case<T, detail::gives_value> receive_from(
    const receive_channel<T>& rx);
// Sends the value: sent. An lvalue of type T is referred to, and moved from only if this case is
// chosen; any other value is held by the case, and destroyed with it if it isn't chosen.
template <class T, class V>
[[nodiscard]] detail::send_case<T, detail::send_value<T, V>, detail::gives<sent>> send_to(
    const send_channel<T>& tx, V&& value);
// The time has come, that long after the select is awaited or at that point: elapsed. Zero and the
// past are ready at once. Negative or NaN lengths throw std::invalid_argument.
template <class Rep, class Period>
[[nodiscard]] detail::time_case<duration, detail::gives<elapsed>> after(
    std::chrono::duration<Rep, Period> length);
template <class D>
[[nodiscard]] detail::time_case<time_point, detail::gives<elapsed>> at(
    std::chrono::time_point<run_clock, D> when);
// None of the other cases can go on at once, and select doesn't wait: would_block.
[[nodiscard]] detail::otherwise_case<detail::gives<would_block>> otherwise();

// The same with a handler, a function or a coroutine, which the case gives the result of. That of a
// receiving case takes a T, and then the end of the channel is an end_of_channel error; or a
// std::optional<T>, and then it gets nullopt. The others take nothing.
template <class T, class Handler>
[[nodiscard]] detail::receive_case<T, Handler> on(const receive_channel<T>& rx, Handler handler);
template <class T, class V, class Handler>
[[nodiscard]] detail::send_case<T, detail::send_value<T, V>, Handler> on(const send_channel<T>& tx,
                                                                         V&& value,
                                                                         Handler handler);
template <class Rep, class Period, class Handler>
[[nodiscard]] detail::time_case<duration, Handler> after(std::chrono::duration<Rep, Period> length,
                                                         Handler handler);
template <class D, class Handler>
[[nodiscard]] detail::time_case<time_point, Handler> at(std::chrono::time_point<run_clock, D> when,
                                                        Handler handler);
template <class Handler>
[[nodiscard]] detail::otherwise_case<Handler> otherwise(Handler handler);

// Waits until one of several cases can go on, and does that one; the others leave no trace:
// `auto which = co_await select(receive_from(a), send_to(b, value), after(2s));`
//
// Gives a std::variant with an alternative for each case, in their order; which.index() says which
// took effect. With a handler the alternative is what that returns, or gives when awaited:
// std::monostate for void.
//
// Which      Of the cases that can go on at once, each is as likely as any other, by the run's
//            seeded source. Otherwise the one that can first, in the channel's order with all who
//            wait there. Both directions of one channel in one select never match each other.
// Errors     A receiving case on a closed end, and a sending case on a closed end or a channel that
//            nobody receives from, can go on at once: chosen, they throw as receive() and send() do
//            (closed_resource_error, broken_resource_error, channel_full_error), the value is
//            untouched. Errors of a handler pass through. std::logic_error if all cases are
//            switched off: it would wait for ever.
// Checkpoint Yes, with otherwise() as well. A cancelled select does nothing; one whose case took
//            effect first gives it. A handler runs in the calling task when the select is over.
// Cost       One short lock for each channel, all held at once, and a second round if it had to
//            wait. No allocation, but for a coroutine's frames when a handler is one.
template <class... Cases>
[[nodiscard]] auto select(Cases&&... cases) {
    static_assert(sizeof...(Cases) != 0, "covey: a select without a case would wait for ever");
    static_assert((!std::is_lvalue_reference_v<Cases> && ...),
                  "covey: a case is selected from once: write it in the call, or std::move it");
    return detail::select_from(std::forward<Cases>(cases)...);
}

// What came out of select_any: the place of the channel, and its value; nullopt: it has ended.
template <class T>
struct selected {
    std::size_t index;
    std::optional<T> value;
};

// The same for receiving from any of a number of channels that is known only when the program runs:
// `auto [index, value] = co_await select_any(channels);` for a std::span, std::vector or array of
// receive_channel<T>. A channel that has ended is always ready: leave it out from then on. Throws
// std::invalid_argument if there is none. Cost: one allocation for the cases, whose number the
// compiler doesn't know, and one lock for each channel.
template <class Range>
[[nodiscard]] auto select_any(const Range& channels);

}  // namespace covey

#include <covey/detail/select_skin.hpp>
