// SPDX-License-Identifier: BSL-1.0
//
// What       How a message is posted, waiting or not, and how a request waits for its reply.
// Invariants The wait graph has an edge from the actor whose handler awaits an ask to the actor
//            asked, for as long as the operation lives. No cycle ever gets into it.
// Threads    The graph under a mutex of its own; no other lock is taken under it.

#include <covey/detail/ask.hpp>

#include "actor_cell.hpp"
#include "incarnation.hpp"

#include <covey/error.hpp>
#include <covey/lowlevel/thread.hpp>

#include <fmt/format.h>

#include <string>
#include <utility>

namespace covey::detail {

using lowlevel::mutex_guard;

namespace {

// Room for an envelope that drop_oldest or drop_newest pushed out of the mailbox.
class dropped_envelope {
 public:
    [[nodiscard]] void* place() noexcept { return bytes_; }

    // With no lock held. What is exempt from overflow goes back, to the end.
    void discard() noexcept {
        envelope& message = *std::launder(reinterpret_cast<envelope*>(bytes_));
        if (!message.is_exempt || !put_back(message)) message.discard(dead_letter_reason::overflow);
        message.~envelope();
    }

 private:
    static bool put_back(envelope& message) noexcept {
        try {
            return force_send(message.target().mailbox(), &message);
        } catch (...) {
            return false;
        }
    }

    alignas(envelope) unsigned char bytes_[sizeof(envelope)];
};

[[noreturn]] void throw_full_of_oneself(const actor_cell& cell) {
    throw would_deadlock_error(
        fmt::format("a handler of actor '{}' would wait for room in the actor's own mailbox, which "
                    "nobody empties meanwhile: use try_tell, or a larger mailbox",
                    cell.name()));
}

}  // namespace

bool try_post(envelope& message) {
    actor_cell& cell = message.target();
    cell.stamp(message);
    dropped_envelope dropped;
    bool has_dropped = false;
    bool sent = false;
    try {
        sent = try_send_now(cell.mailbox(), &message, dropped.place(), has_dropped);
    } catch (const closed_resource_error&) {
        cell.throw_stopped();
    } catch (const channel_full_error&) {
        cell.throw_full();
    }
    if (has_dropped) dropped.discard();
    return sent;
}

bool force_post(envelope& message) {
    message.is_exempt = true;
    return force_send(message.target().mailbox(), &message);
}

post_operation::post_operation(actor_cell& target) noexcept
    : send_operation_base(target.mailbox()), target_(&target) {}

bool post_operation::await_ready(envelope& message) {
    target_->stamp(message);
    const task_record* task = current_task_or_null();
    if (target_->is_handled_by(task) && !task->word.is_cancelled()) {
        if (!try_post(message)) throw_full_of_oneself(*target_);
        node().result = lowlevel::wait_result::done;
        return true;
    }
    dropped_envelope dropped;
    prepare(&message, dropped.place());
    const bool ready = send_operation_base::await_ready();
    if (has_dropped()) dropped.discard();
    return ready;
}

void post_operation::await_resume() const {
    switch (node().result) {
        case lowlevel::wait_result::done: return;
        case lowlevel::wait_result::full: target_->throw_full();
        case lowlevel::wait_result::closed:
        case lowlevel::wait_result::broken:
        case lowlevel::wait_result::none:
        case lowlevel::wait_result::ended: target_->throw_stopped();
    }
}

namespace {

lowlevel::mutex& graph_lock() noexcept {
    static auto* lock = new lowlevel::mutex();
    return *lock;
}

// "actor 'a' asks 'b', which waits for 'c', which waits for 'a'"
std::string cycle_text(const actor_cell& asker, const actor_cell& asked) {
    std::string text = fmt::format("a handler of actor '{}' asks '{}'", asker.name(), asked.name());
    for (const actor_cell* each = &asked; each != &asker; each = each->asks)
        text += fmt::format(", which waits for '{}'", each->asks->name());
    return text + ": they would wait for each other for ever";
}

class slow_post final : public post_operation {
 public:
    slow_post(actor_cell& target, envelope& request) noexcept
        : post_operation(target), request_(request) {}
    bool await_ready() { return post_operation::await_ready(request_); }

 private:
    envelope& request_;
};

// There was no room for the request, at the first look: waits for that, then for the reply.
task<> ask_slowly(actor_cell& target, envelope& request, reply_core& reply) {
    co_await stands_for_its_caller();
    co_await slow_post(target, request);
    co_await reply_wait(reply);
}

}  // namespace

ask_operation_base::ask_operation_base(const cell_ref& target,
                                       counted_ref<reply_core> reply) noexcept
    : reply_wait(*reply), target_(target), answer_(std::move(reply)) {}

// Moved before it is awaited only, so there is nothing but the members to move.
ask_operation_base::ask_operation_base(ask_operation_base&& other) noexcept
    : reply_wait(std::move(other)),
      target_(std::move(other.target_)),
      answer_(std::move(other.answer_)) {}

ask_operation_base::~ask_operation_base() {
    leave_wait_graph();
    if (answer_) answer_->abandon();
}

bool ask_operation_base::await_ready(envelope& request) {
    const task_record& task = current_task("ask");
    if (std::exchange(is_begun_, true)) return reply_wait::await_ready();  // which refuses
    enter_wait_graph();
    answer_->deadline = current_effective_deadline();
    answer_->run = task.core;
    // A cancelled task asks nothing: the slow way finds out under the mailbox's lock.
    if (!task.word.is_cancelled() && try_post(request)) return reply_wait::await_ready();
    auto frame = task_access::release(ask_slowly(*target_, request, *answer_));
    slowly_.child = frame;
    slow_promise_ = &frame.promise();
    return false;
}

void ask_operation_base::check_answered() {
    leave_wait_graph();
    slowly_.rethrow_error();
    if (answer_->error) std::rethrow_exception(std::exchange(answer_->error, nullptr));
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
    const mutex_guard held(graph_lock());
    for (const actor_cell* each = &asked; each != nullptr; each = each->asks)
        if (each == &asker) throw would_deadlock_error(cycle_text(asker, asked));
    asker.asks = &asked;
    asker_ = &asker;
}

void ask_operation_base::leave_wait_graph() noexcept {
    actor_cell* asker = std::exchange(asker_, nullptr);
    if (asker == nullptr) return;
    const mutex_guard held(graph_lock());
    asker->asks = nullptr;
}

void throw_callee_too_slow(const cell_ref& target) {
    throw too_slow_error(
        fmt::format("asking actor '{}' took longer than the time limit", target->name()));
}

}  // namespace covey::detail
