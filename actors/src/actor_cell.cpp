// SPDX-License-Identifier: BSL-1.0
#include "actor_cell.hpp"

#include <covey/detail/child_slot.hpp>
#include <covey/lowlevel/assert.hpp>
#include <covey/lowlevel/block.hpp>
#include <covey/nursery.hpp>

#include <fmt/format.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::order;

namespace {

lowlevel::atomic<std::uint64_t> last_id{0};

constexpr lowlevel::wait_traits waits_for_down{"actor to end"};
constexpr lowlevel::wait_traits waits_for_restart{"actor to be restarted"};

}  // namespace

void cell_ref::throw_none(const char* attempt) {
    throw std::logic_error(
        fmt::format("covey: '{}' on an actor_ref without an actor: it was moved from, or never "
                    "set; use the one "
                    "that it was moved to, or set it first",
                    attempt));
}

actor_cell& cell_ref::operator*() const noexcept { return static_cast<actor_cell&>(*cell_); }

cell_ref make_cell(const actor_type& type, const child_options& options) {
    cell_ref cell(counted_ref<actor_cell_base>(new actor_cell(type, options)));
    if (options.grace < duration::zero() || options.hard < duration::zero()) {
        check_limit("actor", cell->name(), "child_options::grace", options.grace);
        check_limit("actor", cell->name(), "child_options::hard", options.hard);
    }
    return cell;
}

const actor_type& type_of(const actor_cell& cell) noexcept { return cell.type(); }
const std::string& name_of(const actor_cell& cell) { return cell.name(); }
std::uint32_t current_incarnation(const actor_cell& cell) noexcept { return cell.incarnation(); }

actor_cell::actor_cell(const actor_type& type, const child_options& options)
    : box_(options.mailbox, options.overflow),
      type_(type),
      id_{last_id.fetch_add(1, order::relaxed) + 1},
      name_(options.name.empty() ? nullptr : new std::string(options.name)),
      grace_(options.grace),
      hard_(options.hard),
      on_restart_(options.on_restart),
      on_stop_(options.on_stop),
      rejects_while_down_(options.reject_while_down),
      asks_owner_(rejects_while_down_ || on_restart_ == covey::on_restart::epoch) {}

actor_cell::~actor_cell() {
    if (was_asked_.load(order::relaxed)) await_walks_along_edges();
    delete name_.load(order::relaxed);
}

const std::string& actor_cell::name() const {
    if (const std::string* known = name_.load(order::acquire)) return *known;
    auto made = std::make_unique<const std::string>(
        fmt::format("{}#{}", readable_type(type_.name()), id_.value));
    const std::string* known = nullptr;
    if (name_.compare_exchange(known, made.get(), order::acq_rel, order::acquire))
        return *made.release();
    return *known;
}

actor_statistics actor_cell::statistics() const {
    actor_statistics result;
    static_cast<channel_statistics&>(result) = box_.statistics();
    result.handled = handled_.load(order::relaxed);
    result.returned = returned_.load(order::relaxed);
    result.abandoned = abandoned_.load(order::relaxed);
    result.dead_letters = dead_.load(order::relaxed);
    const std::uint64_t withdrawn = withdrawn_.load(order::relaxed);
    result.accepted = accepted_.load(order::relaxed) - withdrawn;
    // What was taken out and has not ended; a reading that others change meanwhile may be off.
    const std::uint64_t elsewhere =
        result.handled + result.returned + result.dead_letters + result.current_buffer_used;
    result.in_progress = result.accepted > elsewhere ? result.accepted - elsewhere : 0;
    result.incarnation = incarnation();
    return result;
}

std::size_t actor_cell::queued() const { return box_.count(); }

void actor_cell::check_stamp(envelope& message) const {
    if (message.only_incarnation != 0 && message.only_incarnation != incarnation()) {
        throw actor_stopped_error(
            fmt::format("incarnation {} of actor '{}' is over: an incarnation_ref addresses no "
                        "other; an actor_ref addresses the actor as long as it is restarted",
                        message.only_incarnation, name()));
    }
    if (asks_owner_) ask_owner(message);
}

void actor_cell::ask_owner(envelope& message) const {
    std::optional<duration> down_for;
    {
        const mutex_guard held(lock_);
        if (owner_ == nullptr || state_ != state::open) return;
        message.sender = owner_->tag_of_sender();
        if (rejects_while_down_ && scope_ == nullptr) down_for = owner_->restarts_in();
    }
    if (!down_for) return;
    throw actor_unavailable_error(
        fmt::format("actor '{}' is down until it is started again, and reject_while_down was asked "
                    "for: try later, or somebody else",
                    name()),
        *down_for);
}

void actor_cell::throw_stopped() const {
    throw actor_stopped_error(
        fmt::format("actor '{}' has stopped and takes no more messages", name()));
}

