// SPDX-License-Identifier: BSL-1.0
#pragma once

// The untyped half of a memory channel, compiled once: what the typed skin in channel.hpp calls.
//
// What      element_type tells the core how to move and destroy; endpoint is one open end, which
//           handles and pending operations share; channel_operation waits on a channel.
// Lifetime  An endpoint is kept by its handle and by the operations made from it; a channel by
//           its endpoints. So an operation holds the channel, not the handle. But it is counted
//           only where it must be: made in a task, the turn owes the count until the operation
//           starts. A value that comes or goes needs the endpoint no more. While it waits it stands
//           in the channel's list, and whoever takes it out for another reason counts it then.

#include <covey/fwd.hpp>
#include <covey/lowlevel/park.hpp>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>

namespace covey {

// What a full channel does with one value more.
enum class overflow : std::uint8_t {
    block,        // the sender waits: backpressure
    drop_newest,  // the new value is dropped and counted
    drop_oldest,  // the longest-buffered value is dropped and counted
    fail,         // channel_full_error, the value stays with the sender
};

// A channel at one instant. The ends count open handles; blocked threads count as waiting.
struct channel_statistics {
    std::size_t current_buffer_used = 0;
    std::size_t max_buffer_size = 0;  // SIZE_MAX: unbounded
    std::size_t open_send_channels = 0;
    std::size_t open_receive_channels = 0;
    std::size_t tasks_waiting_send = 0;
    std::size_t tasks_waiting_receive = 0;
    std::size_t peak_buffer_used = 0;  // the most that a send has left in the buffer
    std::size_t dropped = 0;
};

namespace detail {

// How the core handles values whose type it doesn't know. Neither function throws.
struct element_type {
    std::size_t size;
    std::size_t alignment;
    void (*move_value)(void* to, void* from) noexcept;
    void (*destroy_value)(void* value) noexcept;
    bool is_word = false;  // eight bytes that can be copied as such: most of what is small

    // Constructs `to` from `from`, which stays.
    void move(void* to, void* from) const noexcept {
        if (is_word)
            __builtin_memcpy(to, from, 8);
        else
            move_value(to, from);
    }
    void destroy(void* value) const noexcept {
        if (!is_word) destroy_value(value);
    }
};

class channel_core;

// One open end of a channel: what a handle points to. Its lock is the channel's.
class endpoint : public lowlevel::reference_count {
 public:
    enum class side : bool { send, receive };
    // The first two are part of the channel, clones are blocks of their own.
    enum class home : bool { in_channel, own };

    endpoint(channel_core& core, side which, home where) noexcept
        : core_(reinterpret_cast<std::uintptr_t>(&core) | (which == side::receive ? receives : 0U) |
                (where == home::own ? is_own : 0U)) {}
    endpoint(const endpoint&) = delete;
    endpoint& operator=(const endpoint&) = delete;

    void drop_reference() noexcept {
        if (remove_reference()) destroy();
    }

    [[nodiscard]] channel_core& core() const noexcept {
        return *reinterpret_cast<channel_core*>(core_ & ~(receives | is_own));
    }
    [[nodiscard]] side which() const noexcept {
        return (core_ & receives) != 0 ? side::receive : side::send;
    }

 private:
    friend class channel_core;

    ~endpoint() = default;
    void destroy() noexcept;

    // What never changes: an address, and in its lowest bits what kind of end this is.
    static constexpr std::uintptr_t receives = 1;
    static constexpr std::uintptr_t is_own = 2;

