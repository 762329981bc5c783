// SPDX-License-Identifier: BSL-1.0
#include "mailbox.hpp"

#include "actor_cell.hpp"

#include <covey/lowlevel/assert.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::wait_node;
using lowlevel::wait_result;
using lowlevel::wake_list;

namespace {

constexpr std::size_t first_slots = 8;
constexpr std::size_t most_slots =
    (std::size_t{1} << 47) / sizeof(envelope);  // of an address space

// From its sender, or from the overflow of another message: what comes that far is accounted for.
void take_in(void* to, envelope& message) noexcept {
    envelope& taken = *::new (to) envelope;
    taken.box.take_fresh(message.box);
    taken.target = message.target;
    taken.only_incarnation = message.only_incarnation;
    taken.sender = message.sender;
    taken.failures = message.failures;
    taken.is_exempt = message.is_exempt;
    taken.reply = std::exchange(message.reply, nullptr);
    taken.is_posted = true;
    if (!message.is_posted) taken.target->count_accepted();
}

void complete(wait_node& waiting, wait_result result, wake_list& woken) noexcept {
    if (!waiting.claim()) return;
    waiting.result = result;
    woken.add(waiting);
}

void wake(wait_node* served) noexcept {
    if (served != nullptr) served->wake();
}

}  // namespace

mailbox::mailbox(std::size_t capacity, overflow policy) : capacity_(capacity), policy_(policy) {
    if (capacity <= most_slots || capacity == unbounded_capacity) return;
    throw std::invalid_argument(
        fmt::format("covey: a mailbox of {} messages of {} bytes is more than memory can hold; "
                    "covey::unbounded has no limit",
                    capacity, sizeof(envelope)));
}

mailbox::~mailbox() {
    COVEY_ASSERT(count_ == 0, "an actor goes while messages are queued that nobody accounts for");
    release_ring();
}

// ------------------------------------------------------------------------------------- posting

mailbox::posted mailbox::post_locked(posting& what) {
    if (is_closed_) return posted::closed;
    if (wait_node* receiver = claim_receiver_locked()) {
        take_in(receiver->slot, what.message);
        what.served = receiver;
        return posted::yes;
    }
    if (!has_room()) return overflow_locked(what);
    push(what.message);
    return posted::yes;
}

bool mailbox::post_as_usual_locked(envelope& message) noexcept {
    const bool is_usual = receiver_ == nullptr && has_room() && count_ != slots_ && !is_closed_;
    if (!is_usual) [[unlikely]]
        return false;
    take_in(&at(count_), message);
    peak_ = std::max(peak_, ++count_);
    return true;
}

bool mailbox::force_locked(posting& what) {
    if (is_closed_) return false;
    if (wait_node* receiver = claim_receiver_locked()) {
        take_in(receiver->slot, what.message);
        what.served = receiver;
    } else {
        push(what.message);
    }
    return true;
}

mailbox::posted mailbox::overflow_locked(posting& what) {
    if (policy_ == overflow::block) return posted::no_room;
    if (policy_ == overflow::fail) return posted::refused;
    if (policy_ == overflow::drop_newest || capacity_ == 0) {
        take_in(what.room_for_dropped, what.message);
    } else if (rotate_exempt(count_)) {
        pop(what.room_for_dropped);
        push(what.message);
    } else {  // all are exempt, and stay
        push(what.message);
        static_cast<void>(rotate_exempt(count_ - 1));
        return posted::yes;
    }
    ++dropped_;
    what.has_dropped = true;
    return posted::yes;
}

// What is exempt from overflow goes to the end, up to so many. True: the first one now isn't.
bool mailbox::rotate_exempt(std::size_t most) noexcept {
    for (; most != 0 && at(0).is_exempt; --most) {
        if (count_ != slots_) std::construct_at(&at(count_), std::move(at(0)));
        if (++first_ == slots_) first_ = 0;  // in a full ring that place is the one after the last
    }
    return !at(0).is_exempt;
}

wait_node* mailbox::claim_receiver_locked() noexcept {
    wait_node* receiver = std::exchange(receiver_, nullptr);
    if (receiver == nullptr || !receiver->claim()) return nullptr;
    receiver->result = wait_result::done;
    return receiver;
}

void mailbox::push(envelope& message) {
    if (count_ == slots_) make_room();
    take_in(&at(count_), message);
    peak_ = std::max(peak_, ++count_);
}

