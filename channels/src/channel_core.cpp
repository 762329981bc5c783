// SPDX-License-Identifier: BSL-1.0
#include "channel_core.hpp"

#include <covey/channel.hpp>
#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/wait_report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace covey::detail {

using lowlevel::count;
using lowlevel::counted;
using lowlevel::locked;
using lowlevel::wait_list;
using lowlevel::wait_node;
using lowlevel::wait_report;
using lowlevel::wait_result;
using lowlevel::wake_list;

namespace {

endpoint& end_of(const wait_node& node) noexcept { return *static_cast<endpoint*>(node.through); }

// What the operation will say needs the channel's name, when its handle may be gone.
void keep_end(wait_node& node, endpoint& through) noexcept {
    if (!std::exchange(node.holds_through, true)) through.add_reference();
}

wait_report::use use_of(endpoint::side which) noexcept {
    return which == endpoint::side::send ? wait_report::use::first : wait_report::use::second;
}

void end_without_value(wait_node& node, endpoint& through, wait_result how) noexcept {
    keep_end(node, through);
    node.result = how;
}

}  // namespace

channel_core::channel_core(const element_type& type, std::size_t capacity, overflow policy,
                           const std::source_location& place)
    : capacity_(capacity),
      place_(place),
      policy_(policy),
      buffer_(type, capacity),
      first_sender_(*this, endpoint::side::send, endpoint::home::in_channel),
      first_receiver_(*this, endpoint::side::receive, endpoint::home::in_channel) {}

// The whole of sending, in the order of M10; send() is this plus parking. First what nearly always
// happens: nobody waits, and there is room.
inline channel_core::sent channel_core::try_send_locked(const endpoint& through,
                                                        send_request& request, wait_node*& served) {
    const bool is_plain = receivers_.empty() && has_room() && buffer_.has_storage();
    if (!is_plain || through.closed_ || open_receivers_ == 0) [[unlikely]]
        return try_all_ways_to_send(through, request, served);
    push_locked(request.value);
    return sent::yes;
}

channel_core::sent channel_core::try_all_ways_to_send(const endpoint& through,
                                                      send_request& request, wait_node*& served) {
    if (through.closed_) return sent::closed;
    if (open_receivers_ == 0) return sent::broken;
    if (wait_node* receiver = claim_first(receivers_)) {
        type().move(receiver->slot, request.value);
        receiver->result = wait_result::done;
        served = receiver;
        return sent::yes;
    }
    if (has_room()) {
        buffer_locked(request.value, capacity_);
        return sent::yes;
    }
    switch (policy_) {
        case overflow::block: return sent::would_block;
        case overflow::fail: return sent::full;
        case overflow::drop_newest:
        case overflow::drop_oldest: break;
    }
    // The one that is dropped is destroyed by the caller, when no lock is held.
    ++dropped_;
    request.has_dropped = true;
    if (policy_ == overflow::drop_newest || capacity_ == 0) {
        type().move(request.room_for_dropped, request.value);
    } else {
        buffer_.pop(request.room_for_dropped);
        buffer_locked(request.value, unbounded_capacity);
    }
    return sent::yes;
}

channel_core::sent channel_core::force_send_locked(const endpoint& through, void* value,
                                                   wait_node*& served) {
    if (through.closed_) return sent::closed;
    if (open_receivers_ == 0) return sent::broken;
    if (wait_node* receiver = claim_first(receivers_)) {
        type().move(receiver->slot, value);
        receiver->result = wait_result::done;
        served = receiver;
        return sent::yes;
    }
    buffer_locked(value, has_room() ? capacity_ : unbounded_capacity);
    return sent::yes;
}

// The whole of receiving, in the order of M20. First what nearly always happens: a value is there,
// and no sender waits for its place.
inline channel_core::received channel_core::try_receive_locked(const endpoint& through, void* slot,
                                                               wait_node*& served) noexcept {
    if (buffer_.count() == 0 || !senders_.empty() || through.closed_) [[unlikely]]
        return try_all_ways_to_receive(through, slot, served);
    buffer_.pop(slot);
    return received::yes;
}