    // Guarded by the channel's lock, both.
    std::uint32_t closed_ : 1 = 0;
    std::uint32_t waiting_ : 31 = 0;  // operations that wait through this end
    const std::uintptr_t core_;
};

// Keeps an endpoint, and so its channel, but doesn't keep it open.
class endpoint_reference {
 public:
    explicit endpoint_reference(endpoint& counted) noexcept : endpoint_(&counted) {
        counted.add_reference();
    }
    endpoint_reference(endpoint_reference&& other) noexcept
        : endpoint_(std::exchange(other.endpoint_, nullptr)) {}
    endpoint_reference& operator=(endpoint_reference&&) = delete;
    ~endpoint_reference() {
        if (endpoint_ != nullptr) endpoint_->drop_reference();
    }
    endpoint& operator*() const noexcept { return *endpoint_; }

 private:
    endpoint* endpoint_;
};

// Before an end, or an operation, can be somebody else's: what this turn has made is counted.
void count_operations_of_turn() noexcept;

// The untyped part of a handle: owns one open end, and closes it.
class channel_handle {
 public:
    channel_handle(channel_handle&& other) noexcept
        : endpoint_(std::exchange(other.endpoint_, nullptr)) {
        count_operations_of_turn();
    }
    channel_handle& operator=(channel_handle&& other) noexcept {
        channel_handle taken(std::move(other));
        std::swap(endpoint_, taken.endpoint_);
        return *this;
    }

    // No more through this handle: wakes those who wait on it. Idempotent; not a checkpoint; any
    // thread. The last sender's ends the channel, the last receiver's breaks it and destroys what
    // is buffered.
    void close() noexcept;
    [[nodiscard]] bool closed() const noexcept;
    // Any thread. Cost: one lock, and a walk over those who wait.
    [[nodiscard]] channel_statistics statistics() const;

 protected:
    explicit channel_handle(endpoint* owned) noexcept : endpoint_(owned) {}
    ~channel_handle();

    [[nodiscard]] endpoint* clone_endpoint() const;
    // The open end that an operation goes through; closed_resource_error after a move.
    [[nodiscard]] endpoint& through(const char* verb) const {
        if (endpoint_ == nullptr) [[unlikely]]
            throw_moved_from(verb);
        return *endpoint_;
    }

 private:
    friend class select_arm;

    [[noreturn]] static void throw_moved_from(const char* verb);

    endpoint* endpoint_;  // null: moved from
};

struct endpoint_pair {
    endpoint* send;
    endpoint* receive;
};

inline constexpr std::size_t unbounded_capacity = static_cast<std::size_t>(-1);

[[nodiscard]] endpoint_pair make_channel(const element_type& type, std::size_t capacity,
                                         overflow policy, const std::source_location& place);
[[noreturn]] void throw_negative_capacity();

// Base of sending and receiving: holds its endpoint, waits under the channel's lock.
class channel_operation : public lowlevel::wait_operation {
 protected:
    friend class lowlevel::wait_operation;

    explicit channel_operation(endpoint& used) noexcept
        : channel_operation(used, lowlevel::this_turn()) {}
    channel_operation(channel_operation&& other) noexcept;
    ~channel_operation() override {
        if (is_fresh() || node().holds_through) let_go();
    }

    void begin(lowlevel::turn& now) noexcept {
        if (now.simulated != nullptr) [[unlikely]]
            note_use(now);
        if (now.owed == used() && !node().holds_through) [[likely]]
            now.owed = nullptr;
        else
            begin_counted(now);
    }
    void lock() noexcept final;
    void unlock() noexcept final;  // and wakes whom the operation has served

    void tell(lowlevel::wait_report& report) const final;

    [[nodiscard]] channel_core& core() const noexcept { return used()->core(); }
    // The end that it goes through; null: moved from.
    [[nodiscard]] endpoint* used() const noexcept { return static_cast<endpoint*>(node().through); }
    // For one that uses its end after a value has come.
    void count_before_start() noexcept;

 private:
    channel_operation(endpoint& used, lowlevel::turn* now) noexcept {
        node().through = &used;
        if (now != nullptr) [[likely]] {
            now->owe(used);
        } else {
            used.add_reference();
            node().holds_through = true;
        }
    }

