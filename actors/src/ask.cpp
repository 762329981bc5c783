// SPDX-License-Identifier: BSL-1.0
//
// What       How a message is posted, waiting or not, and how a request waits for its reply.
// Invariants The wait graph has an edge from the actor whose handler awaits an ask to the actor
//            asked, from before the request is posted until it is answered or its asker has gone.
//            No cycle ever gets into it.
// Threads    An edge is a pointer in the asker's cell. It is set under the graph's lock, by the
//            asker's task; and cleared without it, under the reply's, in the step that answers or
//            abandons. Whoever follows edges holds the graph's lock: an actor that was asked takes
//            it once more before its memory goes.
// Rejected   Clearing under the graph's lock: all askers would stand in line for it twice.

#include <covey/detail/ask.hpp>

#include "actor_cell.hpp"
#include "incarnation.hpp"

#include <covey/error.hpp>

#include <fmt/format.h>

#include <string>
#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

constexpr lowlevel::wait_traits waits_for_room{"send"};

// Room for an envelope that drop_oldest or drop_newest pushed out of the mailbox.
class dropped_envelope {
 public:
    [[nodiscard]] void* place() noexcept { return bytes_; }

    // With no lock held.
    void discard() noexcept {
        envelope& message = *std::launder(reinterpret_cast<envelope*>(bytes_));
        message.discard(dead_letter_reason::overflow);
        message.~envelope();
    }

 private:
    alignas(envelope) unsigned char bytes_[sizeof(envelope)];
};

[[noreturn]] void throw_full_of_oneself(const actor_cell& cell) {
    throw would_deadlock_error(
        fmt::format("a handler of actor '{}' would wait for room in the actor's own mailbox, which "
                    "nobody empties meanwhile: use try_tell, or a larger mailbox",
                    cell.name()));
}

void wake_served(lowlevel::wait_node* served) noexcept {
    if (served != nullptr) served->wake();
}

}  // namespace

bool try_post(envelope& message) {
    const actor_cell& cell = *message.target;
    mailbox& box = message.target->box();
    cell.stamp(message);
    dropped_envelope dropped;
    mailbox::posting what{message, dropped.place()};
    auto outcome = mailbox::posted::closed;
    {
        const locked held(box.lock());
        outcome = box.post_locked(what);
    }
    wake_served(what.served);
    if (what.has_dropped) dropped.discard();
    switch (outcome) {
        case mailbox::posted::yes: return true;
        case mailbox::posted::no_room: return false;
        case mailbox::posted::refused: cell.throw_full();
        case mailbox::posted::closed: break;
    }
    cell.throw_stopped();
}

bool force_post(envelope& message) {
    mailbox& box = message.target->box();
    message.is_exempt = true;
    mailbox::posting what{message, nullptr};
    bool is_posted = false;
    {
        const locked held(box.lock());
        is_posted = box.force_locked(what);
    }
    wake_served(what.served);
    return is_posted;
}

operation_target::operation_target(const cell_ref& target) noexcept : cell_(&*target) {
    if (lowlevel::turn* now = lowlevel::turn_of_thread) [[likely]] {
        now->owe(*cell_);
        state_ = state::owed;
    } else {
        cell_->add_reference();
        state_ = state::counted;
    }
}

void operation_target::begin(lowlevel::turn& now) noexcept {
    if (state_ == state::owed)
        state_ = now.cancel_debt(*cell_) ? state::kept_by_maker : state::counted;
    now.pay();
}

bool operation_target::is_owed_by(const lowlevel::turn& now) const noexcept {
    return state_ == state::owed && now.owed == cell_;
}

void operation_target::keep() noexcept {
    if (state_ != state::kept_by_maker) return;
    cell_->add_reference();
    state_ = state::counted;
}

void operation_target::let_go() noexcept {
    lowlevel::turn* now = lowlevel::this_turn();
    if (state_ == state::owed && now != nullptr && now->cancel_debt(*cell_)) return;
    cell_->drop_reference();
}

void cell_ref::count_operations() noexcept {
    if (lowlevel::turn* now = lowlevel::this_turn()) now->pay();
}

post_operation::post_operation(const cell_ref& target) noexcept : target_(target) {}

bool post_operation::await_ready(envelope& message) {
    target_->stamp(message);
    dropped_envelope dropped;
    node().slot = &message;
    room_for_dropped_ = dropped.place();
    const bool ready = start_as_usual(*this);
    if (has_dropped_) dropped.discard();
    return ready;
}

lowlevel::spin_lock& post_operation::guard() const noexcept { return target_->box().lock(); }

bool post_operation::try_usual() noexcept {
    return target_->box().post_as_usual_locked(*static_cast<envelope*>(node().slot));
}

const lowlevel::wait_traits& post_operation::traits() const noexcept { return waits_for_room; }
void post_operation::lock() noexcept { target_->box().lock().lock(); }

void post_operation::unlock() noexcept {
    lowlevel::wait_node* served = node().take_served();
    target_->box().lock().unlock();
    wake_served(served);
}

bool post_operation::try_now() {
    mailbox::posting what{*static_cast<envelope*>(node().slot), room_for_dropped_};
    const mailbox::posted outcome = target_->box().post_locked(what);
    node().keep_served(what.served);
    has_dropped_ = what.has_dropped;
    switch (outcome) {
        case mailbox::posted::yes: node().result = lowlevel::wait_result::done; break;
        case mailbox::posted::closed: end_unposted(lowlevel::wait_result::closed); break;
        case mailbox::posted::refused: end_unposted(lowlevel::wait_result::full); break;
        case mailbox::posted::no_room:
            if (!target_->is_handled_by(current_task_or_null())) return false;
            end_unposted(lowlevel::wait_result::broken);  // nobody would make room
            break;
    }
    return true;
}