// A value leaves the buffer and the sender that has waited longest takes the freed place, so nobody
// can barge in.
channel_core::received channel_core::try_all_ways_to_receive(const endpoint& through, void* slot,
                                                             wait_node*& served) noexcept {
    if (through.closed_) return received::closed;
    if (buffer_.count() != 0) {
        buffer_.pop(slot);
        served = admit_sender_locked();
        return received::yes;
    }
    if (wait_node* sender = claim_first(senders_)) {
        type().move(slot, sender->slot);
        sender->result = wait_result::done;
        served = sender;
        return received::yes;
    }
    if (open_senders_ == 0) return received::ended;
    return received::would_block;
}

bool channel_core::decide_send_locked(endpoint& through, wait_node& node, void* room_for_dropped,
                                      bool& has_dropped, wait_node*& served) {
    send_request request{node.slot, room_for_dropped};
    const sent outcome = try_send_locked(through, request, served);
    has_dropped = request.has_dropped;
    if (outcome == sent::would_block) return false;
    if (outcome == sent::yes) [[likely]]
        node.result = wait_result::done;
    else
        end_without_value(node, through,
                          outcome == sent::closed   ? wait_result::closed
                          : outcome == sent::broken ? wait_result::broken
                                                    : wait_result::full);
    return true;
}

bool channel_core::decide_receive_locked(endpoint& through, wait_node& node,
                                         wait_node*& served) noexcept {
    const received outcome = try_receive_locked(through, node.slot, served);
    if (outcome == received::would_block) return false;
    if (outcome == received::yes) [[likely]]
        node.result = wait_result::done;
    else
        end_without_value(node, through,
                          outcome == received::closed ? wait_result::closed : wait_result::ended);
    return true;
}

// After a value has left the buffer: who has waited longest sends into the place just freed;
// unless the buffer is still as full as it may be. There is room, but for a large storage that
// force_send needed and that was given back: without memory the sender waits on.
wait_node* channel_core::admit_sender_locked() noexcept {
    if (!has_room() || senders_.empty()) return nullptr;
    try {
        buffer_.make_room(capacity_);
    } catch (...) {
        return nullptr;
    }
    wait_node* sender = claim_first(senders_);
    if (sender == nullptr) return nullptr;
    buffer_.push(sender->slot);
    sender->result = wait_result::done;
    return sender;
}

void channel_core::leave(wait_node& node) noexcept {
    if (!node.is_linked()) return;  // a completer took it out
    endpoint& through = end_of(node);
    waiting(through.which()).remove(node);
    --through.waiting_;
}

// Whoever was cancelled meanwhile is passed over: its worker finds the node out of the list.
wait_node* channel_core::claim_first(wait_list& waiting) noexcept {
    while (wait_node* first = waiting.pop_front()) {
        endpoint& through = end_of(*first);
        --through.waiting_;
        if (first->claim()) return first;
        keep_end(*first, through);
    }
    return nullptr;
}

void channel_core::buffer_locked(void* value, std::size_t limit) {
    buffer_.make_room(limit);
    push_locked(value);
}

inline void channel_core::push_locked(void* value) noexcept {
    buffer_.push(value);
    buffer_.note_peak();
}

endpoint* channel_core::open_locked(endpoint* fresh) noexcept {
    ++(fresh->which() == endpoint::side::send ? open_senders_ : open_receivers_);
    add_reference();
    count(counted::handles, +1);
    return fresh;
}

endpoint* channel_core::clone(endpoint& original) {
    std::unique_ptr<endpoint, deleter> fresh(
        new endpoint(*this, original.which(), endpoint::home::own));
    const locked held(lock_);
    return original.closed_ ? nullptr : open_locked(fresh.release());
}

void channel_core::close(endpoint& closing) noexcept {
    wake_list woken;
    ring discarded(type(), capacity_);
    {
        const locked held(lock_);
        if (closing.closed_) return;
        closing.closed_ = true;
        end_waits_locked(waiting(closing.which()), &closing, wait_result::closed, woken);
        if (closing.which() == endpoint::side::send) {
            if (--open_senders_ == 0)
                end_waits_locked(receivers_, nullptr, wait_result::ended, woken);
        } else if (--open_receivers_ == 0) {
            end_waits_locked(senders_, nullptr, wait_result::broken, woken);
            discarded.take_all(buffer_);
        }
    }
    count(counted::handles, -1);
    woken.wake_all();
}

