// SPDX-License-Identifier: BSL-1.0
//
// What others do to a supervisor: its block, requests from any thread, and the log.

#include "supervisor_core.hpp"

#include <covey/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::mutex_guard;

void event_log::add(supervision_event event) {
    if (most_ == 0) return;
    if (events_.size() == most_) events_.pop_front();
    events_.push_back(std::move(event));
}

// What the manager's task calls. Its frame is made here: children wait for the manager's word, so
// once there is a task, nothing may be missing when it begins.
class supervisor_core::managing {
 public:
    explicit managing(supervisor_core& core)
        : core_(counted_ref<supervisor_core>::to(core)), frame_(core.manage()) {}
    task<> operator()() noexcept { return std::move(frame_); }

 private:
    counted_ref<supervisor_core> core_;
    task<> frame_;
};

supervisor_core::supervisor_core(const kept_options& kept)
    : options_(kept.options),
      name_(kept.name.empty() ? task_name(current_task("with_supervisor")) : kept.name),
      log_(kept.options.history),
      window_(kept.options.intensity, kept.options.period) {
    check_backoff(options_.backoff, name_);
    check_limit("supervisor", name_, "supervisor_options::period", options_.period);
    check_limit("supervisor", name_, "supervisor_options::close_deadline", options_.close_deadline);
}

supervisor_core::~supervisor_core() {
    posted_.splice_back(heard_);
    while (child_slot* unheard = posted_.pop_front()) unheard->drop_reference();
}

void supervisor_core::open(nursery& children, scope_handle body) {
    run_ = current_task("with_supervisor").core;
    nursery_ = &children;
    scope_ = &children.scope();
    body_.emplace(std::move(body));
    alarm_.emplace();
    if (options_.intensity != 0 && options_.backoff.first > options_.period / options_.intensity)
        log(event::unreachable_budget, nullptr);
    children.start_soon({.name = "supervisor's manager"}, managing(*this));
    is_managed_ = true;
    outer_child_ = lowlevel::enclosing_note<child_slot>();
    if (outer_child_ != nullptr)
        outer_child_->supervisors_inside.fetch_add(1, lowlevel::order::relaxed);
}

void supervisor_core::leave_body(const std::exception_ptr& error) noexcept {
    if (!is_managed_) {  // there was no memory for the manager, and the body didn't run
        primary_ = error;
        return;
    }
    const mutex_guard held(lock_);
    body_ended_ = true;
    body_error_ = error;
    ring();
}

// The supervisor around may have waited for this one before it pierces its child.
void supervisor_core::leave_outer_child() noexcept {
    if (outer_child_ == nullptr) return;
    auto& child = const_cast<child_slot&>(*outer_child_);  // only notes are const
    child.supervisors_inside.fetch_sub(1, lowlevel::order::relaxed);
    child.core->look_again(child);
}

// ---- Requests

namespace {

// Of a call to a closing supervisor.
class closing_error final : public closed_nursery_error {
 public:
    closing_error(const std::string& what, const supervisor_core& closing)
        : closed_nursery_error(what), of(&closing) {}
    const supervisor_core* of;
};

// Whether nothing is wrong but that this supervisor is closing.
bool says_only_that_it_closes(const std::exception_ptr& error, const supervisor_core& closing) {
    if (const auto* group = error_as<exception_group>(error)) {
        const auto errors = group->exceptions();
        return std::all_of(errors.begin(), errors.end(), [&](const std::exception_ptr& each) {
            return says_only_that_it_closes(each, closing);
        });
    }
    const auto* told = error_as<closing_error>(error);
    return told != nullptr && told->of == &closing;
}

}  // namespace

bool supervisor_core::is_about_closing(const std::exception_ptr& error) const {
    return says_only_that_it_closes(error, *this);
}

void supervisor_core::throw_closing(const char* call) const {
    throw closing_error(
        fmt::format(
            "{} in supervisor '{}', which is closing: no child is started, stopped or restarted by "
            "hand any more",
            call, name_),
        *this);
}

void supervisor_core::post_locked(child_slot& child) noexcept {
    if (!child.news_hook::is_linked()) {
        child.add_reference();
        posted_.push_back(child);
    }
    ring();
}

void supervisor_core::admit(child_slot& fresh) {
    const mutex_guard held(lock_);
    if (refuses_) throw_closing("start");
    admitted_.emplace(next_id_, counted_ref<child_slot>::to(fresh));
    fresh.core = this;
    fresh.id = {next_id_++};
    fresh.posted.fresh = true;
    post_locked(fresh);
}

void supervisor_core::abandon(child_slot& child) noexcept {
    const mutex_guard held(lock_);
    if (child.has_ended) return;
    child.posted.abandon = true;
    post_locked(child);
}

void supervisor_core::look_again(child_slot& child) noexcept {
    const mutex_guard held(lock_);
    if (child.rung != stop_rung::none) post_locked(child);
}

void supervisor_core::request_stop(child_slot& child) noexcept {
    const mutex_guard held(lock_);
    if (child.has_ended || refuses_) return;  // it ends, or has
    child.posted.stop = true;
    post_locked(child);
}

void supervisor_core::request_stop_all(std::string_view reason) noexcept {
    const mutex_guard held(lock_);
    if (refuses_ || stop_all_) return;
    try {
        stop_all_reason_ = reason;
    } catch (...) {  // no memory for words: closing goes before telling why
    }
    stop_all_ = true;
    ring();
}

counted_ref<child_slot> supervisor_core::find(child_id child) const noexcept {
    const locked held(table_lock_);
    const auto found = table_.find(child.value);
    return found == table_.end() ? counted_ref<child_slot>() : found->second;
}

