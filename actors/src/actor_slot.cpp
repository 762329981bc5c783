// SPDX-License-Identifier: BSL-1.0
//
// An actor as a supervisor's child: the slot keeps the factory and the address, so that both
// survive incarnations.

#include "incarnation.hpp"
#include "supervisor_core.hpp"

#include <covey/actor.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

namespace covey::detail {

namespace {

class actor_slot final : public child_slot, private incarnation_host, private actor_owner {
 public:
    actor_slot(const child_options& chosen, cell_ref cell, counted_ref<kept_actor_factory> factory)
        : child_slot(chosen, cell->name()), cell_(std::move(cell)), factory_(std::move(factory)) {
        cell_->set_owner(this);
    }

    task<> run() override { return run_incarnation(*this); }
    [[nodiscard]] bool says_when_ready() const noexcept override { return true; }
    void drop_prototypes() noexcept override { factory_ = {}; }

    void stop_politely(bool for_good) noexcept override {
        if (for_good) cell_->refuse();
        cell_->stop_incarnation(cell_->incarnation());
    }
    void before_restart(bool alone, std::uint64_t lowest, time_point when) noexcept override;
    void end_for_good(exit_reason reason, std::exception_ptr error) noexcept override {
        discard_kept(dead_letter_reason::stopped);
        cell_->set_owner(nullptr);
        cell_->end(reason, error);
    }

 private:
    // Of a slot that was refused, the address is over, too.
    ~actor_slot() override { end_for_good(exit_reason::stopped, nullptr); }

    // ---- For the incarnation.
    [[nodiscard]] const cell_ref& cell() const noexcept override { return cell_; }
    [[nodiscard]] actor* make() override { return factory_->make(); }
    // A stop that came while it started could not reach its mailbox yet.
    void ready() override {
        became_ready();
        if (is_asked_to_stop()) cell_->stop_incarnation(cell_->incarnation());
    }
    // An idle actor sees a stop() at its mailbox, maybe before the manager has heard of it.
    [[nodiscard]] exit_reason why_stopped() const noexcept override {
        return cell_->is_stopping() ? exit_reason::stopped : why.load(lowlevel::order::relaxed);
    }
    [[nodiscard]] bool restarts_after(verdict decided) const noexcept override {
        return decided == verdict::restart && options.restart != restart::temporary;
    }
    [[nodiscard]] bool restarts_after_stop() const noexcept override {
        return why_stopped() == exit_reason::restarting;
    }
    // The verdict of its on_error goes before the supervisor's decide().
    [[nodiscard]] std::exception_ptr ended(const incarnation_outcome& outcome) noexcept override {
        own_verdict = outcome.decided;
        return outcome.error;
    }

    [[nodiscard]] unsigned max_deliveries() const noexcept override {
        return options.max_deliveries;
    }
    void keep_for_next(envelope& message) noexcept override {
        try {
            kept_ = std::make_unique<envelope>(std::move(message));
        } catch (const std::bad_alloc&) {
            message.discard(dead_letter_reason::failed);
        }
    }
    // One that was asked to end begins no message.
    void take_kept(envelope& place) noexcept override {
        if (!kept_ || is_asked_to_stop()) return;
        std::destroy_at(&place);
        std::construct_at(&place, std::move(*kept_));
        kept_.reset();
    }
    void discard_kept(dead_letter_reason reason) noexcept {
        if (kept_) kept_->discard(reason, nullptr, reason == dead_letter_reason::restarted);
        kept_.reset();
    }

    // ---- For the address.
    void stop_requested() noexcept override {
        if (core != nullptr) core->request_stop(*this);
    }
    void cancel_requested() noexcept override {
        if (core != nullptr) core->abandon(*this);
    }
    // Which child of the same supervisor sends.
    [[nodiscard]] std::uint32_t tag_of_sender() noexcept override {
        if (options.on_restart != on_restart::epoch) return 0;
        const auto* sender = lowlevel::enclosing_note<child_slot>(
            [this](const child_slot& each) { return each.core == core; });
        return sender == nullptr ? 0 : static_cast<std::uint32_t>(sender->id.value);
    }
    // Long past, or before the first restart, it says nothing about the next one.
    [[nodiscard]] duration restarts_in() noexcept override {
        const task_record* sender = current_task_or_null();
        if (sender == nullptr || sender->core != core->run()) return duration::zero();
        const time_point when{duration(starts_at_.load(lowlevel::order::relaxed))};
        return std::max(duration::zero(), when - now());
    }

    const cell_ref cell_;
    counted_ref<kept_actor_factory> factory_;
    // What is to be delivered again: the incarnation's while there is one, then the manager's.
    std::unique_ptr<envelope> kept_;
    lowlevel::atomic<duration::rep> starts_at_{0};  // written by the manager: the next restart
};

// What is queued has been sent to an actor whose state is gone; in a group, by some whose own is.
// What is kept stands before it. (SV23, SV24, SV30)
void actor_slot::before_restart(bool alone, std::uint64_t lowest, time_point when) noexcept {
    starts_at_.store(when.time_since_epoch().count(), lowlevel::order::relaxed);
    const bool keeps = alone ? options.on_restart != on_restart::drain : false;
    if (keeps) return;
    const auto is_of_group = [](const void* context, const envelope& message) {
        return message.sender != 0 && message.sender >= *static_cast<const std::uint64_t*>(context);
    };
    const bool is_by_sender = !alone && options.on_restart == on_restart::epoch;
    if (kept_ && (!is_by_sender || is_of_group(&lowest, *kept_)))
        discard_kept(dead_letter_reason::restarted);
    // Without memory all of it goes: nobody's message is handled twice, so it is the safe side.
    if (!is_by_sender || !cell_->drain_if(dead_letter_reason::restarted, is_of_group, &lowest))
        cell_->drain(dead_letter_reason::restarted);
}

}  // namespace

task<> start_in_supervisor(const supervisor_access& owner, const child_options& options,
                           cell_ref cell, counted_ref<kept_actor_factory> factory) {
    counted_ref<child_slot> fresh(new actor_slot(options, std::move(cell), std::move(factory)));
    return start_slot_in(owner, std::move(fresh));
}

}  // namespace covey::detail
