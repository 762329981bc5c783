// SPDX-License-Identifier: BSL-1.0
#pragma once

// The operations behind tell and ask: where a message lives until it is posted.
//
// What      The message moves into the operation when tell or ask is called, and back to where it
//           came from when it could not be posted: on an error, and when the wait was cancelled. A
//           trivially copyable one is simply still there.
// Lifetime  An operation keeps the cell. What it gives back it gives to the sender's object: that
//           has to live as long as the operation, as it does in `co_await ref.tell(std::move(m))`.

#include <covey/detail/actor_cell.hpp>
#include <covey/detail/handled_messages.hpp>
#include <covey/detail/reply.hpp>
#include <covey/timeout.hpp>

#include <type_traits>
#include <utility>

namespace covey::detail {

// Where a message came from, for giving it back.
template <class M>
class message_source {
 public:
    message_source() noexcept = default;
    explicit message_source(M& from) noexcept {
        if constexpr (!std::is_trivially_copyable_v<M>) from_ = &from;
    }
    // What is in the box wasn't posted.
    void give_back(message_box& box) noexcept {
        if constexpr (!std::is_trivially_copyable_v<M>) {
            M* from = std::exchange(from_, nullptr);
            if (from == nullptr) return;
            try {
                M& message = stored_message<M>(box.storage());
                if constexpr (std::is_move_assignable_v<M>) {
                    *from = std::move(message);
                } else {
                    from->~M();
                    ::new (static_cast<void*>(from)) M(std::move(message));
                }
            } catch (...) {  // it throws on every way there is: the message is lost
            }
        }
    }

 private:
    M* from_ = nullptr;
};

// The message in an envelope, and its way back.
template <class M>
class outgoing {
 public:
    template <class S>
    outgoing(actor_cell& target, const message_type& type, std::uint32_t only_incarnation,
             S&& message)
        : letter(target, only_incarnation) {
        letter.box.template put<M>(type, std::forward<S>(message));
        if constexpr (!std::is_lvalue_reference_v<S> && !std::is_const_v<S>)
            source_ = message_source<M>(message);
    }
    outgoing(outgoing&&) noexcept = default;

    // After an attempt: if it wasn't posted, the sender gets it back.
    void give_back() noexcept {
        if (!letter.is_empty() && !letter.is_posted) source_.give_back(letter.box);
    }

    envelope letter;

 private:
    message_source<M> source_;
};

template <class M>
class [[nodiscard]] tell_operation final : public post_operation {
 public:
    template <class S>
    tell_operation(const cell_ref& target, const message_type& type, std::uint32_t only_incarnation,
                   S&& message)
        : post_operation(target),
          message_(*target_, type, only_incarnation, std::forward<S>(message)) {}
    tell_operation(tell_operation&&) noexcept = default;
    ~tell_operation() override {
        if (is_begun_) message_.give_back();
    }

    bool await_ready() {
        is_begun_ = true;
        return post_operation::await_ready(message_.letter);
    }

 private:
    outgoing<M> message_;
    bool is_begun_ = false;
};

// Sends a request and waits for its reply. Where there is room for the request this is one wait in
// the asker's frame; else a coroutine does both.
class ask_operation_base : public reply_wait {
 public:
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        if (slowly_.child) {
            slowly_.parent = &frame.promise();
            run_child_next(slowly_, *slow_promise_);
        } else {
            reply_wait::await_suspend(frame);
        }
    }

 protected:
    ask_operation_base(const cell_ref& target, reply_core& reply) noexcept
        : reply_wait(reply), target_(target) {}
    ask_operation_base(ask_operation_base&& other) noexcept;
    ~ask_operation_base() override;

    bool await_ready(envelope& request);
    void tell(lowlevel::wait_report& report) const override;
    // Throws why there is no answer.
    void check_answered();
    [[nodiscard]] bool is_begun() const noexcept { return is_begun_; }

    operation_target target_;

 private:
    void enter_wait_graph();

    continuation slowly_;
    promise_base* slow_promise_ = nullptr;
    bool is_begun_ = false;
    bool is_answered_ = false;
};

template <class R, class M>
class [[nodiscard]] ask_operation final : public ask_operation_base {
 public:
    using covey_result = R;

    template <class S>
    ask_operation(const cell_ref& target, const message_type& type, std::uint32_t only_incarnation,
                  S&& message)
        : ask_operation_base(target, *new reply_state<R>()),
          message_(*target_, type, only_incarnation, std::forward<S>(message)) {
        message_.letter.reply = &reply_->shared();
    }
    ask_operation(ask_operation&&) noexcept = default;
    ~ask_operation() override {
        if (is_begun()) message_.give_back();
    }

    bool await_ready() { return ask_operation_base::await_ready(message_.letter); }
    R await_resume() {
        check_answered();
        if constexpr (!std::is_void_v<R>)
            return std::move(*static_cast<reply_state<R>&>(*reply_).value);
    }

 private:
    outgoing<M> message_;
};

// "asking actor 'x' took longer than its time limit"
[[noreturn]] void throw_callee_too_slow(const cell_ref& target);

template <class R, class M>
task<R> ask_within(cell_ref target, ask_operation<R, M> ask, duration limit) {
    co_await stands_for_its_caller();
    scope_block block({.timeout = limit});
    settled<R> result;
    co_await settle(result, [&] { return await_in_task(std::move(ask)); });
    if (block.leave(result.stopped)) co_await pass_stop_on();
    result.rethrow_error();
    if (result.stopped) throw_callee_too_slow(target);
    if constexpr (!std::is_void_v<R>) co_return result.take();
}

}  // namespace covey::detail
