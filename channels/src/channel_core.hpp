// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ring.hpp"

#include <covey/detail/channel_core.hpp>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace covey::detail {

// What a memory channel is, whatever it carries.
//
// What       A ring of buffered values, a list of waiting senders and one of waiting receivers.
// Invariants (M32) A receiver waits: nothing is buffered and no sender waits. A sender waits: the
//            buffer is full, or fuller (force_send). So a value has one way to go: to the waiting
//            receiver, into the buffer, or it waits with its sender.
// Threads    Everything under lock_, a spin lock held for a few moves. Waiters are woken, and
//            values destroyed, after it is released. A waiter that was cancelled may still stand
//            in a list: claim() tells, and the next one is tried in the same call.
// Lifetime   Counted by endpoints.
// Rejected   A lock-free ring: it can't serve waiters in order without barging, nor take a value
//            back from a receiver that was cancelled. A list of endpoints to close by: closing
//            walks the waiters instead, who know their endpoint.
class channel_core {
 public:
    channel_core(const channel_core&) = delete;
    channel_core& operator=(const channel_core&) = delete;

    enum class sent { yes, would_block, closed, broken, full };
    enum class received { yes, would_block, closed, ended };

    // What nearly always happens, without a call: a word, nobody waits, there is room or a value.
    // False: nothing was done.
    [[nodiscard]] bool send_word_locked(const endpoint& through, const void* value) noexcept {
        const bool is_usual = receivers_.empty() && has_room() && buffer_.has_storage() &&
                              through.closed_ == 0 && open_receivers_ != 0 && type().is_word;
        if (!is_usual) [[unlikely]]
            return false;
        buffer_.push_word(value);
        buffer_.note_peak();
        return true;
    }
    [[nodiscard]] bool receive_word_locked(const endpoint& through, void* slot) noexcept {
        const bool is_usual =
            buffer_.can_pop_word() && senders_.empty() && through.closed_ == 0 && type().is_word;
        if (!is_usual) [[unlikely]]
            return false;
        buffer_.pop_word(slot);
        return true;
    }

    // A value that drop_oldest pushed out goes to `dropped`; who was served, to `served`.
    struct send_request {
        void* value;
        void* room_for_dropped;
        bool has_dropped = false;
    };
    [[nodiscard]] sent try_send_locked(const endpoint& through, send_request& request,
                                       lowlevel::wait_node*& served);
    // The same without a short cut.
    [[nodiscard]] sent try_all_ways_to_send(const endpoint& through, send_request& request,
                                            lowlevel::wait_node*& served);
    // As if there were room, always: never would_block nor full.
    [[nodiscard]] sent force_send_locked(const endpoint& through, void* value,
                                         lowlevel::wait_node*& served);
    [[nodiscard]] received try_receive_locked(const endpoint& through, void* slot,
                                              lowlevel::wait_node*& served) noexcept;

    [[nodiscard]] received try_all_ways_to_receive(const endpoint& through, void* slot,
                                                   lowlevel::wait_node*& served) noexcept;

    // Whether it may be over at once. It isn't, if all who wait on the other side are cancelled.
    [[nodiscard]] bool may_send_locked(const endpoint& through) const noexcept {
        return has_room() || policy_ != overflow::block || !receivers_.empty() ||
               open_receivers_ == 0 || through.closed_ != 0;
    }
    [[nodiscard]] bool may_receive_locked(const endpoint& through) const noexcept {
        return buffer_.count() != 0 || !senders_.empty() || open_senders_ == 0 ||
               through.closed_ != 0;
    }
    // The same for an operation: true: it is over, and its node knows how.
    [[nodiscard]] bool decide_send_locked(endpoint& through, lowlevel::wait_node& node,
                                          void* room_for_dropped, bool& has_dropped,
                                          lowlevel::wait_node*& served);
    [[nodiscard]] bool decide_receive_locked(endpoint& through, lowlevel::wait_node& node,
                                             lowlevel::wait_node*& served) noexcept;

    [[nodiscard]] static endpoint_pair make(const element_type& type, std::size_t capacity,
                                            overflow policy, const std::source_location& place);
    [[nodiscard]] endpoint* clone(endpoint& original);
    void close(endpoint& closing) noexcept;
    [[nodiscard]] bool is_closed(const endpoint& asked) noexcept;
    [[nodiscard]] channel_statistics statistics() noexcept;
    void receive_available(const endpoint& through, std::size_t most, void* context,
                           void (*take)(void* context, void* value) noexcept) noexcept;

    [[nodiscard]] std::size_t take_matching(void* array, std::size_t room, void* context,
                                            bool (*matches)(void* context,
                                                            const void* value)) noexcept;

    [[nodiscard]] lowlevel::spin_lock& lock() noexcept { return lock_; }
    [[nodiscard]] const element_type& type() const noexcept { return buffer_.type(); }
    // An operation waits through that end from here on, or no longer; locked.
    void enter(lowlevel::wait_node& node, endpoint& through) noexcept {
        node.through = &through;
        ++through.waiting_;
        waiting(through.which()).push_back(node);
    }
    void leave(lowlevel::wait_node& node) noexcept;
    // In a simulated run, where it is remembered who uses which end; and what somebody who waits
    // through that end waits for.
    static void note_use(lowlevel::turn& now, const endpoint& used) noexcept;
    static void tell(const endpoint& used, lowlevel::wait_report& report);
    // "channel main.cpp:12"
    [[nodiscard]] std::string name() const;

    void add_reference() noexcept { references_.fetch_add(1, lowlevel::order::relaxed); }
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, lowlevel::order::acq_rel) == 1) delete this;
    }

 private:
    // Of what was made and not yet opened.
    struct deleter {
        void operator()(endpoint* end) const noexcept { delete end; }
    };

    channel_core(const element_type& type, std::size_t capacity, overflow policy,
                 const std::source_location& place);
    ~channel_core() = default;

    endpoint* open_locked(endpoint* fresh) noexcept;

    [[nodiscard]] lowlevel::wait_list& waiting(endpoint::side which) noexcept {
        return which == endpoint::side::send ? senders_ : receivers_;
    }
    [[nodiscard]] static lowlevel::wait_node* claim_first(lowlevel::wait_list& waiting) noexcept;
    [[nodiscard]] bool has_room() const noexcept { return buffer_.count() < capacity_; }
    void buffer_locked(void* value, std::size_t limit);
    void push_locked(void* value) noexcept;
    [[nodiscard]] lowlevel::wait_node* admit_sender_locked() noexcept;
    void end_waits_locked(lowlevel::wait_list& waiting, const endpoint* only_through,
                          lowlevel::wait_result result, lowlevel::wake_list& woken) noexcept;

    // Constant.
    const std::size_t capacity_;
    const std::source_location place_;
    const overflow policy_;

    // Guards what follows. Who wants the locks of several channels takes them by address.
    lowlevel::spin_lock lock_;
    lowlevel::atomic<std::uint32_t> references_{0};  // not this one
    ring buffer_;
    lowlevel::wait_list senders_;
    lowlevel::wait_list receivers_;
    std::uint32_t open_senders_ = 0;
    std::uint32_t open_receivers_ = 0;
    std::size_t dropped_ = 0;

    endpoint first_sender_;
    endpoint first_receiver_;
};

// What a send, or a receive, that ended without a value says. The verb is the call.
[[noreturn]] void throw_unsent(const channel_core& core, lowlevel::wait_result result);
[[noreturn]] void throw_closed(const channel_core& core, std::string_view verb);
[[noreturn]] void throw_end(const channel_core& core);

}  // namespace covey::detail
