// SPDX-License-Identifier: BSL-1.0
#pragma once

// A supervisor: what it knows, and how it is told.
//
// What       The manager is one task that decides: it takes the news that others have posted, in
//            the order of the children's start, brings each child one step on, and waits for more
//            news or for the next deadline. It runs no user code and waits for no child alone.
// Invariants A slot has at most one incarnation. Once `closing` is logged nothing is started. An
//            error goes to one place: an incident's event, whoever called start(), or what the
//            block throws.
// Threads    News and what passes between an incarnation and its manager: lock_. The table and the
//            events: table_lock_, a leaf, held for a few links. The rest is the manager's own.
// Lock order lock_ -> the run's tree lock -> table_lock_. User code runs under none of them.
// Lifetime   Counted: by the block, handles, those who wait. After the block it answers, and
// refuses. Rejected   Deciding in the task of the child that ended: every child would need room and
// locks
//            for everybody's decisions, and two that end at once would see each other half done.

#include "restart_window.hpp"

#include <covey/detail/with_supervisor.hpp>
#include <covey/lowlevel/alarm.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/supervisor.hpp>

#include <deque>
#include <map>
#include <set>

namespace covey::detail {

// The events of a supervisor, the latest ones.
class event_log {
 public:
    explicit event_log(std::size_t most) : most_(most) {}
    void add(supervision_event event);
    [[nodiscard]] std::vector<supervision_event> copy() const {
        return {events_.begin(), events_.end()};
    }

 private:
    std::size_t most_;
    std::deque<supervision_event> events_;
};

class supervisor_core final : public counted_object, public lowlevel::scope_note {
 public:
    explicit supervisor_core(const kept_options& kept);

    // ---- The block.
    void open(nursery& children, scope_handle body);
    void leave_body(const std::exception_ptr& error) noexcept;
    // After the manager has ended: what the block throws, or null.
    [[nodiscard]] std::exception_ptr take_error() noexcept;
    void leave_outer_child() noexcept;
    // A cancellation of the scope has cut children off.
    [[nodiscard]] bool was_cut_short() const noexcept { return cut_short_; }
    [[nodiscard]] cancel_scope& scope() const noexcept { return *scope_; }

    // ---- Requests: any thread.
    void admit(child_slot& fresh);  // throws closed_nursery_error
    void abandon(child_slot& child) noexcept;
    void look_again(child_slot& child) noexcept;
    void request_stop(child_slot& child) noexcept;  // without waiting for it
    void request_stop_all(std::string_view reason) noexcept;
    [[nodiscard]] counted_ref<child_slot> find(child_id child) const noexcept;
    [[nodiscard]] std::vector<child_info> children() const;
    [[nodiscard]] std::vector<supervision_event> events() const;
    [[nodiscard]] lowlevel::mutex& lock() noexcept { return lock_; }
    [[nodiscard]] bool is_closing_locked() const noexcept { return refuses_; }
    void post_locked(child_slot& child) noexcept;
    void ring() noexcept { alarm_->ring(); }
    [[noreturn]] void throw_closing(const char* call) const;
    // Whether an error says nothing but that this supervisor is closing: a body that was starting
    // children when it was asked to stop hasn't failed.
    [[nodiscard]] bool is_about_closing(const std::exception_ptr& error) const;

    // ---- Incarnations.
    void child_ready(child_slot& child, std::uint64_t incarnation) noexcept;
    [[nodiscard]] std::exception_ptr enter_scope(child_slot& child, cancel_scope& own) noexcept;
    void child_ended(child_slot& child, child_outcome outcome) noexcept;
    [[nodiscard]] const supervisor_options& options() const noexcept { return options_; }
    [[nodiscard]] const runtime_core* run() const noexcept { return run_; }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] std::vector<std::string> details() const override;

 private:
    // A restart of several children, one_for_all or rest_for_one.
    struct group_restart {
        enum class phase : std::uint8_t { none, stopping, waiting, starting };
        phase now_in = phase::none;
        std::uint64_t lowest = 0;  // the set: every child from here on
        std::uint64_t cursor = 0;  // who is stopped or started now
        duration delay = duration::zero();
        time_point resume_at = {};
        std::uint64_t incident = 0;
    };
    using event = supervision_event::kind;

    ~supervisor_core() override;

    // ---- The manager: supervisor_manager.cpp.
    class managing;
    task<> manage();
    [[nodiscard]] bool take_a_turn();
    void take_news();
    void sort_heard() noexcept;
    void hear_news() noexcept;
    void forget_news() noexcept;
    template <class Step>
    void take_step(child_slot& child, Step step) noexcept;
    void enter_table(child_slot& fresh) noexcept;
    void hear_requests(child_slot& child, const child_slot::news& news);
    void start_incarnation(child_slot& child);
    void spawn_incarnation(child_slot& child);  // in child_slot.cpp
    void became_ready(child_slot& child);
    void has_ended(child_slot& child, child_outcome& outcome);
    void ended_as_asked(child_slot& child, child_outcome& outcome);
    void ended_by_itself(child_slot& child, child_outcome& outcome);
    void failed_by_itself(child_slot& child, child_outcome& outcome);
    void stop_for_good(child_slot& child);
    void restart_alone(child_slot& child);
    void fire_deadlines();
    void deadline_passed(child_slot& child);

