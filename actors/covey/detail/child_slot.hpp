// SPDX-License-Identifier: BSL-1.0
#pragma once

// A logical child of a supervisor, through all its incarnations.
//
// What      slot is what the supervisor knows of a child; task_slot<F, A...> the typed half that
//           makes an incarnation out of prototypes (an actor's is in detail/actor_slot.hpp).
// Threads   run() in the incarnation's task. The groups of members say who touches them.
// Lifetime  Counted: by its supervisor's table, its incarnation, and those who wait for it.
// Invariant Prototypes go when the slot has ended for good, whoever still holds it: so a channel
//           closes when its last worker is done.

#include <covey/cancel_scope.hpp>
#include <covey/detail/counted.hpp>
#include <covey/detail/prototype.hpp>
#include <covey/lowlevel/block.hpp>
#include <covey/lowlevel/intrusive_list.hpp>
#include <covey/lowlevel/scope_note.hpp>
#include <covey/lowlevel/suspension.hpp>
#include <covey/supervisor_options.hpp>
#include <covey/task_status.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace covey::detail {

class supervisor_core;
class restart_window;

// Throws std::invalid_argument for a time that is negative, saying whose it is: kind and name.
void check_limit(const char* kind, std::string_view name, const char* option, duration length);

// A place among the slots that their supervisor has news of.
struct news_hook : lowlevel::list_hook {};

// Why a child is asked to stop.
enum class stop_purpose : std::uint8_t { none, for_good, restart_alone, group_restart };
// How far asking has come.
enum class stop_rung : std::uint8_t { none, asked, cancelled, pierced, unresponsive };

// How an incarnation ended.
struct child_outcome {
    enum class kind : std::uint8_t { returned, failed, stopped };
    kind how = kind::returned;
    bool was_ready = false;
    bool was_asked = false;  // to stop, before it ended; the manager may not have heard that yet
    verdict decided = verdict::restart;
    std::exception_ptr error = {};         // of the child
    std::exception_ptr policy_error = {};  // what decide() threw
};

class child_slot : public counted_object, public lowlevel::scope_note, public news_hook {
 public:
    // Makes one incarnation and runs it to its end, in its own task and scope. Calls became_ready()
    // if says_when_ready().
    virtual task<> run() = 0;
    [[nodiscard]] virtual bool says_when_ready() const noexcept = 0;
    virtual void drop_prototypes() noexcept = 0;

    // For actors. All in the manager's task, or in that of whoever closes the supervisor.
    virtual void stop_politely(bool /*for_good*/) noexcept {}  // beside the soft cancellation
    // It is down, and is started at `when`.
    virtual void before_restart(bool /*alone*/, std::uint64_t /*lowest*/,
                                time_point /*when*/) noexcept {}
    virtual void end_for_good(exit_reason, std::exception_ptr) noexcept {}

    // For run(): what started() is for others.
    void became_ready() noexcept;
    [[nodiscard]] bool is_asked_to_stop() const noexcept;

    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] child_info info() const;
    // For good: for the manager.
    [[nodiscard]] bool is_over() const noexcept {
        return state.load(lowlevel::order::relaxed) >= child_state::stopped;
    }

    // Constant once it is in the table.
    child_options options;
    std::string name;
    child_id id;
    supervisor_core* core = nullptr;  // whose table it is in: not counted

    // Written by the manager, read by anybody who looks.
    lowlevel::atomic<child_state> state{child_state::absent};
    lowlevel::atomic<std::uint64_t> incarnation{0};
    lowlevel::atomic<std::uint64_t> restarts{0};
    lowlevel::atomic<exit_reason> why{exit_reason::cancelled};  // the incarnation has to end

    // Supervisors open inside the incarnation, not counting those inside further children.
    lowlevel::atomic<std::uint32_t> mutable supervisors_inside{0};

    // The incarnation's own: what an actor's on_error said.
    verdict own_verdict = verdict::restart;

    // Guarded by the supervisor's lock: the news, and what the incarnation and its manager tell
    // each other.
    struct news {
        bool fresh = false;
        bool ready = false;
        bool stop = false;
        bool restart = false;
        bool abandon = false;  // who started it doesn't wait any more
        std::optional<child_outcome> ended;

        [[nodiscard]] bool any() const noexcept {
            return fresh || ready || stop || restart || abandon || ended;
        }
    } posted;
    stop_rung rung = stop_rung::none;
    std::optional<scope_handle> scope;    // of the incarnation, while it runs
    lowlevel::wait_list waiting;          // who wait for a readiness or the end
    std::uint64_t ready_incarnation = 0;  // the latest that was
    bool has_ended = false;               // for good
    std::exception_ptr start_error;       // why it was never ready

    // The manager's own.
    news heard;         // what it is about to act upon
    bool runs = false;  // its task is alive
    bool was_ever_ready = false;
    bool start_timed_out = false;
    bool pierce_is_due = false;  // held back for a supervisor inside
    stop_purpose purpose = stop_purpose::none;
    time_point asked_at = {};
    time_point deadline = time_point::max();  // of its state
    time_point ready_since = time_point::max();
    unsigned incidents_in_a_row = 0;
    std::uint64_t incident = 0;        // the one that it is restarted for
    restart_window* window = nullptr;  // owned; with budget_scope::child

 protected:
    child_slot(const child_options& chosen, std::string fallback_name);
    ~child_slot() override;
};