    [[nodiscard]] lowlevel::spin_lock& guard() const noexcept;
    [[nodiscard]] bool is_owed_alone(const lowlevel::turn& now) const noexcept {
        return now.owed == used() && !node().holds_through;
    }
    void begin_owed(lowlevel::turn& now) noexcept { now.owed = nullptr; }
    void note_use(lowlevel::turn& now) const noexcept;
    void begin_counted(lowlevel::turn& now) noexcept;
    void let_go() noexcept;
};

inline constexpr lowlevel::wait_traits waits_to_send{"send"};
inline constexpr lowlevel::wait_traits waits_to_receive{"receive"};

class send_operation_base : public channel_operation {
 public:
    // Throws what became of the value, if it wasn't delivered.
    void await_resume() const {
        if (node().result != lowlevel::wait_result::done) [[unlikely]]
            throw_not_sent();
    }

 protected:
    explicit send_operation_base(endpoint& used) noexcept : channel_operation(used) {}
    send_operation_base(send_operation_base&& other) noexcept = default;

    [[nodiscard]] bool await_ready();
    // Before it starts: the value, and room for one that drop_oldest pushes out.
    void prepare(void* value, void* room_for_dropped) noexcept {
        node().slot = value;
        room_for_dropped_ = room_for_dropped;
    }
    [[nodiscard]] bool has_dropped() const noexcept { return has_dropped_; }

 private:
    friend class lowlevel::wait_operation;

    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final {
        return waits_to_send;
    }
    [[nodiscard]] bool try_usual() noexcept;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
    [[noreturn]] void throw_not_sent() const;

    void* room_for_dropped_;  // once prepared
    bool has_dropped_ = false;
};

class receive_operation_base : public channel_operation {
 protected:
    explicit receive_operation_base(endpoint& used) noexcept : channel_operation(used) {}
    receive_operation_base(receive_operation_base&& other) noexcept = default;

    [[nodiscard]] bool await_ready();
    void prepare(void* place) noexcept { node().slot = place; }
    // True: there is a value in the slot. False: the channel has ended. Throws
    // closed_resource_error.
    [[nodiscard]] bool received() {
        if (node().result == lowlevel::wait_result::closed) [[unlikely]]
            throw_closed_end();
        return node().result == lowlevel::wait_result::done;
    }
    [[noreturn]] void throw_ended() const;

 private:
    friend class lowlevel::wait_operation;

    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept final {
        return waits_to_receive;
    }
    [[noreturn]] void throw_closed_end() const;
    [[nodiscard]] bool try_usual() noexcept;
    bool try_now() final;
    void link() noexcept final;
    void unlink() noexcept final;
};

// The synchronous calls. `value` is moved from only when sent.
[[nodiscard]] bool try_send_now(endpoint& used, void* value, void* room_for_dropped,
                                bool& has_dropped);
// Beyond capacity and overflow policy, for what must neither wait nor be dropped: to the waiting
// receiver, or to the end of the buffer, whatever is in it. False: closed or broken, `value` is
// untouched. Throws std::bad_alloc, nothing changed.
[[nodiscard]] bool force_send(endpoint& used, void* value);
enum class try_received : std::uint8_t { value, would_block };
[[nodiscard]] try_received try_receive_now(endpoint& used, void* slot);
// Up to `most` values that are there, each given to take(context, value) with the lock held.
void receive_available(endpoint& used, std::size_t most, void* context,
                       void (*take)(void* context, void* value) noexcept) noexcept;

// Takes every buffered value for which matches() is true, in order, to the elements of an array;
// the others stay, in order, and senders that wait come after them. Gives how many it took; where
// more than `room` values are buffered, SIZE_MAX, and nothing was done. O(n) under the lock.
[[nodiscard]] std::size_t take_matching(endpoint& used, void* array, std::size_t room,
                                        void* context,
                                        bool (*matches)(void* context, const void* value)) noexcept;

}  // namespace detail
}  // namespace covey
