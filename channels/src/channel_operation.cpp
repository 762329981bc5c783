// SPDX-License-Identifier: BSL-1.0
//
// Sending and receiving as a task awaits them: what channel_core decides, and the wait for it.

#include "channel_core.hpp"

#include <utility>

namespace covey::detail {

void channel_operation::note_use(lowlevel::turn& now) const noexcept {
    channel_core::note_use(now, *used());
}
void channel_operation::tell(lowlevel::wait_report& report) const {
    channel_core::tell(*used(), report);
}

// Before it starts, so the new one owes or holds what the old one did.
channel_operation::channel_operation(channel_operation&& other) noexcept
    : wait_operation(std::move(other)) {
    node().through = std::exchange(other.node().through, nullptr);
    node().holds_through = std::exchange(other.node().holds_through, false);
}

void channel_operation::let_go() noexcept {
    if (used() == nullptr) return;
    if (!node().holds_through) {
        lowlevel::turn* now = lowlevel::this_turn();
        if (now != nullptr && now->cancel_debt(*used())) return;
    }
    used()->drop_reference();
}

void channel_operation::begin_counted(lowlevel::turn& now) noexcept {
    if (!node().holds_through) node().holds_through = !now.cancel_debt(*used());
    now.pay();
}

void channel_operation::count_before_start() noexcept {
    if (!is_fresh() || node().holds_through) return;
    if (lowlevel::turn* now = lowlevel::this_turn()) now->pay();
    node().holds_through = true;
}

void channel_operation::lock() noexcept { core().lock().lock(); }

void channel_operation::unlock() noexcept {
    lowlevel::wait_node* served = node().take_served();
    core().lock().unlock();
    if (served != nullptr) served->wake();
}

lowlevel::spin_lock& channel_operation::guard() const noexcept { return core().lock(); }

// The usual case is a leaf: nothing is called, so nothing is saved.
bool send_operation_base::await_ready() { return start_as_usual(*this); }

bool send_operation_base::try_usual() noexcept {
    return core().send_word_locked(*used(), node().slot);
}

// What can't be over in the usual way mostly has to wait.
bool send_operation_base::try_now() {
    if (!core().may_send_locked(*used())) return false;
    lowlevel::wait_node* served = nullptr;
    const bool decided =
        core().decide_send_locked(*used(), node(), room_for_dropped_, has_dropped_, served);
    node().keep_served(served);
    return decided;
}

void send_operation_base::link() noexcept { core().enter(node(), *used()); }
void send_operation_base::unlink() noexcept { core().leave(node()); }

void send_operation_base::throw_not_sent() const { throw_unsent(core(), node().result); }

bool receive_operation_base::await_ready() { return start_as_usual(*this); }

bool receive_operation_base::try_usual() noexcept {
    return core().receive_word_locked(*used(), node().slot);
}

bool receive_operation_base::try_now() {
    if (!core().may_receive_locked(*used())) return false;
    lowlevel::wait_node* served = nullptr;
    const bool decided = core().decide_receive_locked(*used(), node(), served);
    node().keep_served(served);
    return decided;
}

void receive_operation_base::link() noexcept { core().enter(node(), *used()); }
void receive_operation_base::unlink() noexcept { core().leave(node()); }

void receive_operation_base::throw_closed_end() const { throw_closed(core(), "receive"); }

void receive_operation_base::throw_ended() const { throw_end(core()); }

}  // namespace covey::detail