// Twice the slots, but no more than are needed for the capacity, if that is enough. Throws
// std::bad_alloc, nothing changed.
void mailbox::make_room() {
    std::size_t slots = std::max(first_slots, 2 * slots_);
    if (count_ < capacity_) slots = std::min(slots, capacity_);
    auto* ring = static_cast<envelope*>(::operator new(slots * sizeof(envelope)));
    for (std::size_t i = 0; i != count_; ++i) std::construct_at(ring + i, std::move(at(i)));
    release_ring();
    ring_ = ring;
    slots_ = slots;
}

void mailbox::release_ring() noexcept {
    ::operator delete(ring_);
    ring_ = nullptr;
    slots_ = first_ = 0;
}

// ----------------------------------------------------------------------------------- receiving

mailbox::received mailbox::receive_locked(envelope& place, wait_node*& served) noexcept {
    if (!may_receive_) return received::over;
    if (take_locked(place, served)) return received::yes;
    return is_closed_ ? received::over : received::nothing;
}

// A message leaves, and the sender that has waited longest takes the freed place.
bool mailbox::take_locked(envelope& place, wait_node*& served) noexcept {
    if (count_ != 0) {
        pop(&place);
        if (!senders_.empty()) served = admit_sender_locked();
        if (count_ == 0 && slots_ > slots_to_keep) release_ring();
        return true;
    }
    if (senders_.empty()) return false;
    served = claim_sender_locked();
    if (served != nullptr) take_in(&place, *static_cast<envelope*>(served->slot));
    return served != nullptr;
}

// Whoever was cancelled meanwhile is passed over: its worker finds the node out of the list.
wait_node* mailbox::claim_sender_locked() noexcept {
    while (wait_node* sender = senders_.pop_front()) {
        if (!sender->claim()) continue;
        sender->result = wait_result::done;
        return sender;
    }
    return nullptr;
}

// There is a slot, but for a large ring that was given back: without memory the sender waits on.
wait_node* mailbox::admit_sender_locked() noexcept {
    if (!has_room()) return nullptr;
    try {
        if (count_ == slots_) make_room();
    } catch (...) {
        return nullptr;
    }
    wait_node* sender = claim_sender_locked();
    if (sender != nullptr) push(*static_cast<envelope*>(sender->slot));
    return sender;
}

void mailbox::begin_receiving() noexcept {
    const locked held(lock_);
    may_receive_ = true;
}

void mailbox::stop_receiving() noexcept {
    wake_list woken;
    {
        const locked held(lock_);
        may_receive_ = false;
        if (wait_node* receiver = std::exchange(receiver_, nullptr))
            complete(*receiver, wait_result::closed, woken);
    }
    woken.wake_all();
}

// ----------------------------------------------------------------------------- for who owns it

void mailbox::close() noexcept {
    wake_list woken;
    {
        const locked held(lock_);
        is_closed_ = true;
        while (wait_node* sender = senders_.pop_front())
            complete(*sender, wait_result::closed, woken);
        if (wait_node* receiver = std::exchange(receiver_, nullptr))
            complete(*receiver, wait_result::ended, woken);
    }
    woken.wake_all();
}

bool mailbox::take(envelope& place) noexcept {
    wait_node* served = nullptr;
    bool taken = false;
    {
        const locked held(lock_);
        taken = take_locked(place, served);
    }
    wake(served);
    return taken;
}

std::size_t mailbox::take_matching(envelope* array, std::size_t room,
                                   bool (*matches)(const void* context, const envelope& message),
                                   const void* context) noexcept {
    wake_list woken;
    std::size_t taken = 0;
    {
        const locked held(lock_);
        if (count_ > room) return unbounded_capacity;
        std::size_t kept = 0;
        for (std::size_t i = 0; i != count_; ++i) {
            envelope& each = at(i);
            envelope* to = matches(context, each) ? array + taken++ : &at(kept++);
            if (to != &each) std::construct_at(to, std::move(each));
        }
        count_ = kept;
        while (wait_node* sender = admit_sender_locked()) woken.add(*sender);
    }
    woken.wake_all();
    return taken;
}

std::size_t mailbox::count() const noexcept {
    const locked held(lock_);
    return count_;
}

channel_statistics mailbox::statistics() const noexcept {
    const locked held(lock_);
    const bool is_awaited = receiver_ != nullptr && receiver_->is_waiting();
    return {.current_buffer_used = count_,
            .max_buffer_size = capacity_,
            .open_send_channels = is_closed_ ? 0U : 1U,
            .open_receive_channels = may_receive_ ? 1U : 0U,
            .tasks_waiting_send = count_waiting(senders_),
            .tasks_waiting_receive = is_awaited ? 1U : 0U,
            .peak_buffer_used = peak_,
            .dropped = dropped_};
}

}  // namespace covey::detail