// An end through which nobody waits doesn't look at those who wait through others: they may be the
// thousands of a pool.
void channel_core::end_waits_locked(wait_list& waiting, const endpoint* only_through,
                                    wait_result result, wake_list& woken) noexcept {
    wait_node* next = nullptr;
    for (wait_node* node = waiting.front(); node != nullptr; node = next) {
        if (only_through != nullptr && only_through->waiting_ == 0) return;
        next = waiting.after(*node);
        if (only_through != nullptr && node->through != only_through) continue;
        leave(*node);
        keep_end(*node, end_of(*node));
        if (!node->claim()) continue;
        node->result = result;
        woken.add(*node);
    }
}

void channel_core::receive_available(const endpoint& through, std::size_t most, void* context,
                                     void (*take)(void* context, void* value) noexcept) noexcept {
    wake_list woken;
    {
        const locked held(lock_);
        if (through.closed_) return;
        for (; most != 0; --most) {
            wait_node* sender = nullptr;
            if (buffer_.count() != 0) {
                take(context, buffer_.front());
                buffer_.drop_front();
                sender = admit_sender_locked();
            } else {
                sender = claim_first(senders_);
                if (sender == nullptr) break;
                take(context, sender->slot);
                sender->result = wait_result::done;
            }
            if (sender != nullptr) woken.add(*sender);
        }
    }
    woken.wake_all();
}

std::size_t channel_core::take_matching(void* array, std::size_t room, void* context,
                                        bool (*matches)(void* context,
                                                        const void* value)) noexcept {
    wake_list woken;
    std::size_t taken = 0;
    {
        const locked held(lock_);
        if (buffer_.count() > room) return unbounded_capacity;
        for (std::size_t left = buffer_.count(); left != 0; --left) {
            if (!matches(context, buffer_.front())) {
                buffer_.rotate();
                continue;
            }
            type().move(static_cast<unsigned char*>(array) + taken * type().size, buffer_.front());
            buffer_.drop_front();
            ++taken;
        }
        while (wait_node* sender = admit_sender_locked()) woken.add(*sender);
    }
    woken.wake_all();
    return taken;
}

bool channel_core::is_closed(const endpoint& asked) noexcept {
    const locked held(lock_);
    return asked.closed_;
}

channel_statistics channel_core::statistics() noexcept {
    const locked held(lock_);
    return {.current_buffer_used = buffer_.count(),
            .max_buffer_size = capacity_,
            .open_send_channels = open_senders_,
            .open_receive_channels = open_receivers_,
            .tasks_waiting_send = count_waiting(senders_),
            .tasks_waiting_receive = count_waiting(receivers_),
            .peak_buffer_used = buffer_.peak(),
            .dropped = dropped_};
}

void channel_core::note_use(lowlevel::turn& now, const endpoint& used) noexcept {
    lowlevel::note_use(now, &used.core(), use_of(used.which()));
}

void channel_core::tell(const endpoint& used, wait_report& report) {
    const auto other =
        used.which() == endpoint::side::send ? endpoint::side::receive : endpoint::side::send;
    report.waits_for(used.core().name(), &used.core(), use_of(other));
}

std::string channel_core::name() const {
    std::string_view file = place_.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    return fmt::format("channel {}:{}", file, place_.line());
}

void count_operations_of_turn() noexcept {
    if (lowlevel::turn* now = lowlevel::this_turn()) now->pay();
}

void endpoint::destroy() noexcept {
    channel_core& used = core();
    if ((core_ & is_own) != 0) delete this;
    used.drop_reference();
}

namespace {

// A buffer that no address space holds; beyond it a capacity is a mistake.
constexpr std::size_t most_bytes = std::size_t{1} << 47;

[[noreturn]] void throw_broken(const channel_core& core) {
    throw broken_resource_error(
        fmt::format("send on {}: all receivers are gone, nobody will take the value", core.name()));
}

[[noreturn]] void throw_full(const channel_core& core) {
    throw channel_full_error(
        fmt::format("send on {}: it is full, and overflow::fail was asked for", core.name()));
}

}  // namespace

void throw_closed(const channel_core& core, std::string_view verb) {
    throw closed_resource_error(
        fmt::format("{} on {}: this end was closed; clone() an end for each task that closes its "
                    "own",
                    verb, core.name()));
}

void throw_end(const channel_core& core) {
    throw end_of_channel(
        fmt::format("receive on {}: all senders are gone and everything is received; next() gives "
                    "nullopt instead",
                    core.name()));
}

void throw_unsent(const channel_core& core, wait_result result) {
    switch (result) {
        case wait_result::closed: throw_closed(core, "send");
        case wait_result::full: throw_full(core);
        case wait_result::done:
        case wait_result::none:
        case wait_result::broken:
        case wait_result::ended: break;
    }
    throw_broken(core);
}