    // ---- Restarting: supervisor_restart.cpp.
    void incident(child_slot& child, std::exception_ptr error);
    [[nodiscard]] bool joins_group_restart(const child_slot& child) const noexcept;
    void count_incident(child_slot& child) const noexcept;
    [[nodiscard]] bool budget_allows(child_slot& child);
    void back_off(child_slot& child, duration delay);
    void begin_group_restart(child_slot& child, duration delay);
    [[nodiscard]] bool step_group_restart();
    [[nodiscard]] bool stop_group();
    [[nodiscard]] bool start_group();
    void give_up(child_slot& child, std::exception_ptr error);

    // ---- Stopping and closing: supervisor_close.cpp.
    void ask_to_stop(child_slot& child, stop_purpose purpose, stop_rung first = stop_rung::asked);
    void climb(child_slot& child);
    [[nodiscard]] static bool leaves_time_to_supervisors(const child_slot& child) noexcept;
    [[nodiscard]] stop_rung rung_of(child_slot& child) noexcept;
    enum class body_ends : bool { when_asked, at_once };
    void begin_close(body_ends how);
    void fail(std::exception_ptr error);
    void stop_body(body_ends how);
    void climb_for_body();
    void close_deadline_passed();
    void step_close();
    [[nodiscard]] bool should_close() const noexcept;
    [[nodiscard]] bool is_done() noexcept;
    void end_slot(child_slot& child, child_state state, exit_reason reason,
                  std::exception_ptr error) noexcept;
    void keep_error(std::exception_ptr error) noexcept;
    void end_waiters(child_slot& child, bool for_good) noexcept;
    void remember(const child_slot& child, const std::exception_ptr& error) noexcept;
    void report_unresponsive(const child_slot& child);
    void survive_defect(std::exception_ptr defect) noexcept;

    void set_deadline(child_slot& child, time_point when);
    void set_state(child_slot& child, child_state state) noexcept;
    // Without memory the event is lost, and nothing else.
    void log(event what, const child_slot* child, std::exception_ptr error = {},
             duration delay = duration::zero()) noexcept;
    [[nodiscard]] time_point next_deadline() const noexcept;
    [[nodiscard]] child_slot* highest_running(std::uint64_t from, std::uint64_t to) const noexcept;
    [[nodiscard]] std::vector<counted_ref<child_slot>> all_slots() const;

    // Constant after open().
    const supervisor_options options_;
    const std::string name_;
    const runtime_core* run_ = nullptr;
    nursery* nursery_ = nullptr;
    cancel_scope* scope_ = nullptr;
    bool is_managed_ = false;                  // the manager has been started
    const child_slot* outer_child_ = nullptr;  // of another supervisor, in which this one is open
    std::optional<lowlevel::alarm> alarm_;
    std::optional<scope_handle> body_;

    // Guarded by lock_.
    lowlevel::mutex lock_;
    using news_list = lowlevel::intrusive_list<child_slot, news_hook>;
    news_list posted_;  // each counted
    news_list heard_;   // the same; the manager goes through it without the lock
    std::map<std::uint64_t, counted_ref<child_slot>> admitted_;  // until they are in the table
    bool refuses_ = false;
    bool stop_all_ = false;
    std::string stop_all_reason_;
    bool body_ended_ = false;
    std::exception_ptr body_error_;
    std::uint64_t next_id_ = 1;

    // Guarded by table_lock_; the manager alone changes the table, and may read it without.
    lowlevel::spin_lock mutable table_lock_;
    std::map<std::uint64_t, counted_ref<child_slot>> table_;

    // Guarded by log_lock_, a leaf as well.
    lowlevel::mutex mutable log_lock_;
    event_log log_;

    // The manager's own.
    std::set<std::pair<time_point, std::uint64_t>> deadlines_;  // of slots
    std::deque<std::uint64_t> ended_;  // slots in the table that have ended for good
    std::size_t living_ = 0;           // slots that have not
    std::size_t significant_living_ = 0;
    std::size_t significant_ended_ = 0;
    restart_window window_;
    group_restart group_;
    std::uint64_t incidents_ = 0;
    time_point close_by_ = time_point::max();
    time_point body_deadline_ = time_point::max();
    stop_rung body_rung_ = stop_rung::none;
    std::string close_reason_ = "its supervisor closes";
    std::uint64_t close_cursor_ = ~std::uint64_t{0};
    time_point body_asked_at_ = {};
    bool heard_body_end_ = false;
    bool closing_ = false;
    bool has_defect_ = false;  // it has had no memory, say: no order is kept any more
    bool cut_short_ = false;
    bool gave_up_ = false;
    std::string exceeded_;  // by what it gave up: "more than 5 restarts in 30 s"
    bool primary_is_of_body_ = false;
    std::exception_ptr primary_;  // why it failed
    std::vector<std::exception_ptr> close_errors_;
    std::deque<supervisor_gave_up::failure> failures_;  // the latest incidents
    std::uint64_t failures_dropped_ = 0;
};

}  // namespace covey::detail
