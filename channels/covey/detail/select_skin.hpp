// SPDX-License-Identifier: BSL-1.0
#pragma once

// The typed half of select: what is awaited. Whatever does not mention the cases' types is in the
// compiled core. Included by select.hpp.

#include <covey/detail/select_case.hpp>
#include <covey/select.hpp>

#include <algorithm>
#include <new>

namespace covey {

namespace detail {

struct nothing_to_carry {
    using channel_value = char;
};

// Room for one value, of whichever channel it comes.
template <class... Carriers>
class any_place {
 public:
    [[nodiscard]] void* bytes() noexcept { return bytes_; }

 private:
    static constexpr std::size_t size = std::max({sizeof(typename Carriers::channel_value)...});
    static constexpr std::size_t alignment =
        std::max({alignof(typename Carriers::channel_value)...});
    alignas(alignment) unsigned char bytes_[size];
};

template <class Case>
using carrier = std::conditional_t<std::is_base_of_v<select_arm, Case>, Case, nothing_to_carry>;

// The wait: gives the number of the case.
template <class... Cases>
class [[nodiscard]] select_wait : public select_core {
 public:
    using covey_result = std::size_t;

    explicit select_wait(Cases&&... cases)
        : select_core(sizeof...(Cases)), cases_(std::move(cases)...) {}
    select_wait(select_wait&& other) noexcept
        : select_core(std::move(other)), cases_(std::move(other.cases_)) {}

    bool await_ready() {
        if (begin(place_.bytes(), timer())) add_cases(std::index_sequence_for<Cases...>());
        return select_core::await_ready();
    }
    std::size_t await_resume() { return finish(); }

    template <std::size_t I>
    auto& get() noexcept {
        return std::get<I>(cases_);
    }

    using select_core::add_otherwise;
    using select_core::add_receive;
    using select_core::add_send;
    using select_core::add_time;
    using select_core::has_value;
    using select_core::throw_ended;
    template <class T>
    [[nodiscard]] T take() noexcept {
        return take_value<T>(place_.bytes());
    }

 private:
    template <std::size_t... I>
    void add_cases(std::index_sequence<I...> /*numbers*/) {
        ((get<I>().is_on() ? get<I>().add(*this, I) : void()), ...);
    }
    lowlevel::wait_timer* timer() noexcept {
        if constexpr ((needs_timer<Cases> || ...))
            return &timer_;
        else
            return nullptr;
    }

    struct no_timer {};
    std::tuple<Cases...> cases_;
    any_place<nothing_to_carry, carrier<Cases>...> place_;
    [[no_unique_address]] std::conditional_t<(needs_timer<Cases> || ...), lowlevel::wait_timer,
                                             no_timer> timer_;
};

// ... and what the handler of that case gives, which no handler has to be awaited for.
template <class... Cases>
class [[nodiscard]] select_operation final : public select_wait<Cases...> {
 public:
    using covey_result = select_result<Cases...>;

    using select_wait<Cases...>::select_wait;

    covey_result await_resume() { return give<0>(this->finish()); }

 private:
    template <std::size_t I>
    covey_result give(std::size_t number) {
        if constexpr (I + 1 < sizeof...(Cases)) {
            if (number != I) return give<I + 1>(number);
        }
        auto& chosen = this->template get<I>();
        auto arguments = chosen.arguments(*this);
        if constexpr (std::is_void_v<decltype(chosen.handle(arguments))>) {
            chosen.handle(arguments);
            return covey_result(std::in_place_index<I>);
        } else {
            return covey_result(std::in_place_index<I>, chosen.handle(arguments));
        }
    }
};

// The same where some handler is a coroutine.
template <class Result, std::size_t I, class Wait>
task<Result> handle_in_task(Wait& wait) {
    co_await stands_for_its_caller();
    auto& chosen = wait.template get<I>();
    auto arguments = chosen.arguments(wait);
    using returned = decltype(chosen.handle(arguments));
    if constexpr (awaitable<returned>) {
        if constexpr (std::is_void_v<awaitable_result_t<returned>>) {
            co_await chosen.handle(arguments);
            co_return Result(std::in_place_index<I>);
        } else {
            auto result = co_await chosen.handle(arguments);
            co_return Result(std::in_place_index<I>, std::move(result));
        }
    } else if constexpr (std::is_void_v<returned>) {
        chosen.handle(arguments);
        co_return Result(std::in_place_index<I>);
    } else {
        co_return Result(std::in_place_index<I>, chosen.handle(arguments));
    }
}

template <class Result, std::size_t I, class... Cases>
task<Result> handler_task(select_wait<Cases...>& wait, std::size_t number) {
    if constexpr (I + 1 < sizeof...(Cases)) {
        if (number != I) return handler_task<Result, I + 1>(wait, number);
    }
    return handle_in_task<Result, I>(wait);
}

template <class... Cases>
task<select_result<Cases...>> select_in_task(select_wait<Cases...> wait) {
    co_await stands_for_its_caller();
    const std::size_t number = co_await wait;
    auto handler = handler_task<select_result<Cases...>, 0>(wait, number);
    auto result = co_await std::move(handler);
    co_return result;
}

template <class... Cases>
auto select_from(Cases... cases) {
    static_assert((is_case<Cases> && ...),
                  "covey: select takes cases: receive_from, send_to, after, at, on, otherwise");
    if constexpr ((is_case<Cases> && ...)) {
        static_assert((0 + ... + static_cast<int>(is_otherwise<Cases>)) <= 1,
                      "covey: a select has one otherwise() at most");
        if constexpr ((awaitable<typename Cases::handler_returns> || ...))
            return select_in_task(select_wait<Cases...>(std::move(cases)...));
        else
            return select_operation<Cases...>(std::move(cases)...);
    }
}

[[noreturn]] void throw_no_channels();

template <class T>
class [[nodiscard]] select_any_operation final : public select_core {
    using case_type = receive_case<T, gives_value>;