void actor_cell::throw_full() const {
    throw channel_full_error(
        fmt::format("the mailbox of actor '{}' is full, and overflow::fail was asked for", name()));
}

std::uint32_t actor_cell::begin_incarnation(cancel_scope& scope) {
    const task_record& task = current_task("actor");
    lowlevel::stop_requests told;
    const mutex_guard held(lock_);
    box_.begin_receiving();
    scope_ = &scope;
    if (state_ != state::open) stop_incarnation_locked(told);
    handler_.store(&task, order::relaxed);
    const std::uint32_t number = incarnation_.load(order::relaxed) + 1;
    incarnation_.store(number, order::release);
    return number;
}

void actor_cell::stop_incarnation(std::uint32_t number) noexcept {
    const mutex_guard held(lock_);
    const bool is_current = scope_ != nullptr && number == incarnation();
    if (is_current && !finishes_queue_locked()) box_.stop_receiving();
}

void actor_cell::end_incarnation() noexcept {
    const mutex_guard held(lock_);
    box_.stop_receiving();
    scope_ = nullptr;
    handler_.store(nullptr, order::relaxed);
}

bool actor_cell::is_stopping() const noexcept {
    const mutex_guard held(lock_);
    return state_ != state::open;
}

void actor_cell::refuse_locked() noexcept {
    if (state_ != state::open) return;
    state_ = state::stopping;
    hears_of_stop_.store(true, order::relaxed);
    box_.close();
}

void actor_cell::refuse() noexcept {
    {
        const mutex_guard held(lock_);
        refuse_locked();
    }
    discard_refused();
}

// Requests aren't kept waiting, whatever becomes of the rest.
void actor_cell::discard_refused() noexcept {
    const auto is_request = [](const void*, const envelope& message) {
        return message.reply != nullptr;
    };
    if (on_stop_ == covey::on_stop::discard)
        drain(dead_letter_reason::stopped);
    else  // without memory they are answered in their turn
        static_cast<void>(drain_if(dead_letter_reason::stopped, is_request, nullptr));
}

// Of a mailbox that stays open, what was sent before: more may come as fast as it goes.
void actor_cell::drain(dead_letter_reason why) noexcept {
    const bool restarts = why == dead_letter_reason::restarted;
    const channel_statistics sent = box_.statistics();
    std::size_t left =
        restarts ? sent.current_buffer_used + sent.tasks_waiting_send : unbounded_capacity;
    for (; left != 0; --left) {
        envelope next;  // empty, filled by the mailbox
        if (!box_.take(next)) return;
        next.discard(why, nullptr, restarts);
    }
}

