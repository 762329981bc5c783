// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/exception_group.hpp>
#include <covey/timeout.hpp>

namespace covey {

// Runs body where no outer cancellation reaches it; it is met again at the next checkpoint after
// the block. With a grace, the shield holds at most that long, counted from the arrival of an outer
// cancellation. Not a checkpoint by itself. Throws std::invalid_argument for a negative grace.
template <class X>
auto shielded(X&& body) {
    return detail::failing_block<std::decay_t<X>>(std::forward<X>(body), {.shield = true});
}
template <class Rep, class Period, class X>
auto shielded(std::chrono::duration<Rep, Period> grace, X&& body) {
    return detail::failing_block<std::decay_t<X>>(
        std::forward<X>(body), {.shield = true, .grace = detail::to_duration(grace)});
}

namespace detail {

template <class X, class C, class R = body_result<X>, class Cleaned = body_result<C>>
task<R> run_finally(X body, C cleanup) {
    co_await stands_for_its_caller();
    settled<R> result;
    co_await settle_body(result, body);

    scope_block shield({.shield = true});
    settled<Cleaned> cleaned;
    co_await settle_body(cleaned, cleanup);
    static_cast<void>(shield.leave(cleaned.stopped));

    if (result.error && cleaned.error)
        throw exception_group("body and clean-up", {result.error, cleaned.error});
    cleaned.rethrow_error();
    result.rethrow_error();
    if (result.stopped) co_await pass_stop_on();
    if constexpr (!std::is_void_v<R>) co_return result.take();
}

}  // namespace detail

// Runs body, then cleanup() whatever came of it: value, error or cancellation. The cleanup may
// await: it runs shielded. Two errors come out as an exception_group, body first; a cleanup that
// fails after a cancelled body gives its error.
template <class X, class C>
auto finally(X&& body, C&& cleanup) {
    return detail::run_finally<std::decay_t<X>, std::decay_t<C>>(std::forward<X>(body),
                                                                 std::forward<C>(cleanup));
}

}  // namespace covey
