// SPDX-License-Identifier: BSL-1.0
#pragma once

// The coroutine behind with_caf. Included by caf_host.hpp.

#include <covey/caf_host.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>

#include <optional>

namespace covey {

namespace detail {

// An actor system and the steps of its block: open, body, close. Its parts run as children of the
// nursery.
class caf_block {
 public:
    caf_block(const caf_options& options, nursery& around);
    caf_block(const caf_block&) = delete;
    caf_block& operator=(const caf_block&) = delete;
    ~caf_block();

    void open();
    [[nodiscard]] caf_host& host() noexcept;
    // Whatever became of open(). With `asking`, actors are told to end; else a cancellation of the
    // nursery tells them. True: they were told.
    [[nodiscard]] task<bool> close(bool asking);

 private:
    std::unique_ptr<caf_core> core_;
};

template <class R, class F>
task<R> open_and_run(std::optional<caf_block>& block, const caf_options& options, nursery& around,
                     F& body) {
    block.emplace(options, around);
    block->open();
    if constexpr (std::is_void_v<R>)
        co_await body_task(body, block->host());
    else
        co_return co_await body_task(body, block->host());
}

template <class R, class F>
task<> live_with_caf(std::optional<caf_block>& block, const caf_options& options, nursery& around,
                     settled<R>& result, F& body) {
    co_await settle(result, [&] { return open_and_run<R>(block, options, around, body); });
    if (!block) co_return;
    const bool asking = result.stopped || result.error != nullptr;
    const bool asked = co_await shielded([&] { return block->close(asking); });
    if (result.stopped) co_await pass_stop_on();
    if (asked) co_await checkpoint_if_cancelled();
}

template <class F, class R = body_result<F, caf_host>>
task<R> run_with_caf(caf_options options, F body) {
    co_await stands_for_its_caller();
    co_await checkpoint_if_cancelled();
    options.grace = to_duration(options.grace);
    std::optional<caf_block> block;  // goes after the children
    settled<R> result;
    co_await with_nursery(
        [&](nursery& around) { return live_with_caf<R>(block, options, around, result, body); });
    result.rethrow_error();
    if constexpr (!std::is_void_v<R>) co_return result.take();
}

template <class F>
constexpr void check_caf_body() {
    static_assert(std::is_invocable_v<F&, caf_host&>,
                  "covey: with_caf takes a body with one parameter, the host by reference: "
                  "[&](covey::caf_host& host) -> covey::task<> { ... }");
    if constexpr (std::is_invocable_v<F&, caf_host&>) {
        using returned = std::invoke_result_t<F&, caf_host&>;
        static_assert(!awaitable<returned> || is_task<returned>,
                      "covey: the body of with_caf returns an awaitable that nobody awaits: make "
                      "it a coroutine, `-> covey::task<> { co_await ...; }`");
    }
}

}  // namespace detail

template <class F>
auto with_caf(caf_options options, F&& body) {
    detail::check_caf_body<std::decay_t<F>>();
    return detail::run_with_caf<std::decay_t<F>>(options, std::forward<F>(body));
}
template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, caf_options>)
auto with_caf(F&& body) {
    return with_caf(caf_options{}, std::forward<F>(body));
}

}  // namespace covey