// In one step, so that what stays keeps its order among what is told meanwhile.
bool actor_cell::drain_if(dead_letter_reason why,
                          bool (*matches)(const void* context, const envelope& message),
                          const void* context) noexcept {
    try {
        std::vector<envelope> taken;  // made empty, filled by the mailbox
        for (;;) {
            taken.resize(queued());
            const std::size_t count =
                box_.take_matching(taken.data(), taken.size(), matches, context);
            if (count == unbounded_capacity) continue;  // there are more by now
            for (std::size_t i = 0; i != count; ++i)
                taken[i].discard(why, nullptr, why == dead_letter_reason::restarted);
            return true;
        }
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void actor_cell::end(exit_reason reason, const std::exception_ptr& error) noexcept {
    {
        const mutex_guard held(lock_);
        refuse_locked();
    }
    drain(dead_letter_reason::stopped);
    free_names(*this);
    lowlevel::wake_list woken;
    {
        const mutex_guard held(lock_);
        if (state_ == state::ended) return;
        state_ = state::ended;
        owner_ = nullptr;
        reason_ = reason;
        error_ = error;
        while (lowlevel::wait_node* node = watchers_.pop_front())
            if (node->claim()) woken.add(*node);
    }
    woken.wake_all();
}

void actor_cell::set_owner(actor_owner* owner) noexcept {
    const mutex_guard held(lock_);
    owner_ = owner;
    hears_of_stop_.store(true, order::relaxed);
}

void actor_cell::stop() noexcept {
    {
        lowlevel::stop_requests told;  // actors below
        const mutex_guard held(lock_);
        if (state_ != state::open) return;
        refuse_locked();
        if (owner_ != nullptr)
            owner_->stop_requested();
        else
            stop_incarnation_locked(told);
    }
    discard_refused();
}

// As stop() does, without the grace; what on_stop::finish would handle has no time for it.
void actor_cell::cancel(std::string_view why) noexcept {
    {
        const mutex_guard held(lock_);
        if (state_ == state::ended) return;
        refuse_locked();
        if (owner_ != nullptr)
            owner_->cancel_requested();
        else if (scope_ != nullptr)
            scope_->cancel(why);
    }
    drain(dead_letter_reason::stopped);
}

// Under a nursery the ladder of SV11 is the scope's: asked now, cancelled after the grace, pierced
// after that. Under a supervisor it is the manager's.
void actor_cell::stop_incarnation_locked(lowlevel::stop_requests& told) noexcept {
    if (scope_ == nullptr) return;  // it will see the state when it begins
    if (!finishes_queue_locked()) box_.stop_receiving();
    if (owner_ != nullptr) return;
    try {
        soft_cancel(*scope_, "the actor was stopped", grace_, hard_, told);
    } catch (...) {  // without memory for the caller's name: no grace
        scope_->cancel();
    }
}

lowlevel::stop_listener* actor_cell::listener() noexcept {
    if (hears_of_stop_.exchange(true, order::acq_rel)) return nullptr;
    add_reference();
    return this;
}

void actor_cell::told_to_stop() noexcept {
    stop();
    drop_reference();
}

std::uint32_t actor_cell::latest_ready() const noexcept {
    const mutex_guard held(lock_);
    return ready_incarnation_;
}

void actor_cell::restarted() noexcept {
    lowlevel::wake_list woken;
    {
        const mutex_guard held(lock_);
        ready_incarnation_ = incarnation();
        lowlevel::wait_list still_waiting;
        while (lowlevel::wait_node* node = watchers_.pop_front()) {
            if (!static_cast<const cell_watch&>(lowlevel::wait_operation::of(*node))
                     .is_over_locked())
                still_waiting.push_back(*node);
            else if (node->claim())
                woken.add(*node);
        }
        watchers_.splice_back(still_waiting);
    }
    woken.wake_all();
}

namespace {

constexpr std::uint32_t no_incarnation = ~std::uint32_t{0};  // only the end is later

}  // namespace

cell_watch::cell_watch(cell_ref target, std::uint32_t after) noexcept
    : target_(std::move(target)), after_(after) {}

const lowlevel::wait_traits& cell_watch::traits() const noexcept {
    return after_ == no_incarnation ? waits_for_down : waits_for_restart;
}

bool cell_watch::is_over_locked() const noexcept {
    const actor_cell& cell = *target_;
    return cell.state_ == actor_cell::state::ended || cell.ready_incarnation_ > after_;
}

void cell_watch::lock() noexcept { target_->lock_.lock(); }
void cell_watch::unlock() noexcept { target_->lock_.unlock(); }
bool cell_watch::try_now() { return is_over_locked(); }
void cell_watch::link() noexcept { target_->watchers_.push_back(node()); }
void cell_watch::unlink() noexcept { node().leave(target_->watchers_); }

watch_operation::watch_operation(cell_ref target) noexcept
    : cell_watch(std::move(target), no_incarnation) {}

down watch_operation::await_resume() const {
    const mutex_guard held(target_->lock_);
    return {target_->id_, target_->reason_, target_->error_};
}

restart_watch_operation::restart_watch_operation(cell_ref target, std::uint32_t after) noexcept
    : cell_watch(std::move(target), after) {}

std::optional<std::uint32_t> restart_watch_operation::await_resume() const {
    const mutex_guard held(target_->lock_);
    if (target_->state_ == actor_cell::state::ended) return std::nullopt;
    return target_->ready_incarnation_;
}

std::string actor_address::name() const { return cell_.get("name").name(); }
actor_id actor_address::id() const { return cell_.get("id").id(); }
actor_statistics actor_address::statistics() const { return cell_.get("statistics").statistics(); }
watch_operation actor_address::watch() const { return watch_operation(target("watch")); }
restart_watch_operation actor_address::watch_restart(std::uint32_t after) const {
    const cell_ref& watched = target("watch_restart");
    return {watched, after == 0 ? watched->latest_ready() : after};
}
void actor_address::stop() const noexcept {
    if (cell_) cell_->stop();
}

}  // namespace covey::detail

namespace covey {

namespace {

// Of the two that are linked, each has one that waits for its end. The first to hear of one
// decides, and the other's wait is over with the nursery's scope.
task<> watch_one(detail::cell_ref watched, detail::cell_ref other, nursery& both) {
    const down end = co_await detail::watch_operation(watched);
    both.cancel("the link is over");
    if (end.reason != exit_reason::failed && end.reason != exit_reason::gave_up) co_return;
    other->cancel(
        fmt::format("linked actor '{}' has ended: {}", watched->name(), to_string(end.reason)));
}

}  // namespace

task<> link(detail::actor_address one, detail::actor_address other) {
    const detail::cell_ref first = detail::ref_access::cell_of(one, "link");
    const detail::cell_ref second = detail::ref_access::cell_of(other, "link");
    co_await with_nursery([&](nursery& both) {
        both.start_soon(watch_one, first, second, std::ref(both));
        both.start_soon(watch_one, second, first, std::ref(both));
    });
}

}  // namespace covey
