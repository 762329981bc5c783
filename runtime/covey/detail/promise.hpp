// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the compiler needs to make a coroutine out of a function that returns task<T>.
//
// What      promise_base is a frame's head; frame_owner is who made the frame run: a continuation,
//           the place in a parent frame that waits for it, or the record of a task. So the chain
//           leaf -> continuation -> parent frame -> ... ends at the record.
// Invariant A frame never resumes another one: it tells the worker what to run next, and the
//           worker loop is the one place that resumes. So neither depth nor number of awaits grows
//           the stack, in any build.
// Lifetime  Unwinding destroys the leaf, clears its owner's handle and goes up, in a loop.

#include <covey/fwd.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace covey {

namespace detail {

struct task_access;

// Who a frame_owner is, and what comes of a frame of his that is stopped.
enum class owner_kind : std::uint8_t {
    record,    // of the task, whose root the frame is: the task is stopped
    awaiter,   // a continuation: the parent frame is stopped too
    boundary,  // likewise, but the parent goes on
    block,     // a block_place: it says which of the two
    in_place,  // likewise; it stands in for the owner of its own frame
};

// Owns a frame. Whether it ends by error or by being stopped is told here; its value stays with it.
struct frame_owner {
    std::coroutine_handle<> child = nullptr;
    std::exception_ptr error;  // what the frame threw
    owner_kind kind = owner_kind::record;
    bool stopped = false;  // by a cancellation, and it ends here: no value and no error came out

    frame_owner() noexcept = default;
    frame_owner(const frame_owner&) = delete;
    frame_owner& operator=(const frame_owner&) = delete;
    ~frame_owner() {
        if (child) child.destroy();
    }

    // The frame that awaits; null: the owned one is a task's root.
    [[nodiscard]] promise_base* parent_frame() const noexcept;
    void rethrow_error() {
        if (error) std::rethrow_exception(std::exchange(error, nullptr));
    }
};

struct continuation : frame_owner {
    promise_base* parent = nullptr;

    continuation() noexcept { kind = owner_kind::awaiter; }
};

inline promise_base* frame_owner::parent_frame() const noexcept {
    return kind == owner_kind::record ? nullptr : static_cast<const continuation*>(this)->parent;
}

struct stands_for_its_caller {};

// Tells the worker to go on with the awaited frame, with the parent of a finished one, or to
// unwind from a frame outwards. Each is the last act of a frame before it suspends.
void run_child_next(frame_owner& to, promise_base& child) noexcept;
void run_parent_next(promise_base& finished) noexcept;
void unwind_next(promise_base& from) noexcept;

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;
[[noreturn]] void throw_awaited_twice(std::source_location made_by);

// Thrown away type by type: what awaits of the wrong kind are told.
template <class A>
constexpr void check_awaitable();

struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
        run_parent_next(frame.promise());
    }
    void await_resume() const noexcept {}
};

class promise_base {
 public:
    std::source_location place;  // where the frame awaits; before that, the function itself

    promise_base() noexcept = default;
    promise_base(const promise_base&) = delete;
    promise_base& operator=(const promise_base&) = delete;

    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { owner().error = std::current_exception(); }

    // Who made it run; null before. Whoever takes over from an owner gets that one back.
    [[nodiscard]] frame_owner& owner() const noexcept {
        return *reinterpret_cast<frame_owner*>(owner_ & ~is_internal);
    }
    frame_owner* set_owner(frame_owner& next) noexcept {
        auto* const before = reinterpret_cast<frame_owner*>(owner_ & ~is_internal);
        owner_ = reinterpret_cast<std::uintptr_t>(&next) | (owner_ & is_internal);
        return before;
    }

    // A coroutine of covey's own says so first: what it awaits is shown at its caller's place.
    std::suspend_never await_transform(stands_for_its_caller) noexcept {
        owner_ |= is_internal;
        if (const promise_base* caller = owner().parent_frame()) place = caller->place;
        return {};
    }
    template <class A>
    A&& await_transform(A&& awaited,
                        std::source_location where = std::source_location::current()) noexcept {
        check_awaitable<A>();
        if ((owner_ & is_internal) == 0) place = where;
        return static_cast<A&&>(awaited);
    }

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

 protected:
    ~promise_base() = default;

 private:
    // In the lowest bit of the owner's address: shown at its caller's place.
    static constexpr std::uintptr_t is_internal = 1;

    std::uintptr_t owner_ = 0;
};

template <class T>
class task_promise final : public promise_base {
 public:
    std::optional<T> value;

    task<T> get_return_object(
        std::source_location location = std::source_location::current()) noexcept;

    template <class U = T>
        requires std::is_constructible_v<T, U&&>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }

    T take() { return std::move(*value); }
};

template <>
class task_promise<void> final : public promise_base {
 public:
    task<void> get_return_object(
        std::source_location location = std::source_location::current()) noexcept;
    void return_void() const noexcept {}
    void take() const noexcept {}
};

// `co_await some_task()`: the child runs in the parent's place; value and error pass through.
template <class T>
class [[nodiscard]] task_awaiter : private continuation {
 public:
    using handle = std::coroutine_handle<task_promise<T>>;

    explicit task_awaiter(handle frame) noexcept { child = frame; }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
        parent = &frame.promise();
        run_child_next(*this, promise());
    }
    T await_resume() {
        rethrow_error();
        return promise().take();
    }

 private:
    [[nodiscard]] task_promise<T>& promise() const noexcept {
        return handle::from_address(child.address()).promise();
    }
};

}  // namespace detail

// Something that can be co_awaited in a covey task; awaitable_result_t is what it gives.
template <class A>
concept awaitable = requires { typename std::remove_cvref_t<A>::covey_result; };
template <awaitable A>
using awaitable_result_t = typename std::remove_cvref_t<A>::covey_result;

namespace detail {

template <class>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

template <class A>
constexpr void check_awaitable() {
    static_assert(awaitable<A>,
                  "covey: only covey's own awaitables can be co_awaited in a covey task");
    static_assert(!(std::is_lvalue_reference_v<A> && is_task<std::remove_cvref_t<A>>),
                  "covey: a task is awaited once, as an rvalue: co_await std::move(task)");
}

}  // namespace detail

}  // namespace covey
