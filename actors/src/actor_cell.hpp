// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "mailbox.hpp"

#include <covey/actor_ref.hpp>
#include <covey/cancel_scope.hpp>
#include <covey/detail/actor_cell.hpp>
#include <covey/lowlevel/pooled.hpp>
#include <covey/lowlevel/scope_note.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/lowlevel/wait_report.hpp>

#include <string>
#include <string_view>

namespace covey::detail {

// Whoever decides about an actor's incarnations, if that isn't the actor's own task: a supervisor's
// slot.
class actor_owner {
 public:
    // actor_ref::stop() was called. Any thread, with the cell's lock held: it must not call the
    // cell, nor wait for somebody who does.
    virtual void stop_requested() noexcept = 0;
    // actor_cell::cancel() was called: likewise.
    virtual void cancel_requested() noexcept = 0;
    // What a message notes about the calling task, its sender; 0: nothing. For on_restart::epoch.
    [[nodiscard]] virtual std::uint32_t tag_of_sender() noexcept { return 0; }
    // How long until the next incarnation; zero: unknown to the caller.
    [[nodiscard]] virtual duration restarts_in() noexcept { return duration::zero(); }

 protected:
    ~actor_owner() = default;
};

// An actor's address: what refs count. It has the mailbox, so it survives incarnations.
//
// What       Incarnations come and go; the mailbox and its senders stay.
//
//              open -- refuse() --> stopping -- end() --> ended
//
//            To stop an incarnation is to stop its receiving: an idle receive ends, and senders
//            notice nothing. To stop for good is to close the mailbox as well; or only that, with
//            on_stop::finish: receiving ends when the mailbox is empty.
// Invariants Nothing is posted once the mailbox is closed, and what is queued then is discarded:
//            so an ended actor's mailbox is empty.
// Threads    See the groups of members. lock_ comes before the locks of the mailbox and of the
//            run's tree; scope notes are described under the tree lock and so never take it.
// Lifetime   Counted by refs, by operations on their way, and by whoever runs incarnations.
class actor_cell final : public actor_cell_base,
                         public lowlevel::pooled,
                         private lowlevel::stop_listener {
 public:
    actor_cell(const actor_type& type, const child_options& options);

    // ---- What it is.
    [[nodiscard]] actor_id id() const noexcept { return id_; }
    // The one given, or "<class>#<id>", which is made when it is first asked for.
    [[nodiscard]] const std::string& name() const;
    [[nodiscard]] const actor_type& type() const noexcept { return type_; }
    [[nodiscard]] duration grace() const noexcept { return grace_; }
    [[nodiscard]] std::uint32_t incarnation() const noexcept {
        return incarnation_.load(lowlevel::order::acquire);
    }
    [[nodiscard]] std::uint32_t latest_ready() const noexcept;
    [[nodiscard]] actor_statistics statistics() const;
    [[nodiscard]] std::size_t queued() const;

    // ---- For senders.
    [[nodiscard]] mailbox& box() noexcept { return box_; }
    // Whether that task is the one that handles messages here.
    [[nodiscard]] bool is_handled_by(const lowlevel::waiter* task) const noexcept {
        return task != nullptr && handler_.load(lowlevel::order::relaxed) == task;
    }
    // Says that somebody waits for something of the task that handles its messages.
    void tell_handler(lowlevel::wait_report& report, const char* what) const {
        if (const lowlevel::waiter* task = handler_.load(lowlevel::order::relaxed))
            report.waits_for(*task, what);
    }
    // Completes the envelope. Throws actor_stopped_error for an incarnation that is over,
    // actor_unavailable_error while there is none.
    void stamp(envelope& message) const {
        if (asks_owner_ || message.only_incarnation != 0) check_stamp(message);
    }
    [[noreturn]] void throw_stopped() const;
    [[noreturn]] void throw_full() const;

    // ---- For whoever runs incarnations.
    // The next one begins, in the calling task and that scope; gives its number.
    std::uint32_t begin_incarnation(cancel_scope& scope);
    // The current one is ready, and not the first: tells those who watch.
    void restarted() noexcept;
    // Asks it to end after the message in progress. Nothing if it isn't that one. Any thread.
    void stop_incarnation(std::uint32_t number) noexcept;
    // Its scope is about to end.
    void end_incarnation() noexcept;
    // Whether a message may be received now, or the incarnation was asked to stop.
    [[nodiscard]] bool is_stopping() const noexcept;

    // Takes no messages any more, and discards what is queued and won't be handled. Idempotent; any
    // thread. (SV11, SV28)
    void refuse() noexcept;
    // Discards what is queued; the mailbox stays open. (SV23, SV24)
    void drain(dead_letter_reason why) noexcept;
    // The same for messages that match; the others stay, in order. False: there was no memory for
    // it, and all of them stay.
    [[nodiscard]] bool drain_if(dead_letter_reason why,
                                bool (*matches)(const void* context, const envelope& message),
                                const void* context) noexcept;
    // The actor is over: refuses, frees its names, tells those who watch. The first call counts.
    void end(exit_reason reason, const std::exception_ptr& error) noexcept;

    // Whom actor_ref::stop() asks; null: the incarnation is stopped directly. Not called any more
    // once this has returned.
    void set_owner(actor_owner* owner) noexcept;
    // actor_ref::stop().
    void stop() noexcept;
    // Ends it for good, without waiting for the message in progress.
    void cancel(std::string_view why) noexcept;
    // A soft cancellation of the incarnation's scope means stop(): gives who has to be told,
    // counted; null if it is stopping, or its owner stops it. Under the tree lock.
    [[nodiscard]] lowlevel::stop_listener* listener() noexcept;
    [[nodiscard]] on_restart what_on_restart() const noexcept { return on_restart_; }

    // ---- Accounts, by the actor's task or by anybody.
    void count_handled() noexcept {
        handled_.store(handled_.load(lowlevel::order::relaxed) + 1, lowlevel::order::relaxed);
    }
    // With the mailbox's lock held.
    void count_accepted() noexcept {
        accepted_.store(accepted_.load(lowlevel::order::relaxed) + 1, lowlevel::order::relaxed);
    }
    void count_returned() noexcept { returned_.fetch_add(1, lowlevel::order::relaxed); }
    void count_abandoned() noexcept { abandoned_.fetch_add(1, lowlevel::order::relaxed); }
    // A tick that was queued: nobody has sent it, and nobody misses it.
    void count_withdrawn() noexcept { withdrawn_.fetch_add(1, lowlevel::order::relaxed); }
    void count_dead() noexcept { dead_.fetch_add(1, lowlevel::order::relaxed); }

    // The wait graph: whom its handler waits for with an ask. Who may touch it: see ask.cpp.
    lowlevel::atomic<actor_cell*> asks{nullptr};
    // A handler of another actor asks this one.
    void note_asked() noexcept {
        if (!was_asked_.load(lowlevel::order::relaxed))
            was_asked_.store(true, lowlevel::order::relaxed);
    }

    // Whether it stands in the registry; guarded by that one's lock.
    bool is_registered = false;

 private:
    friend class cell_watch;
    friend class watch_operation;
    friend class restart_watch_operation;

    enum class state : std::uint8_t { open, stopping, ended };

    ~actor_cell() override;
    void refuse_locked() noexcept;
    void check_stamp(envelope& message) const;
    void ask_owner(envelope& message) const;
    void discard_refused() noexcept;
    // Whether the incarnation goes on until the mailbox is empty.
    [[nodiscard]] bool finishes_queue_locked() const noexcept {
        return on_stop_ == covey::on_stop::finish && state_ == state::stopping;
    }
    void stop_incarnation_locked(lowlevel::stop_requests& told) noexcept;
    void told_to_stop() noexcept override;

    mailbox box_;  // any thread

    // Constant.
    const actor_type& type_;
    const actor_id id_;
    mutable lowlevel::atomic<const std::string*> name_{nullptr};  // owned; null: not asked for yet
    const duration grace_;
    const duration hard_;
    const covey::on_restart on_restart_;
    const covey::on_stop on_stop_;
    const bool rejects_while_down_;
    const bool asks_owner_;  // about each message

    // Written by the actor's task.
    lowlevel::atomic<std::uint32_t> incarnation_{0};
    lowlevel::atomic<std::uint32_t> withdrawn_{0};                // this one by anybody
    lowlevel::atomic<const lowlevel::waiter*> handler_{nullptr};  // its task
    lowlevel::atomic<std::uint64_t> handled_{0};

    // Written by anybody.
    lowlevel::atomic<std::uint64_t> accepted_{0};
    lowlevel::atomic<std::uint64_t> returned_{0};
    lowlevel::atomic<std::uint64_t> abandoned_{0};
    lowlevel::atomic<std::uint64_t> dead_{0};
    lowlevel::atomic<bool> was_asked_{false};      // by a handler
    lowlevel::atomic<bool> hears_of_stop_{false};  // without being told by its scope

    // Guarded by lock_.
    mutable lowlevel::mutex lock_;
    cancel_scope* scope_ = nullptr;  // of the incarnation; null: there is none
    actor_owner* owner_ = nullptr;
    state state_ = state::open;
    exit_reason reason_ = exit_reason::finished;
    std::exception_ptr error_;
    std::uint32_t ready_incarnation_ = 1;  // the latest that was
    lowlevel::wait_list watchers_;
};

// Whoever follows the edges of the wait graph now has done so when this returns.
void await_walks_along_edges() noexcept;
// The cell's names are free again. Takes the registry's lock.
void free_names(actor_cell& cell) noexcept;
// Notes a dead letter of the cell.
void record_dead_letter(const actor_cell& cell, const message_type& type, dead_letter_reason why,
                        const std::exception_ptr& error) noexcept;

}  // namespace covey::detail
