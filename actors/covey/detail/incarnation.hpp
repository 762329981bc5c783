// SPDX-License-Identifier: BSL-1.0
#pragma once

// One run of an actor: what its class brings, and what whoever runs it decides.

#include <covey/detail/actor_cell.hpp>
#include <covey/timeout.hpp>

#include <cstdint>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

namespace covey::detail {

// Makes the actor of an incarnation.
class actor_factory : public counted_object {
 public:
    // Throws what the constructor throws.
    [[nodiscard]] virtual actor* make() = 0;
};

// From arguments that are moved: for an actor that is never restarted.
template <class A, class... T>
class single_actor_factory final : public actor_factory {
 public:
    template <class... U>
    explicit single_actor_factory(U&&... arguments) : arguments_(std::forward<U>(arguments)...) {}

    actor* make() override {
        return std::apply([](T&... each) -> actor* { return new A(std::move(each)...); },
                          arguments_);
    }

 private:
    std::tuple<T...> arguments_;
};

// How an incarnation ended.
struct incarnation_outcome {
    exit_reason reason = exit_reason::finished;
    std::exception_ptr error;            // its error, or an exception_group of several
    verdict decided = verdict::restart;  // by on_error, when a handler failed
    bool was_ready = false;              // on_start had returned
    bool pass_on = false;  // a cancellation from outside ended it, and goes on outwards
};

// Whoever runs incarnations: the child of a nursery, or a supervisor's slot. Called from the
// incarnation's own task.
class incarnation_host {
 public:
    // on_start has returned: from now on the actor is ready.
    virtual void ready() = 0;
    // Why stop_incarnation() was called, or the scope cancelled from outside: stopped, restarting
    // or cancelled.
    [[nodiscard]] virtual exit_reason why_stopped() const noexcept = 0;
    // Whether the actor would be started again after that verdict on an error, or after
    // why_stopped().
    [[nodiscard]] virtual bool restarts_after(verdict decided) const noexcept = 0;
    [[nodiscard]] virtual bool restarts_after_stop() const noexcept = 0;

    // See child_options::max_deliveries. With more than one: keeps a message whose delivery failed
    // for the next incarnation, or discards it; and gives it to that one, if there is any.
    [[nodiscard]] virtual unsigned max_deliveries() const noexcept { return 1; }
    virtual void keep_for_next(envelope& /*message*/) noexcept {}
    virtual void take_kept(envelope& /*place*/) noexcept {}

 protected:
    ~incarnation_host() = default;
};

// Runs the next incarnation of the actor from its construction to its destruction, in the calling
// task and a scope of its own with those limits. Never throws, and no cancellation ends it but
// through its clean-up: see `pass_on`. The cell stays open for messages, and for another
// incarnation, until actor_cell::end().
[[nodiscard]] task<incarnation_outcome> run_incarnation(cell_ref cell,
                                                        counted_ref<actor_factory> factory,
                                                        incarnation_host& host,
                                                        scope_limits limits);

// The life of an actor that a nursery owns, up to ready; gives up when that fails.
[[nodiscard]] task<> start_in_nursery(nursery& owner, cell_ref cell,
                                      counted_ref<actor_factory> factory);

class incarnation;

}  // namespace covey::detail
