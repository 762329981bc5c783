// SPDX-License-Identifier: BSL-1.0
#include "limits.hpp"

#include <coroutine>
#include <exception>
#include <utility>

namespace limits {

namespace {

// Starts when it is resumed; whoever has the handle destroys it.
struct bare {
    struct promise_type {
        bare get_return_object() {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<> handle;
};

// Awaited by one other coroutine, which it resumes at its end.
class lazy {
 public:
    struct promise_type {
        struct resume_caller {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) noexcept {
                return self.promise().caller;
            }
            void await_resume() noexcept {}
        };
        lazy get_return_object() {
            return lazy(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        resume_caller final_suspend() noexcept { return {}; }
        void return_value(u64 result) { value = result; }
        void unhandled_exception() { std::terminate(); }
        std::coroutine_handle<> caller;
        u64 value = 0;
    };

    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
        handle_.promise().caller = caller;
        return handle_;
    }
    u64 await_resume() {
        const u64 result = handle_.promise().value;
        handle_.destroy();
        return result;
    }

 private:
    explicit lazy(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

struct transfer_to {
    std::coroutine_handle<>* other;
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept { return *other; }
    void await_resume() noexcept {}
};

u64 counter = 0;

[[gnu::noinline]] bare count_for_ever() {
    for (;;) {
        ++counter;
        co_await std::suspend_always{};
    }
}
[[gnu::noinline]] bare count_once(u64 by) {
    counter += by;
    co_return;
}
[[gnu::noinline]] bare transfer_times(std::coroutine_handle<>* other, u64 times) {
    for (u64 i = 0; i < times; ++i) co_await transfer_to{other};
}
[[gnu::noinline]] bare transfer_for_ever(std::coroutine_handle<>* other) {
    for (;;) co_await transfer_to{other};
}
[[gnu::noinline]] lazy successor(u64 x) { co_return x + 1; }
[[gnu::noinline]] bare await_times(u64 times) {
    for (u64 i = 0; i < times; ++i) counter += co_await successor(i);
}

struct adder {
    virtual u64 add(u64 x) = 0;
    virtual ~adder() = default;
};
struct add_one : adder {
    [[gnu::noinline]] u64 add(u64 x) override { return x + 1; }
};
struct add_two : adder {
    [[gnu::noinline]] u64 add(u64 x) override { return x + 2; }
};
[[gnu::noinline]] u64 plus_one(u64 x) { return x + 1; }

}  // namespace

void coroutines() {
    pin(0);
    const bare endless = count_for_ever();
    measure("resume_and_suspend", 200'000'000, [&] { endless.handle.resume(); });
    endless.handle.destroy();
    {
        constexpr u64 rounds = 50'000'000;
        std::coroutine_handle<> first;
        std::coroutine_handle<> second;
        const bare one = transfer_times(&second, rounds);
        const bare other = transfer_for_ever(&first);
        first = one.handle;
        second = other.handle;
        const u64 start = now();
        first.resume();
        per_operation(start, 2 * rounds, "symmetric_transfer");
        first.destroy();
        second.destroy();
    }
    measure("create_run_destroy", 20'000'000, [] {
        const bare once = count_once(1);
        once.handle.resume();
        once.handle.destroy();
    });
    constexpr u64 awaits = 20'000'000;
    const bare caller = await_times(awaits);
    const u64 start = now();
    caller.handle.resume();
    per_operation(start, awaits, "await_lazy_task");
    caller.handle.destroy();
}

void calls() {
    pin(0);
    u64 (*volatile function)(u64) = plus_one;
    u64 x = 0;
    measure("indirect_call", 200'000'000, [&] { x = function(x); });
    add_one one;
    add_two two;
    adder* const both[] = {&one, &two};
    unsigned i = 0;
    measure("virtual_call_alternating", 100'000'000, [&] {
        adder* each = both[i++ & 1];
        keep(each);
        x = each->add(x);
    });
    keep(x);
}

}  // namespace limits
