// SPDX-License-Identifier: BSL-1.0
#pragma once

// The coroutines behind with_supervisor and supervisor::start. Included by supervisor.hpp.

#include <covey/lowlevel/block.hpp>
#include <covey/supervisor.hpp>

namespace covey {

namespace detail {

// Waits until a child is ready, or has ended for good.
class [[nodiscard]] slot_wait final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    // `ended` only watches and can't be cancelled; `stopped` and `restarted` ask for it, too.
    enum class goal : std::uint8_t { ready, ended, stopped, restarted };

    slot_wait(counted_ref<supervisor_core> core, counted_ref<child_slot> child,
              goal wanted) noexcept;
    slot_wait(slot_wait&& other) noexcept;
    ~slot_wait() override;

    [[nodiscard]] bool await_ready();
    void await_resume() const;

    // Holding the supervisor's lock: whether there is nothing to wait for any more.
    [[nodiscard]] bool is_over_locked() const noexcept;

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    counted_ref<supervisor_core> core_;
    counted_ref<child_slot> child_;  // null: there is no such child any more
    goal goal_;
    std::uint64_t incarnation_ = 1;  // the first one that is waited for
};

// The options with a name that lasts.
struct kept_options {
    explicit kept_options(const supervisor_options& given) : options(given), name(given.name) {}
    supervisor_options options;
    std::string name;
};

// How a supervisor's block ends.
struct supervisor_ending {
    std::exception_ptr error;
    bool pass_on = false;  // a cancellation from outside goes on
};

// A supervisor and the steps of its block: open, body, close.
class supervisor_block {
 public:
    explicit supervisor_block(const kept_options& kept);
    supervisor_block(const supervisor_block&) = delete;
    supervisor_block& operator=(const supervisor_block&) = delete;
    ~supervisor_block();

    void open();
    [[nodiscard]] supervisor& get() noexcept { return supervisor_; }
    // The scope around the body, so that it can be stopped without the children; starts the
    // manager.
    void enter_body(cancel_scope& body);
    void leave_body(const std::exception_ptr& error) noexcept;
    [[nodiscard]] children_wait join() noexcept { return nursery_.join(); }
    [[nodiscard]] bool stop_a_service() noexcept { return nursery_.stop_a_service(); }
    [[nodiscard]] supervisor_ending leave(bool body_stopped) noexcept;
    [[nodiscard]] cancel_cause cause() const { return nursery_.cause(); }

 private:
    nursery_block nursery_;
    counted_ref<supervisor_core> core_;
    supervisor supervisor_;
};

template <class F, class R = body_result<F, supervisor>>
task<R> run_supervisor(kept_options options, F body) {
    co_await stands_for_its_caller();
    supervisor_block block(options);
    block.open();
    settled<R> result;
    cancel_cause body_cause;
    bool stop_goes_on = false;
    {
        scope_block around_body;
        co_await settle(result, [&] {
            block.enter_body(around_body.scope());
            return body_task(body, block.get());
        });
        body_cause = around_body.scope().cause();
        stop_goes_on = around_body.leave(result.stopped);
    }
    block.leave_body(result.error);
    do {
        co_await block.join();
    } while (block.stop_a_service());

    const supervisor_ending ending = block.leave(stop_goes_on);
    if (ending.error) std::rethrow_exception(ending.error);
    if (ending.pass_on) co_await pass_stop_on();
    if constexpr (!std::is_void_v<R>) {
        if (!result.value) {
            throw_body_cancelled(body_cause.source == cancel_source::none ? block.cause()
                                                                          : body_cause);
        }
        co_return result.take();
    }
}

[[nodiscard]] task<child_id> start_supervised(supervisor_core& core, counted_ref<child_slot> child);

// The same for a child that isn't a task_slot.
[[nodiscard]] task<> start_slot_in(const supervisor_access& owner, counted_ref<child_slot> child);

template <class F>
constexpr void check_supervisor_body() {
    static_assert(std::is_invocable_v<F&, supervisor&>,
                  "covey: with_supervisor takes a body with one parameter, the supervisor by "
                  "reference: [&](covey::supervisor& supervisor) -> covey::task<> { ... }");
    if constexpr (std::is_invocable_v<F&, supervisor&>) {
        using returned = std::invoke_result_t<F&, supervisor&>;
        static_assert(!awaitable<returned> || is_task<returned>,
                      "covey: the body of with_supervisor returns an awaitable that nobody "
                      "awaits: make it a coroutine, `-> covey::task<> { co_await ...; }`");
    }
}

template <class F, class... A>
task<child_id> supervisor_access::start(child_options options, F&& fn, A&&... args) const {
    if constexpr (check_supervised<F, std::decay_t<A>...>()) {
        using child = task_slot<std::decay_t<F>, std::decay_t<A>...>;
        auto fresh =
            counted_ref<child>(new child(options, std::forward<F>(fn), std::forward<A>(args)...));
        return start_supervised(*core_, std::move(fresh));
    }
}

}  // namespace detail

template <class F>
auto with_supervisor(supervisor_options options, F&& body) {
    detail::check_supervisor_body<std::decay_t<F>>();
    return detail::run_supervisor<std::decay_t<F>>(detail::kept_options(options),
                                                   std::forward<F>(body));
}

}  // namespace covey