// What it will say about that needs the actor.
void post_operation::end_unposted(lowlevel::wait_result how) noexcept {
    target_.keep();
    node().result = how;
}

void post_operation::link() noexcept {
    target_.keep();
    target_->box().wait_for_room_locked(node());
}
void post_operation::unlink() noexcept { target_->box().stop_waiting_for_room_locked(node()); }

void post_operation::tell(lowlevel::wait_report& report) const {
    target_->tell_handler(report, "room in the mailbox of");
}

void post_operation::throw_not_posted() const {
    if (node().result == lowlevel::wait_result::full) target_->throw_full();
    if (node().result == lowlevel::wait_result::broken) throw_full_of_oneself(*target_);
    target_->throw_stopped();
}

namespace {

// Held for a walk along the edges. Whatever is added to the graph is added under it, so an edge
// that a walk meets was there when it began, and a cycle that it finds did exist.
constinit lowlevel::spin_lock graph_lock;

[[nodiscard]] actor_cell* asked_by(const actor_cell& cell) noexcept {
    return cell.asks.load(order::acquire);
}

[[nodiscard]] bool waits_for(const actor_cell& cell, const actor_cell& other) noexcept {
    const actor_cell* each = &cell;
    while (each != nullptr && each != &other) each = asked_by(*each);
    return each != nullptr;
}

// "actor 'a' asks 'b', which waits for 'c', which waits for 'a'"
[[noreturn]] void throw_cycle(const actor_cell& asker, const actor_cell& asked) {
    std::string text = fmt::format("a handler of actor '{}' asks '{}'", asker.name(), asked.name());
    for (const actor_cell* each = asked_by(asked); each != nullptr; each = asked_by(*each)) {
        text += fmt::format(", which waits for '{}'", each->name());
        if (each == &asker) break;
    }
    throw would_deadlock_error(
        text + ": they would wait for each other for ever; let one of them tell() instead");
}

class slow_post final : public post_operation {
 public:
    slow_post(const cell_ref& target, envelope& request) noexcept
        : post_operation(target), request_(request) {}
    bool await_ready() { return post_operation::await_ready(request_); }

 private:
    envelope& request_;
};

// There was no room for the request, at the first look: waits for that, then for the reply.
task<> ask_slowly(cell_ref target, envelope& request, reply_core& reply) {
    co_await stands_for_its_caller();
    co_await slow_post(target, request);
    co_await reply_wait(reply);
}

}  // namespace

// Moved before it is awaited only, so there is nothing but the members to move.
ask_operation_base::ask_operation_base(ask_operation_base&& other) noexcept
    : reply_wait(std::move(other)), target_(std::move(other.target_)) {
    other.reply_ = nullptr;
}

ask_operation_base::~ask_operation_base() {
    if (reply_ == nullptr) return;
    if (is_answered_)
        reply_->end();
    else
        reply_->abandon();
}

void ask_operation_base::tell(lowlevel::wait_report& report) const {
    target_->tell_handler(report, "the answer of");
}

bool ask_operation_base::await_ready(envelope& request) {
    const task_record& task = current_task("ask");
    if (std::exchange(is_begun_, true)) return reply_wait::await_ready();  // which refuses
    target_.begin(*lowlevel::this_turn());
    enter_wait_graph();
    reply_->deadline = current_effective_deadline();
    reply_->run = task.core;
    // A cancelled task asks nothing: the slow way finds out under the mailbox's lock.
    try {
        if (!task.word.is_cancelled() && try_post(request)) return reply_wait::await_ready();
    } catch (...) {
        target_.keep();  // there is an edge to it until the operation goes
        throw;
    }
    target_.keep();
    auto frame = task_access::release(
        ask_slowly(cell_ref(counted_ref<actor_cell_base>::to(*target_)), request, *reply_));
    slowly_.child = frame;
    slow_promise_ = &frame.promise();
    return false;
}

void ask_operation_base::check_answered() {
    slowly_.rethrow_error();
    is_answered_ = true;
    if (reply_->error) std::rethrow_exception(std::exchange(reply_->error, nullptr));
}

// Only what a handler awaits itself keeps its actor from handling the next message.
void ask_operation_base::enter_wait_graph() {
    const auto* life = lowlevel::enclosing_note<incarnation>();
    if (life == nullptr || !life->is_run_by_caller()) return;
    actor_cell& asker = life->cell();
    actor_cell& asked = *target_;
    if (&asker == &asked) {
        throw would_deadlock_error(fmt::format(
            "a handler of actor '{}' asks the actor itself, which handles one message at a time: "
            "call the function instead",
            asker.name()));
    }
    const locked held(graph_lock);
    if (waits_for(asked, asker)) throw_cycle(asker, asked);
    asked.note_asked();
    asker.asks.store(&asked, order::release);
    reply_->asker = &asker;
}

void await_walks_along_edges() noexcept { const locked held(graph_lock); }

void throw_callee_too_slow(const cell_ref& target) {
    throw too_slow_error(
        fmt::format("asking actor '{}' took longer than the time limit", target->name()));
}

}  // namespace covey::detail
