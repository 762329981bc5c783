// SPDX-License-Identifier: BSL-1.0
// Miscompilation B: an aggregate, or a lambda that owns its captures, as a temporary inside the
// full-expression of a `co_await`. A broken compiler destroys it twice. Exit code 0: sound.
#include <coroutine>
#include <exception>

namespace {

int alive = 0;
int lowest = 0;

struct counted {
    counted() { ++alive; }
    counted(const counted&) { ++alive; }
    counted(counted&&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    ~counted() {
        --alive;
        if (alive < lowest) lowest = alive;
    }
};

struct step {
    struct promise_type {
        step get_return_object() {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> frame;
};

template <class T>
struct sending {
    T value;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<>) {}
    void await_resume() {}
};

struct job {
    int number;
    counted payload;
};

template <class T>
sending<T> send(T value) {
    return {static_cast<T&&>(value)};
}

step sends_an_aggregate() { co_await send(job{1, counted{}}); }

step sends_a_closure() {
    counted owned;
    co_await send([owned] { static_cast<void>(owned); });
}

void finish(step coroutine) {
    while (!coroutine.frame.done()) coroutine.frame.resume();
    coroutine.frame.destroy();
}

}  // namespace

int main() {
    finish(sends_an_aggregate());
    finish(sends_a_closure());
    return alive == 0 && lowest == 0 ? 0 : 1;
}