void throw_negative_capacity() {
    throw std::invalid_argument(
        "open_memory_channel: the capacity is negative; 0 makes a rendezvous, covey::unbounded "
        "has no limit");
}

void throw_zero_maximum() {
    throw std::invalid_argument("receive_many: it gives at least one value, so max can't be 0");
}

endpoint_pair make_channel(const element_type& type, std::size_t capacity, overflow policy,
                           const std::source_location& place) {
    if (capacity != unbounded_capacity && capacity > most_bytes / type.size) {
        throw std::invalid_argument(
            fmt::format("open_memory_channel: a capacity of {} values of {} bytes is more than "
                        "memory can hold; covey::unbounded has no limit",
                        capacity, type.size));
    }
    return channel_core::make(type, capacity, policy, place);
}

endpoint_pair channel_core::make(const element_type& type, std::size_t capacity, overflow policy,
                                 const std::source_location& place) {
    auto* core = new channel_core(type, capacity, policy, place);
    return {core->open_locked(&core->first_sender_), core->open_locked(&core->first_receiver_)};
}

channel_handle::~channel_handle() {
    if (endpoint_ == nullptr) return;
    count_operations_of_turn();
    endpoint_->core().close(*endpoint_);
    endpoint_->drop_reference();
}

void channel_handle::close() noexcept {
    if (endpoint_ != nullptr) endpoint_->core().close(*endpoint_);
}

bool channel_handle::closed() const noexcept {
    return endpoint_ == nullptr || endpoint_->core().is_closed(*endpoint_);
}

channel_statistics channel_handle::statistics() const {
    return through("statistics").core().statistics();
}

endpoint* channel_handle::clone_endpoint() const {
    endpoint& original = through("clone");
    endpoint* clone = original.core().clone(original);
    if (clone == nullptr) throw_closed(original.core(), "clone");
    return clone;
}

void channel_handle::throw_moved_from(const char* verb) {
    throw closed_resource_error(fmt::format(
        "{} on an end of a channel that was moved from; use the one that it was moved to", verb));
}

// A value may be, or hold, an operation that this turn has made: it is counted before others get
// it.
bool try_send_now(endpoint& used, void* value, void* room_for_dropped, bool& has_dropped) {
    count_operations_of_turn();
    channel_core& core = used.core();
    channel_core::send_request request{value, room_for_dropped};
    wait_node* served = nullptr;
    auto sent = channel_core::sent::would_block;
    {
        const locked held(core.lock());
        sent = core.try_send_locked(used, request, served);
    }
    if (served != nullptr) served->wake();
    has_dropped = request.has_dropped;
    switch (sent) {
        case channel_core::sent::yes: return true;
        case channel_core::sent::would_block: return false;
        case channel_core::sent::closed: throw_closed(core, "try_send");
        case channel_core::sent::broken: throw_broken(core);
        case channel_core::sent::full: throw_full(core);
    }
    return false;
}

bool force_send(endpoint& used, void* value) {
    count_operations_of_turn();
    channel_core& core = used.core();
    wait_node* served = nullptr;
    auto sent = channel_core::sent::closed;
    {
        const locked held(core.lock());
        sent = core.force_send_locked(used, value, served);
    }
    if (served != nullptr) served->wake();
    return sent == channel_core::sent::yes;
}

try_received try_receive_now(endpoint& used, void* slot) {
    channel_core& core = used.core();
    wait_node* served = nullptr;
    auto received = channel_core::received::would_block;
    {
        const locked held(core.lock());
        received = core.try_receive_locked(used, slot, served);
    }
    if (served != nullptr) served->wake();
    switch (received) {
        case channel_core::received::yes: return try_received::value;
        case channel_core::received::would_block: break;
        case channel_core::received::closed: throw_closed(core, "try_receive");
        case channel_core::received::ended: throw_end(core);
    }
    return try_received::would_block;
}

std::size_t take_matching(endpoint& used, void* array, std::size_t room, void* context,
                          bool (*matches)(void* context, const void* value)) noexcept {
    return used.core().take_matching(array, room, context, matches);
}

void receive_available(endpoint& used, std::size_t most, void* context,
                       void (*take)(void* context, void* value) noexcept) noexcept {
    used.core().receive_available(used, most, context, take);
}

}  // namespace covey::detail
