// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/channel.hpp>
#include <covey/detail/envelope.hpp>
#include <covey/lowlevel/park.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace covey::detail {

// What an actor has yet to handle: many post, and one incarnation at a time receives.
//
// What       A ring of envelopes, the senders that wait for room, the receiver if it waits.
// Invariants A receiver waits: nothing is queued, and no sender waits. A sender waits: as much is
//            queued as may be, or more (force). So a message has one way to go: to the waiting
//            receiver, into the ring, or it waits with its sender; and what was posted first is
//            received first. Nothing enters once the mailbox is closed.
// Threads    Everything under lock(), a spin lock held for a few moves. Who was served is woken,
//            and what is discarded ends, after it is released. A waiter that was cancelled may
//            still stand here: claim() tells, and the next one is tried in the same call.
// Lifetime   Part of an actor's cell, which every operation on the mailbox keeps.
// Rejected   A memory channel of envelopes: ends that are counted, made and closed for each
//            incarnation, several receivers, values of a type that it doesn't know. It took four
//            allocations and 240 bytes more for each actor, and 150 instructions, two
//            read-modify-writes among them, for each message.
class mailbox {
 public:
    // Throws std::invalid_argument for a capacity that no memory holds.
    mailbox(std::size_t capacity, overflow policy);
    mailbox(const mailbox&) = delete;
    mailbox& operator=(const mailbox&) = delete;
    ~mailbox();

    [[nodiscard]] lowlevel::spin_lock& lock() noexcept { return lock_; }

    // ---- Posting, with the lock held. A message that isn't taken stays where it was.
    enum class posted { yes, no_room, closed, refused };  // refused: full, with overflow::fail
    struct posting {
        envelope& message;
        void* room_for_dropped;  // for an envelope that an overflow policy pushes out
        bool has_dropped = false;
        lowlevel::wait_node* served = nullptr;  // to be woken
    };
    [[nodiscard]] posted post_locked(posting& what);
    // What nearly always happens: it is open, nobody waits, and there is a free slot. False:
    // nothing was done.
    [[nodiscard]] bool post_as_usual_locked(envelope& message) noexcept;
    // Beyond capacity and overflow policy. False: closed.
    [[nodiscard]] bool force_locked(posting& what);
    // A sender waits for room from here on, its message in the node's slot.
    void wait_for_room_locked(lowlevel::wait_node& sender) noexcept { senders_.push_back(sender); }
    void stop_waiting_for_room_locked(lowlevel::wait_node& sender) noexcept {
        sender.leave(senders_);
    }

    // ---- Receiving, with the lock held, to an envelope that is empty.
    enum class received { yes, nothing, over };  // over: asked to stop, or nothing will come
    [[nodiscard]] received receive_locked(envelope& place, lowlevel::wait_node*& served) noexcept;
    // Likewise: something is queued, no sender waits, and a ring that is empty then may stay.
    [[nodiscard]] bool receive_as_usual_locked(envelope& place) noexcept {
        const bool is_usual =
            count_ != 0 && may_receive_ && senders_.empty() && slots_ <= slots_to_keep;
        if (!is_usual) [[unlikely]]
            return false;
        pop(&place);
        return true;
    }
    // The receiver waits from here on, or no longer. In its slot is the place for the message.
    void set_receiver_locked(lowlevel::wait_node* receiver) noexcept { receiver_ = receiver; }

    // ---- Any thread, without the lock.
    // An incarnation may receive, until its receiving is stopped. (Only if it has begun.)
    void begin_receiving() noexcept;
    void stop_receiving() noexcept;
    // Nothing enters any more. Idempotent.
    void close() noexcept;
    // The next message, or one that a sender waits with, to an empty envelope. False: there is
    // none.
    [[nodiscard]] bool take(envelope& place) noexcept;
    // Every queued message that matches, in order, to an array of empty envelopes; the others stay.
    // Gives how many they are; where more than `room` are queued, SIZE_MAX, and nothing was done.
    [[nodiscard]] std::size_t take_matching(envelope* array, std::size_t room,
                                            bool (*matches)(const void* context,
                                                            const envelope& message),
                                            const void* context) noexcept;
    [[nodiscard]] std::size_t count() const noexcept;
    [[nodiscard]] channel_statistics statistics() const noexcept;

 private:
    static constexpr std::size_t slots_to_keep =  // in an empty ring
        (std::size_t{1} << 20) / sizeof(envelope);

    [[nodiscard]] envelope& at(std::size_t index) const noexcept {
        const std::size_t place = first_ + index;
        return ring_[place < slots_ ? place : place - slots_];
    }
    [[nodiscard]] bool has_room() const noexcept { return count_ < capacity_; }
    void push(envelope& message);
    void pop(void* to) noexcept {
        std::construct_at(static_cast<envelope*>(to), std::move(ring_[first_]));
        if (++first_ == slots_) first_ = 0;
        --count_;
    }
    void make_room();
    [[nodiscard]] bool take_locked(envelope& place, lowlevel::wait_node*& served) noexcept;
    [[nodiscard]] posted overflow_locked(posting& what);
    [[nodiscard]] bool rotate_exempt(std::size_t most) noexcept;
    [[nodiscard]] lowlevel::wait_node* admit_sender_locked() noexcept;
    [[nodiscard]] lowlevel::wait_node* claim_receiver_locked() noexcept;
    [[nodiscard]] lowlevel::wait_node* claim_sender_locked() noexcept;
    void release_ring() noexcept;

    // Constant.
    const std::size_t capacity_;
    const overflow policy_;

    // Guarded by lock_.
    mutable lowlevel::spin_lock lock_;
    bool is_closed_ = false;
    bool may_receive_ = false;
    // slots_ places. What is queued is alive; the rest is raw, since what was moved from an
    // envelope leaves nothing to end.
    envelope* ring_ = nullptr;
    std::size_t slots_ = 0;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t peak_ = 0;
    std::size_t dropped_ = 0;
    lowlevel::wait_list senders_;
    lowlevel::wait_node* receiver_ = nullptr;
};

}  // namespace covey::detail