// The room is made before the lock is taken: it is held for a few copies of pointers only.
std::vector<counted_ref<child_slot>> supervisor_core::all_slots() const {
    std::vector<counted_ref<child_slot>> result;
    for (std::size_t needed = 16;;) {
        result.reserve(needed);
        const locked held(table_lock_);
        needed = table_.size();
        if (needed > result.capacity()) continue;
        for (const auto& [id, child] : table_) result.push_back(child);
        return result;
    }
}

std::vector<child_info> supervisor_core::children() const {
    std::vector<child_info> result;
    for (const counted_ref<child_slot>& child : all_slots()) result.push_back(child->info());
    return result;
}

std::vector<supervision_event> supervisor_core::events() const {
    const mutex_guard held(log_lock_);
    return log_.copy();
}

// ---- Incarnations

void supervisor_core::child_ready(child_slot& child, std::uint64_t incarnation) noexcept {
    const mutex_guard held(lock_);
    if (child.has_ended || incarnation != child.incarnation.load(lowlevel::order::relaxed)) return;
    child.posted.ready = true;
    post_locked(child);
}

// The incarnation has a scope from here on; it may have been asked to stop before.
std::exception_ptr supervisor_core::enter_scope(child_slot& child, cancel_scope& own) noexcept {
    try {
        stop_rung rung = stop_rung::none;
        {
            scope_handle handle = own.handle();
            const mutex_guard held(lock_);
            child.scope.emplace(std::move(handle));
            rung = child.rung;
        }
        if (rung >= stop_rung::asked) own.soft_cancel("stopped by its supervisor");
        if (rung >= stop_rung::cancelled) own.cancel("stopped by its supervisor");
        if (rung >= stop_rung::pierced) own.pierce();
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
}

void supervisor_core::child_ended(child_slot& child, child_outcome outcome) noexcept {
    std::optional<scope_handle> handle;  // its last reference goes when no lock is held
    const mutex_guard held(lock_);
    handle.swap(child.scope);
    if (outcome.was_ready) child.posted.ready = true;
    outcome.was_asked = child.posted.stop || child.posted.abandon;
    child.posted.ended = std::move(outcome);
    post_locked(child);
}

// ---- What it looks like

void supervisor_core::log(event what, const child_slot* child, std::exception_ptr error,
                          duration delay) noexcept try {
    supervision_event entry{.at = now(), .what = what, .name = child ? child->name : name_};
    if (child != nullptr) {
        entry.child = child->id;
        entry.incarnation = child->incarnation.load(lowlevel::order::relaxed);
        entry.incident = child->incident;
    }
    entry.error = std::move(error);
    entry.delay = delay;
    const mutex_guard held(log_lock_);
    log_.add(std::move(entry));
} catch (...) {
}

std::string supervisor_core::describe() const {
    std::size_t children = 0;
    {
        const locked held(table_lock_);
        children = table_.size();
    }
    constexpr const char* strategies[] = {"one_for_one", "one_for_all", "rest_for_one"};
    return fmt::format("supervisor '{}', {}, {} {}", name_,
                       strategies[static_cast<std::size_t>(options_.strategy)], children,
                       children == 1 ? "child" : "children");
}

// The children that no task stands for at the moment.
std::vector<std::string> supervisor_core::details() const {
    std::vector<std::string> lines;
    for (const counted_ref<child_slot>& child : all_slots()) {
        const child_info info = child->info();
        switch (info.state) {
            case child_state::absent:
            case child_state::down:
            case child_state::backoff:
                lines.push_back(fmt::format("child '{}': {}, {} {}", info.name,
                                            to_string(info.state), info.restarts,
                                            info.restarts == 1 ? "restart" : "restarts"));
                break;
            default: break;
        }
    }
    return lines;
}

// ---- The block's end

namespace {

bool is_start_failure(const std::exception_ptr& error) {
    return error_as<start_failed_error>(error) != nullptr;
}

// The same failure with what went wrong afterwards.
std::exception_ptr with_more(const std::exception_ptr& failure,
                             const std::vector<std::exception_ptr>& more) {
    const auto* told = error_as<start_failed_error>(failure);
    const auto cause = told->exceptions();
    std::vector<std::exception_ptr> errors(cause.begin(), cause.end());
    errors.insert(errors.end(), more.begin(), more.end());
    return std::make_exception_ptr(start_failed_error(told->child(), std::move(errors)));
}

}  // namespace

std::exception_ptr supervisor_core::take_error() noexcept {
    std::exception_ptr first = primary_;
    if (!first && !close_errors_.empty()) first = close_errors_.front();
    if (!first) return nullptr;
    try {
        if (primary_is_of_body_ && is_start_failure(primary_))
            return close_errors_.empty() ? primary_ : with_more(primary_, close_errors_);
        std::vector<std::exception_ptr> errors;
        if (primary_) errors.push_back(primary_);
        if (gave_up_) {
            for (std::size_t i = 1; i < failures_.size(); ++i)
                if (failures_[i].error) errors.push_back(failures_[i].error);
        }
        errors.insert(errors.end(), close_errors_.begin(), close_errors_.end());
        if (!gave_up_) {
            return std::make_exception_ptr(
                exception_group(fmt::format("supervisor '{}'", name_), std::move(errors)));
        }
        return std::make_exception_ptr(supervisor_gave_up(
            fmt::format("supervisor '{}' gave up: {}", name_, exceeded_), std::move(errors),
            {failures_.begin(), failures_.end()}, failures_dropped_));
    } catch (...) {  // without memory for a group, the error that came first stands for all
        return first;
    }
}

}  // namespace covey::detail
