// SPDX-License-Identifier: BSL-1.0
#pragma once

// The cases of a select: what each holds, waits for, and gives.
//
// A case without a handler has one that gives what select promises. Each says with add() what it
// waits for, and with arguments() what its handler is called with.

#include <covey/channel.hpp>
#include <covey/clock.hpp>
#include <covey/detail/select_core.hpp>
#include <covey/lowlevel/fault_point.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace covey {

namespace detail {

struct gives_value {
    template <class T>
    std::optional<T> operator()(std::optional<T> value) const noexcept {
        return value;
    }
};
template <class Result>
struct gives {
    Result operator()() const noexcept { return {}; }
};

// Whether a handler takes a std::optional<T>. Those with several or templated call operators, which
// can't be asked without compiling their bodies, take a T.
template <class Handler, class T>
constexpr bool takes_optional() {
    if constexpr (std::is_same_v<Handler, gives_value>)
        return true;
    else if constexpr (std::is_class_v<Handler> && !requires { &Handler::operator(); })
        return false;
    else
        return std::invocable<Handler&, std::optional<T>> &&
               !std::is_convertible_v<std::optional<T>, T>;
}

template <class R>
struct result_as_value {
    using type = std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cvref_t<R>>;
};
template <awaitable R>
struct result_as_value<R> : result_as_value<awaitable_result_t<R>> {};

// What all cases have: a handler and a switch.
template <class Case, class Handler>
class switched {
 public:
    // The case takes part if the condition holds.
    [[nodiscard]] Case when(bool condition) && noexcept {
        is_on_ = condition;
        return std::move(static_cast<Case&>(*this));
    }
    [[nodiscard]] bool is_on() const noexcept { return is_on_; }

    // Calls the handler; its arguments outlive what it returns.
    template <class Arguments>
    decltype(auto) handle(Arguments& arguments) {
        return std::apply(
            [this](auto&... each) -> decltype(auto) {
                if constexpr (!noexcept(handler_(std::move(each)...))) lowlevel::fault_point();
                return handler_(std::move(each)...);
            },
            arguments);
    }

 protected:
    explicit switched(Handler handler) : handler_(std::move(handler)) {}

 private:
    Handler handler_;
    bool is_on_ = true;
};

template <class T, class Handler>
class [[nodiscard]] receive_case : public select_arm,
                                   public switched<receive_case<T, Handler>, Handler> {
    static constexpr bool takes_end = takes_optional<Handler, T>();
    using argument = std::conditional_t<takes_end, std::optional<T>, T>;
    static_assert(std::invocable<Handler&, argument>,
                  "covey: the handler of on(rx, handler) takes the channel's value, or a "
                  "std::optional of it");

 public:
    using channel_value = T;
    using handler_returns = std::invoke_result_t<Handler&, argument>;

    receive_case(const receive_channel<T>& rx, Handler handler)
        : select_arm(rx, "receive_from"), receive_case::switched(std::move(handler)) {}

    template <class Select>
    void add(Select& select, std::size_t number) noexcept {
        select.add_receive(*this, number);
    }
    template <class Select>
    std::tuple<argument> arguments(Select& select) {
        if constexpr (takes_end) {
            if (!select.has_value()) return {std::nullopt};
        } else {
            if (!select.has_value()) select.throw_ended();
        }
        return {select.template take<T>()};
    }
};

// Value: T, or T& for one that stays with the caller until it is sent.
template <class T, class Value, class Handler>
class [[nodiscard]] send_case : public select_arm,
                                public switched<send_case<T, Value, Handler>, Handler> {
    static_assert(std::invocable<Handler&>,
                  "covey: the handler of on(tx, value, handler) takes nothing");

 public:
    using channel_value = T;
    using handler_returns = std::invoke_result_t<Handler&>;

    template <class V>
    send_case(const send_channel<T>& tx, V&& value, Handler handler)
        : select_arm(tx, "send_to"),
          send_case::switched(std::move(handler)),
          value_(std::forward<V>(value)) {}

    template <class Select>
    void add(Select& select, std::size_t number) noexcept {
        select.add_send(*this, number, std::addressof(value_));
    }
    template <class Select>
    std::tuple<> arguments(Select& /*select*/) const noexcept {
        return {};
    }

 private:
    Value value_;
};

template <class Time, class Handler>
class [[nodiscard]] time_case : public switched<time_case<Time, Handler>, Handler> {
    static_assert(std::invocable<Handler&>, "covey: the handler of after() and at() takes nothing");

 public:
    using handler_returns = std::invoke_result_t<Handler&>;
    static constexpr bool needs_timer = true;

    time_case(Time time, Handler handler) : time_case::switched(std::move(handler)), time_(time) {}

    template <class Select>
    void add(Select& select, std::size_t number) {
        select.add_time(time_, number);
    }
    template <class Select>
    std::tuple<> arguments(Select& /*select*/) const noexcept {
        return {};
    }

 private:
    Time time_;
};

template <class Handler>
class [[nodiscard]] otherwise_case : public switched<otherwise_case<Handler>, Handler> {
    static_assert(std::invocable<Handler&>, "covey: the handler of otherwise() takes nothing");

 public:
    using handler_returns = std::invoke_result_t<Handler&>;
    static constexpr bool is_otherwise = true;

    explicit otherwise_case(Handler handler) : otherwise_case::switched(std::move(handler)) {}

    template <class Select>
    void add(Select& select, std::size_t number) noexcept {
        select.add_otherwise(number);
    }
    template <class Select>
    std::tuple<> arguments(Select& /*select*/) const noexcept {
        return {};
    }
};

template <class Case>
inline constexpr bool is_case = requires { typename Case::handler_returns; };
template <class Case>
inline constexpr bool needs_timer = requires { Case::needs_timer; };
template <class Case>
inline constexpr bool is_otherwise = requires { Case::is_otherwise; };
template <class Case>
using result_of_case = typename result_as_value<typename Case::handler_returns>::type;
template <class... Cases>
using select_result = std::variant<result_of_case<Cases>...>;

}  // namespace detail
}  // namespace covey
