// SPDX-License-Identifier: BSL-1.0
//
// The public side: the block, and the calls that wait.

#include "supervisor_core.hpp"

#include <covey/checkpoint.hpp>
#include <covey/error.hpp>

#include <fmt/format.h>

#include <iterator>
#include <stdexcept>
#include <utility>

namespace covey {

namespace detail {

namespace {

constexpr lowlevel::wait_traits waits_for_child{"a child of its supervisor"};
constexpr lowlevel::wait_traits waits_for_end{"the end of a child of its supervisor", false};

}  // namespace

// ---- Requests

supervisor_access::supervisor_access(supervisor_core& core) noexcept : core_(&core) {
    core.add_reference();
}
supervisor_access::supervisor_access(const supervisor_access& other) noexcept
    : supervisor_access(*other.core_) {}
supervisor_access& supervisor_access::operator=(const supervisor_access& other) noexcept {
    other.core_->add_reference();
    std::exchange(core_, other.core_)->drop_reference();
    return *this;
}
supervisor_access::~supervisor_access() { core_->drop_reference(); }

slot_wait supervisor_access::stop(child_id child) const {
    return {counted_ref<supervisor_core>::to(*core_), core_->find(child), slot_wait::goal::stopped};
}

slot_wait supervisor_access::restart(child_id child) const {
    return {counted_ref<supervisor_core>::to(*core_), core_->find(child),
            slot_wait::goal::restarted};
}

std::vector<child_info> supervisor_access::children() const { return core_->children(); }
std::vector<supervision_event> supervisor_access::events() const { return core_->events(); }
void supervisor_access::stop_all(std::string_view reason) const noexcept {
    core_->request_stop_all(reason);
}

namespace {

task<child_id> start_and_wait(counted_ref<supervisor_core> core, counted_ref<child_slot> child) {
    co_await stands_for_its_caller();
    co_await checkpoint_if_cancelled();
    auto until_ready = await_in_task(slot_wait(core, child, slot_wait::goal::ready));
    core->admit(*child);  // from here on it runs, and somebody has to wait for it
    settled<void> waited;
    co_await settle(waited, [&] { return std::move(until_ready); });
    if (waited.stopped) {
        core->abandon(*child);
        co_await slot_wait(core, child, slot_wait::goal::ended);
        co_await pass_stop_on();
    }
    waited.rethrow_error();

    std::exception_ptr error;
    bool closing = false;
    {
        const lowlevel::mutex_guard held(core->lock());
        if (child->ready_incarnation != 0) co_return child->id;
        error = std::exchange(child->start_error, nullptr);
        closing = core->is_closing_locked();
    }
    if (error) throw start_failed_error(child->name, {error});
    if (!closing) {
        throw closed_nursery_error(
            fmt::format("child '{}' was stopped before it was ready", child->name));
    }
    core->throw_closing(fmt::format("start of child '{}'", child->name).c_str());
}

}  // namespace

task<child_id> start_supervised(supervisor_core& core, counted_ref<child_slot> child) {
    return start_and_wait(counted_ref<supervisor_core>::to(core), std::move(child));
}

namespace {

task<> start_without_id(counted_ref<supervisor_core> core, counted_ref<child_slot> child) {
    co_await stands_for_its_caller();
    static_cast<void>(co_await start_and_wait(std::move(core), std::move(child)));
}

}  // namespace

task<> start_slot_in(const supervisor_access& owner, counted_ref<child_slot> child) {
    return start_without_id(counted_ref<supervisor_core>::to(*owner.core_), std::move(child));
}

// ---- Waiting for a child

slot_wait::slot_wait(counted_ref<supervisor_core> core, counted_ref<child_slot> child,
                     goal wanted) noexcept
    : core_(std::move(core)), child_(std::move(child)), goal_(wanted) {}

const lowlevel::wait_traits& slot_wait::traits() const noexcept {
    return goal_ == goal::ended ? waits_for_end : waits_for_child;
}

slot_wait::slot_wait(slot_wait&& other) noexcept
    : wait_operation(std::move(other)),
      core_(std::move(other.core_)),
      child_(std::move(other.child_)),
      goal_(other.goal_),
      incarnation_(other.incarnation_) {}

slot_wait::~slot_wait() = default;

// A child that waits for its own end would wait for ever.
bool slot_wait::await_ready() {
    if (child_ && (goal_ == goal::stopped || goal_ == goal::restarted)) {
        const bool is_inside = lowlevel::enclosing_note<child_slot>([this](const child_slot& each) {
                                   return &each == child_.get();
                               }) != nullptr;
        if (is_inside) {
            throw would_deadlock_error(fmt::format(
                "child '{}' asks its supervisor to {} it and would wait for its own end: return, "
                "or cancel current_scope()",
                child_->name, goal_ == goal::stopped ? "stop" : "restart"));
        }
    }
    return wait_operation::await_ready();
}

void slot_wait::lock() noexcept { core_->lock().lock(); }
void slot_wait::unlock() noexcept { core_->lock().unlock(); }

bool slot_wait::try_now() {
    if (!child_) {
        if (goal_ != goal::restarted) return true;
        if (core_->is_closing_locked()) core_->throw_closing("restart");
        throw std::logic_error(
            "restart of a child that its supervisor doesn't know any more: it has ended for good, "
            "start() it anew");
    }
    if (goal_ == goal::stopped || goal_ == goal::restarted) {
        if (child_->has_ended && goal_ == goal::stopped) return true;
        if (core_->is_closing_locked())
            core_->throw_closing(goal_ == goal::stopped ? "stop" : "restart");
        if (child_->has_ended) {
            throw std::logic_error(
                fmt::format("child '{}' has ended for good and can't be restarted: start() it anew",
                            child_->name));
        }
        if (goal_ == goal::restarted && child_->options.restart == covey::restart::temporary) {
            throw std::logic_error(fmt::format(
                "child '{}' is temporary and can't be restarted: start() it anew", child_->name));
        }
        incarnation_ = child_->incarnation.load(lowlevel::order::relaxed) + 1;
        (goal_ == goal::stopped ? child_->posted.stop : child_->posted.restart) = true;
        core_->post_locked(*child_);
        return false;
    }
    return is_over_locked();
}

bool slot_wait::is_over_locked() const noexcept {
    if (child_->has_ended) return true;
    const bool waits_for_readiness = goal_ == goal::ready || goal_ == goal::restarted;
    return waits_for_readiness && child_->ready_incarnation >= incarnation_;
}

void slot_wait::link() noexcept { child_->waiting.push_back(node()); }
void slot_wait::unlink() noexcept { node().leave(child_->waiting); }

void slot_wait::await_resume() const {
    if (goal_ != goal::restarted || !child_) return;
    const lowlevel::mutex_guard held(core_->lock());
    if (child_->ready_incarnation >= incarnation_) return;
    throw closed_nursery_error(
        fmt::format("child '{}' ended for good instead of being restarted", child_->name));
}

// ---- The block

supervisor_block::supervisor_block(const kept_options& kept)
    : core_(new supervisor_core(kept)), supervisor_(*core_) {}

supervisor_block::~supervisor_block() = default;

void supervisor_block::open() { nursery_.open(core_.get()); }

void supervisor_block::enter_body(cancel_scope& body) {
    core_->open(nursery_.get(), body.handle());
}

void supervisor_block::leave_body(const std::exception_ptr& error) noexcept {
    core_->leave_body(error);
}

// What cut children off counts as a stop of the block only if it was a cancellation: a supervisor
// that was merely asked to stop has done so.
supervisor_ending supervisor_block::leave(bool body_stopped) noexcept {
    core_->leave_outer_child();
    const bool is_cancelled = current_effective_deadline() == time_point::min();
    const block_ending ending =
        nursery_.leave(body_stopped || (core_->was_cut_short() && is_cancelled));
    supervisor_ending result;
    result.error = core_->take_error();
    if (!result.error) result.error = ending.errors;  // no memory for a child's frame
    result.pass_on = ending.pass_on;
    return result;
}

}  // namespace detail

cancel_scope& supervisor::scope() const noexcept { return core_->scope(); }
supervisor_handle supervisor::handle() const noexcept { return supervisor_handle(*core_); }

start_failed_error::start_failed_error(std::string_view child,
                                       std::vector<std::exception_ptr> errors)
    : exception_group(fmt::format("child '{}' ended before it was ready", child),
                      std::move(errors)),
      name_(new name(child)) {}

supervisor_gave_up::supervisor_gave_up(std::string_view what,
                                       std::vector<std::exception_ptr> errors,
                                       std::vector<failure> failures, std::uint64_t dropped)
    : exception_group(what, std::move(errors)), story_(new story()) {
    story_->failures = std::move(failures);
    story_->dropped = dropped;
}

const char* to_string(child_state state) noexcept {
    constexpr const char* names[] = {"absent",  "starting", "running",   "stopping", "down",
                                     "backoff", "stopped",  "completed", "removed"};
    const auto index = static_cast<std::size_t>(state);
    return index < std::size(names) ? names[index] : "unknown";
}

const char* to_string(supervision_event::kind what) noexcept {
    constexpr const char* names[] = {"unreachable_budget",
                                     "start",
                                     "ready",
                                     "start_failed",
                                     "completed",
                                     "incident",
                                     "joined",
                                     "forgotten",
                                     "backoff",
                                     "asked_to_stop",
                                     "cancelled",
                                     "pierced",
                                     "unresponsive",
                                     "stopped",
                                     "went_down",
                                     "failed_to_stop",
                                     "gave_up",
                                     "escalated",
                                     "closing",
                                     "close_deadline",
                                     "closed"};
    const auto index = static_cast<std::size_t>(what);
    return index < std::size(names) ? names[index] : "unknown";
}

const char* to_string(exit_reason reason) noexcept {
    constexpr const char* names[] = {"finished", "stopped",   "restarting",
                                     "failed",   "cancelled", "gave_up"};
    const auto index = static_cast<std::size_t>(reason);
    return index < std::size(names) ? names[index] : "unknown";
}

std::string to_string(const supervision_event& event) {
    const double seconds = static_cast<double>(event.at.time_since_epoch().count()) / 1e9;
    std::string text = fmt::format("{:.6g} s: {} '{}'", seconds, to_string(event.what), event.name);
    if (event.child.value != 0)
        text += fmt::format(" #{}, incarnation {}", event.child.value, event.incarnation);
    if (event.delay != duration::zero())
        text += fmt::format(", {:.6g} s", static_cast<double>(event.delay.count()) / 1e9);
    if (!event.error) return text;
    try {
        std::rethrow_exception(event.error);
    } catch (const std::exception& known) {
        return text + ": " + known.what();
    } catch (...) {
        return text + ": an error that is no std::exception";
    }
}

}  // namespace covey
