// SPDX-License-Identifier: BSL-1.0
//
// One logical child: what it is called, and the life of one incarnation.

#include "supervisor_core.hpp"

#include <covey/lowlevel/fault_point.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace covey::detail {

void check_limit(const char* kind, std::string_view name, const char* option, duration length) {
    if (length >= duration::zero()) return;
    throw std::invalid_argument(fmt::format("covey: {} '{}': {} is {:.9g} s, and can't be negative",
                                            kind, name, option,
                                            std::chrono::duration<double>(length).count()));
}

child_slot::child_slot(const child_options& chosen, std::string fallback_name)
    : options(chosen),
      name(chosen.name.empty() ? std::move(fallback_name) : std::string(chosen.name)) {
    options.name = {};  // it belongs to the caller
    check_limit("child", name, "child_options::start_limit", options.start_limit);
    check_limit("child", name, "child_options::grace", options.grace);
    check_limit("child", name, "child_options::hard", options.hard);
    constexpr unsigned most = 0xffff;
    if (chosen.max_deliveries < 1 || chosen.max_deliveries > most) {
        throw std::invalid_argument(fmt::format(
            "covey: child '{}': child_options::max_deliveries is {}, and has to be from 1 to {}: a "
            "message is delivered at least once",
            name, chosen.max_deliveries, most));
    }
}

child_slot::~child_slot() { delete window; }

void child_slot::became_ready() noexcept {
    core->child_ready(*this, incarnation.load(lowlevel::order::relaxed));
}

bool child_slot::is_asked_to_stop() const noexcept {
    const lowlevel::mutex_guard held(core->lock());
    return rung != stop_rung::none;
}

ready_signal::ready_signal(child_slot& child) noexcept
    : child_(counted_ref<child_slot>::to(child)),
      core_(counted_ref<supervisor_core>::to(*child.core)),
      incarnation_(child.incarnation.load(lowlevel::order::relaxed)) {}

ready_signal::~ready_signal() = default;

void ready_signal::publish() noexcept { core_->child_ready(*child_, incarnation_); }

child_info child_slot::info() const {
    using lowlevel::order;
    return {id, name, state.load(order::relaxed), incarnation.load(order::relaxed),
            restarts.load(order::relaxed)};
}

std::string child_slot::describe() const {
    const child_info now = info();
    return fmt::format("child '{}', {}, incarnation {}, {} {}", now.name, to_string(now.state),
                       now.incarnation, now.restarts, now.restarts == 1 ? "restart" : "restarts");
}

namespace {

// What the child and then the supervisor's options say about an error; what that throws, too.
void decide(const child_slot& child, child_outcome& outcome) noexcept {
    outcome.decided = child.own_verdict;
    const auto ask = child.core->options().decide;
    if (ask == nullptr || outcome.how != child_outcome::kind::failed) return;
    if (outcome.decided != verdict::restart) return;
    try {
        lowlevel::fault_point();
        outcome.decided = ask(child.info(), outcome.error);
    } catch (...) {
        outcome.policy_error = std::current_exception();
    }
}

// Tells the manager of the end, also when there was no memory to begin.
class ending {
 public:
    explicit ending(counted_ref<child_slot> child) noexcept : child_(std::move(child)) {}
    ending(ending&&) noexcept = default;
    ending& operator=(ending&&) = delete;
    ~ending() {
        if (child_) child_->core->child_ended(*child_, std::move(outcome));
    }
    [[nodiscard]] child_slot& child() const noexcept { return *child_; }
    [[nodiscard]] explicit operator bool() const noexcept { return bool(child_); }

    child_outcome outcome{.how = child_outcome::kind::stopped};

 private:
    counted_ref<child_slot> child_;
};

// The first suspension of the calling task makes the child ready. Null: it says so itself.
counted_ref<ready_signal> watch_first_turn(child_slot& child,
                                           std::exception_ptr& trouble) noexcept {
    if (child.says_when_ready()) return {};
    try {
        counted_ref<ready_signal> watch(new ready_signal(child));
        watch->add_reference();  // the watch's own
        lowlevel::watch_suspension(*watch);
        return watch;
    } catch (...) {
        trouble = std::current_exception();
        return {};
    }
}

// Whether the task has been suspended since.
bool was_suspended(ready_signal& watch) noexcept {
    if (!lowlevel::end_suspension_watch(watch)) return true;
    watch.drop_reference();
    return false;
}

// In a scope of its own, which an outer cancellation doesn't enter: the manager turns that into
// stops, in order. When the outcome is posted, everything of the user's is gone.
task<> run_to_the_end(ending end) {
    co_await stands_for_its_caller();
    child_slot& child = end.child();
    scope_block own({.shield = true, .note = &child, .yielding = true});
    std::exception_ptr trouble = child.core->enter_scope(child, own.scope());
    const counted_ref<ready_signal> watch = watch_first_turn(child, trouble);

    settled<void> result;
    co_await settle(result, [&] {
        if (trouble) std::rethrow_exception(trouble);
        return child.run();
    });
    if (watch) {
        const bool suspended = was_suspended(*watch);
        end.outcome.was_ready = suspended || (!result.error && !result.stopped);
    }
    static_cast<void>(own.leave(result.stopped));

    if (result.error)
        end.outcome.how = child_outcome::kind::failed;
    else if (!result.stopped)
        end.outcome.how = child_outcome::kind::returned;
    end.outcome.error = std::move(result.error);
    decide(child, end.outcome);
}

}  // namespace

void supervisor_core::spawn_incarnation(child_slot& child) {
    ending end(counted_ref<child_slot>::to(child));
    try {
        nursery_->start_soon({.name = child.name}, &run_to_the_end, std::move(end));
    } catch (...) {
        if (!end) throw;  // it has been told, but not why
        end.outcome.how = child_outcome::kind::failed;
        end.outcome.error = std::current_exception();
    }
}

}  // namespace covey::detail
