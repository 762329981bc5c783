// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "actor_cell.hpp"

#include <covey/actor.hpp>
#include <covey/detail/actor_factory.hpp>
#include <covey/lowlevel/scope_note.hpp>
#include <covey/nursery.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace covey::detail {

// How an incarnation ended.
struct incarnation_outcome {
    exit_reason reason = exit_reason::finished;
    verdict decided = verdict::restart;  // by on_error, when a handler failed
    bool pass_on = false;      // a cancellation from outside ended it, and goes on outwards
    std::exception_ptr error;  // its error, or an exception_group of several
};

// Whoever runs incarnations: the child of a nursery, or a supervisor's slot. Called from the
// incarnation's own task.
class incarnation_host {
 public:
    // What is run. It outlives the run, and stays the same.
    [[nodiscard]] virtual const cell_ref& cell() const noexcept = 0;
    [[nodiscard]] virtual actor* make() = 0;  // throws what the constructor throws

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

    // Everything of the incarnation is gone. Gives the error that its task ends with, or null.
    [[nodiscard]] virtual std::exception_ptr ended(const incarnation_outcome& outcome) noexcept = 0;

 protected:
    ~incarnation_host() = default;
};

// Runs the next incarnation of the actor from its construction to its destruction, in the calling
// task and a scope of its own. No cancellation ends it but through its clean-up. The cell stays
// open for messages, and for another incarnation, until actor_cell::end().
[[nodiscard]] task<> run_incarnation(incarnation_host& host);

// One run of an actor, seen from inside its task.
//
// What       What its scope stands for, what its actor refers to, and the message in progress.
// Threads    Its own task; describe() and details() read what is atomic or constant.
// Lifetime   On the frame of run_incarnation(). Children of the actor may use it: they end first.
class incarnation final : public lowlevel::scope_note {
 public:
    explicit incarnation(incarnation_host& host) noexcept;
    ~incarnation() override;

    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::vector<std::string> details() const override;

    [[nodiscard]] actor_cell& cell() const noexcept { return cell_; }
    [[nodiscard]] const cell_ref& counted_cell() const noexcept { return host_.cell(); }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] bool is_run_by_caller() const noexcept;
    [[nodiscard]] bool is_of_run(const void* core) const noexcept { return core == task_->core; }
    [[nodiscard]] cancel_scope& scope() const noexcept { return children_->scope(); }
    [[nodiscard]] nursery& children() const noexcept { return *children_; }
    [[nodiscard]] reply_core* reply_in_progress() const noexcept { return current_.reply; }
    [[nodiscard]] unsigned delivery() const noexcept { return current_.failures + 1U; }

    // ---- The steps of a run, in order: see run_incarnation().
    // In the scope of that nursery. False: there was no memory for it, which is its error.
    [[nodiscard]] bool begin(nursery& children) noexcept;
    [[nodiscard]] task<> work();
    // What work() came to: the reason, and its error.
    void worked(settled<void>& result) noexcept;
    [[nodiscard]] bool was_ready() const noexcept { return is_ready_; }
    [[nodiscard]] task<> say_goodbye();  // on_stop
    void add_error(std::exception_ptr error) noexcept;
    [[nodiscard]] bool has_error() const noexcept { return !errors_.empty() || outcome_.error; }
    [[nodiscard]] incarnation_outcome finish() noexcept;

    // A handler as an awaitable: runs it in the frame of work() and stops unwinding there.
    class handler_run;

 private:
    class next_message;

    [[nodiscard]] lowlevel::stop_listener* asked_to_stop() const noexcept override {
        return cell().listener();
    }
    [[nodiscard]] bool is_conditional() const noexcept;
    [[nodiscard]] bool is_worth_handling() noexcept;
    [[nodiscard]] bool may_come_again() const noexcept;
    [[nodiscard]] message_box& box_for_handler();
    void keep_or_discard(dead_letter_reason why, const std::exception_ptr& error,
                         bool restarting) noexcept;
    [[nodiscard]] bool handled(const std::exception_ptr& error, bool stopped) noexcept;
    [[nodiscard]] bool failed(const std::exception_ptr& error) noexcept;
    [[nodiscard]] verdict decide(const std::exception_ptr& error) noexcept;

    incarnation_host& host_;
    actor_cell& cell_;
    const task_record* task_ = nullptr;
    nursery* children_ = nullptr;
    std::uint32_t number_ = 0;
    bool is_ready_ = false;
    bool has_decided_ = false;  // on_error said how it ends
    actor* actor_ = nullptr;    // owned
    envelope current_;          // the message in progress
    const unsigned max_deliveries_;
    std::unique_ptr<message_box> copy_;  // of it, for the handler, if it may have to come again
    incarnation_outcome outcome_;
    std::vector<std::exception_ptr> errors_;
};

}  // namespace covey::detail
