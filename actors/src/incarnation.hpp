// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "actor_cell.hpp"

#include <covey/actor.hpp>
#include <covey/detail/incarnation.hpp>
#include <covey/lowlevel/scope_note.hpp>
#include <covey/nursery.hpp>

#include <memory>
#include <string>
#include <vector>

namespace covey::detail {

// One run of an actor, seen from inside its task.
//
// What       What its scope stands for, what its actor refers to, and the message in progress.
// Threads    Its own task; describe() and details() read what is atomic or constant.
// Lifetime   On the frame of run_incarnation(). Children of the actor may use it: they end first.
class incarnation final : public lowlevel::scope_note {
 public:
    incarnation(cell_ref cell, counted_ref<actor_factory> factory, incarnation_host& host) noexcept;
    ~incarnation() override;

    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::vector<std::string> details() const override;

    [[nodiscard]] actor_cell& cell() const noexcept { return *cell_; }
    [[nodiscard]] const cell_ref& counted_cell() const noexcept { return cell_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] bool is_run_by_caller() const noexcept;
    [[nodiscard]] bool is_of_run(const void* core) const noexcept { return core == task_->core; }
    [[nodiscard]] cancel_scope& scope() const noexcept { return *scope_; }
    [[nodiscard]] nursery& children() const noexcept { return *children_; }
    [[nodiscard]] reply_core* reply_in_progress() const noexcept { return current_.reply; }
    [[nodiscard]] unsigned delivery() const noexcept { return current_.failures + 1U; }

    // ---- The steps of a run, in order: see run_incarnation().
    // False: there was no memory for it, which is its error.
    [[nodiscard]] bool begin(cancel_scope& scope, nursery& children) noexcept;
    [[nodiscard]] task<> work();
    // What work() came to: the reason, and its error.
    void worked(settled<void>& result) noexcept;
    [[nodiscard]] bool was_ready() const noexcept { return is_ready_; }
    [[nodiscard]] task<> call_on_stop() { return actor_->on_stop(outcome_.reason); }
    void add_error(std::exception_ptr error) noexcept;
    [[nodiscard]] bool has_error() const noexcept { return !errors_.empty() || outcome_.error; }
    [[nodiscard]] incarnation_outcome finish() noexcept;

    // A handler as an awaitable: runs it in the frame of work() and stops unwinding there.
    class handler_run;

 private:
    class next_message;

    [[nodiscard]] bool is_worth_handling() noexcept;
    [[nodiscard]] bool may_come_again() const noexcept;
    [[nodiscard]] message_box& box_for_handler();
    void keep_or_discard(dead_letter_reason why, const std::exception_ptr& error,
                         bool restarting) noexcept;
    [[nodiscard]] bool handled(const std::exception_ptr& error, bool stopped) noexcept;
    [[nodiscard]] bool failed(const std::exception_ptr& error) noexcept;
    [[nodiscard]] verdict decide(const std::exception_ptr& error) noexcept;

    const cell_ref cell_;
    counted_ref<actor_factory> factory_;
    incarnation_host& host_;
    const task_record* task_ = nullptr;
    cancel_scope* scope_ = nullptr;
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
