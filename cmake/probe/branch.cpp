// SPDX-License-Identifier: BSL-1.0
// Miscompilation A: a `co_await` as the condition of if, while or switch, in a coroutine that
// declares nothing around it. A broken compiler skips the bodies or crashes. Exit code 0: sound.
#include <coroutine>
#include <exception>

namespace {

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
struct later {
    T value;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<>) {}
    T await_resume() { return value; }
};

int rounds_left = 3;
int bodies = 0;

later<bool> again() { return {rounds_left-- > 0}; }

step branches() {
    if (co_await later<bool>{true}) ++bodies;
}

step loops() {
    while (co_await again()) ++bodies;
}

step switches() {
    switch (co_await later<int>{2}) {
        case 2: ++bodies; break;
        default: break;
    }
}

void finish(step coroutine) {
    while (!coroutine.frame.done()) coroutine.frame.resume();
    coroutine.frame.destroy();
}

}  // namespace

int main() {
    finish(branches());
    finish(loops());
    finish(switches());
    return bodies == 5 ? 0 : 1;
}