// Tells a slot that an incarnation of it is ready: by started(), or by its first suspension.
class ready_signal final : public start_slot<void>, public lowlevel::suspension_watch {
 public:
    explicit ready_signal(child_slot& child) noexcept;
    void publish() noexcept override;
    void suspended() noexcept override {
        publish();
        drop_reference();
    }

 private:
    ~ready_signal() override;
    [[nodiscard]] std::string child_name() const override { return child_->name; }
    counted_ref<child_slot> child_;
    counted_ref<supervisor_core> core_;  // a status may be kept for longer than the block
    std::uint64_t incarnation_;
};

template <class F, class... A>
inline constexpr bool takes_status = std::is_invocable_v<F&, task_status<void>, A...>;

// A callable and the prototypes of its arguments.
template <class F, class... A>
class task_slot final : public child_slot {
 public:
    template <class G, class... B>
    explicit task_slot(const child_options& chosen, G&& function, B&&... arguments)
        : child_slot(once_makes_temporary(chosen), pretty_function(callable_type_name<F>())) {
        kept_.emplace(std::forward<G>(function), std::forward<B>(arguments)...);
    }

    task<> run() override { return run_copy(*this, *kept_); }
    [[nodiscard]] bool says_when_ready() const noexcept override { return has_status; }
    void drop_prototypes() noexcept override { kept_.reset(); }

 private:
    using callable = given_by<F>;
    using prototypes = callable_and_arguments<F, A...>;
    static constexpr bool has_status = takes_status<callable, given_by<A>...>;

    static child_options once_makes_temporary(child_options chosen) {
        if constexpr (is_once<F> || (is_once<A> || ...)) chosen.restart = restart::temporary;
        return chosen;
    }

    // The copies live in this frame: as long as the incarnation, and no longer.
    static task<> run_copy(task_slot& self, prototypes& kept) {
        co_await stands_for_its_caller();
        callable function = incarnate(kept.function);
        std::tuple<given_by<A>...> arguments =
            std::apply([](auto&... each) { return std::tuple<given_by<A>...>(incarnate(each)...); },
                       kept.arguments);
        const auto call = [&](auto&&... status) -> decltype(auto) {
            return std::apply(
                [&](auto&... each) -> decltype(auto) {
                    return function(status..., std::move(each)...);
                },
                arguments);
        };
        if constexpr (has_status) {
            const task_status<void> status(start_slot_ref<void>(new ready_signal(self)));
            if constexpr (is_task<decltype(call(status))>)
                co_await call(status);
            else
                call(status);
        } else {
            if constexpr (is_task<decltype(call())>)
                co_await call();
            else
                call();
        }
    }

    std::optional<prototypes> kept_;
};

// Options stand first, or not at all.
template <class T>
inline constexpr bool is_child_options = std::is_same_v<std::remove_cvref_t<T>, child_options>;

// Whether fn(args...) can be a supervised child, with a message that gives the right spelling.
template <class F, class... A>
constexpr bool check_supervised() {
    using callable = std::decay_t<F>;
    static_assert(!awaitable<callable>,
                  "covey: a supervised child is started from a function and its arguments, not "
                  "from an awaitable: write start(options, worker, 1), not start(options, "
                  "worker(1))");
    static_assert(((is_repeatable<std::decay_t<A>> || is_once<std::decay_t<A>>) && ...),
                  "covey: every incarnation of a supervised child is given a copy or a clone() of "
                  "this argument, and it has neither: wrap it in covey::once(argument), which "
                  "makes the child temporary");
    static_assert(is_repeatable<callable> || is_once<callable>,
                  "covey: every incarnation of a supervised child is given a copy of the "
                  "function, and this one can't be copied: pass what it captures as arguments "
                  "(channel ends are cloned), or wrap it in covey::once(function)");
    if constexpr (!awaitable<callable>) {
        using called = given_by<callable>;
        constexpr bool with = std::is_invocable_v<called&, task_status<void>, given_by<A>...>;
        constexpr bool without = std::is_invocable_v<called&, given_by<A>...>;
        static_assert(with || without || !(is_child_options<A> || ...),
                      "covey: the options of a supervised child come first: write start(options, "
                      "worker, 1), or start(worker, 1) for the default ones");
        static_assert(with || without,
                      "covey: the function of a supervised child can't be called with these "
                      "arguments: they are passed as rvalues of their decayed types, with or "
                      "without a covey::task_status<void> first");
        if constexpr (with) {
            using returned = std::invoke_result_t<called&, task_status<void>, given_by<A>...>;
            static_assert(!awaitable<returned> || std::is_same_v<returned, task<void>>,
                          "covey: what a supervised child returns would be lost: return "
                          "covey::task<>, and send results through a channel");
        } else if constexpr (without) {
            using returned = std::invoke_result_t<called&, given_by<A>...>;
            static_assert(!awaitable<returned> || std::is_same_v<returned, task<void>>,
                          "covey: what a supervised child returns would be lost: return "
                          "covey::task<>, and send results through a channel");
            static_assert(!keeps_temporary<called, given_by<A>...>(),
                          "covey: a parameter of the coroutine refers to a temporary that is made "
                          "for the call and ends with it: pass the parameter's own type, e.g. "
                          "std::string(\"text\") for a const std::string&");
        }
        return with || without;
    } else {
        return false;
    }
}

}  // namespace covey::detail