 public:
    using covey_result = selected<T>;

    select_any_operation(const receive_channel<T>* channels, std::size_t count)
        : select_core(count) {
        if (count == 0) throw_no_channels();
        cases_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) cases_.push_back(receive_from(channels[i]));
    }
    select_any_operation(select_any_operation&& other) noexcept
        : select_core(std::move(other)), cases_(std::move(other.cases_)) {}

    bool await_ready() {
        if (begin(slot_.place(), nullptr)) {
            for (std::size_t i = 0; i < cases_.size(); ++i) add_receive(cases_[i], i);
        }
        return select_core::await_ready();
    }
    selected<T> await_resume() {
        const std::size_t index = finish();
        if (!has_value()) return {index, std::nullopt};
        return {index, slot_.take()};
    }

 private:
    std::vector<case_type> cases_;
    value_slot<T> slot_;
};

template <class T>
select_any_operation<T> any_of(const receive_channel<T>* channels, std::size_t count) {
    return select_any_operation<T>(channels, count);
}

}  // namespace detail

template <class T>
detail::receive_case<T, detail::gives_value> receive_from(const receive_channel<T>& rx) {
    return {rx, detail::gives_value()};
}

template <class T, class V>
detail::send_case<T, detail::send_value<T, V>, detail::gives<sent>> send_to(
    const send_channel<T>& tx, V&& value) {
    return {tx, std::forward<V>(value), detail::gives<sent>()};
}

template <class Rep, class Period>
detail::time_case<duration, detail::gives<elapsed>> after(
    std::chrono::duration<Rep, Period> length) {
    return {detail::to_duration(length), detail::gives<elapsed>()};
}

template <class D>
detail::time_case<time_point, detail::gives<elapsed>> at(
    std::chrono::time_point<run_clock, D> when) {
    return {detail::to_time_point(when), detail::gives<elapsed>()};
}

inline detail::otherwise_case<detail::gives<would_block>> otherwise() {
    return detail::otherwise_case(detail::gives<would_block>());
}

template <class T, class Handler>
detail::receive_case<T, Handler> on(const receive_channel<T>& rx, Handler handler) {
    return {rx, std::move(handler)};
}

template <class T, class V, class Handler>
detail::send_case<T, detail::send_value<T, V>, Handler> on(const send_channel<T>& tx, V&& value,
                                                           Handler handler) {
    return {tx, std::forward<V>(value), std::move(handler)};
}

template <class Rep, class Period, class Handler>
detail::time_case<duration, Handler> after(std::chrono::duration<Rep, Period> length,
                                           Handler handler) {
    return {detail::to_duration(length), std::move(handler)};
}

template <class D, class Handler>
detail::time_case<time_point, Handler> at(std::chrono::time_point<run_clock, D> when,
                                          Handler handler) {
    return {detail::to_time_point(when), std::move(handler)};
}

template <class Handler>
detail::otherwise_case<Handler> otherwise(Handler handler) {
    return detail::otherwise_case<Handler>(std::move(handler));
}

template <class Range>
auto select_any(const Range& channels) {
    return detail::any_of(std::data(channels), std::size(channels));
}

}  // namespace covey
