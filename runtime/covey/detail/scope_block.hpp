// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/cancel_scope.hpp>
#include <covey/detail/settle.hpp>

namespace covey::detail {

// How a scope starts out.
struct scope_limits {
    time_point deadline = time_point::max();
    duration timeout = never;  // from entry; the earlier of the two counts
    bool shield = false;
    duration grace = never;  // of a shield: how long it holds once a cancellation arrives
    const lowlevel::scope_note* note = nullptr;  // what the scope stands for; outlives it
    bool yielding = false;  // of a shield: it is void when a closing deadline has passed
};

// A cancel scope around a part of a coroutine: entered by construction, left once.
class scope_block {
 public:
    explicit scope_block(const scope_limits& limits = {});
    scope_block(const scope_block&) = delete;
    scope_block& operator=(const scope_block&) = delete;
    ~scope_block();

    [[nodiscard]] cancel_scope& scope() noexcept { return scope_; }

    // True: the stop that ended the body belongs to a scope further out and has to go on.
    [[nodiscard]] bool leave(bool body_stopped) noexcept;

 private:
    cancel_scope scope_;
    bool inside_ = true;
};

// As the member; who is to be told is told later.
void soft_cancel(cancel_scope& scope, std::string_view reason, duration then_hard,
                 duration then_pierce, lowlevel::stop_requests& told);

// Cancels through shields of up to that strength.
void cancel_through(const scope_handle& handle, shield_strength shields,
                    std::string_view reason) noexcept;

[[noreturn]] void throw_block_awaited_twice();
[[noreturn]] void throw_too_slow(const cancel_scope& scope);
[[noreturn]] void throw_body_cancelled(cancel_cause cause);

}  // namespace covey::detail
