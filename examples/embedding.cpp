// SPDX-License-Identifier: BSL-1.0
// A program with threads of its own asks tasks for results: a runtime, futures, errors, the end.

#include <covey/covey.hpp>

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

covey::task<int> word_count(std::string text) {
    int words = 0;
    bool inside = false;
    for (const char letter : text) {
        if (!inside && letter != ' ') ++words;
        inside = letter != ' ';
        co_await covey::checkpoint();
    }
    co_return words;
}

covey::task<int> fetch(std::string host) {
    co_await covey::sleep_for(1ms);
    if (host == "nowhere") throw std::runtime_error("no such host");
    co_return static_cast<int>(host.size());
}

covey::task<int> fetch_both(covey::runtime& runtime) {
    auto first = runtime.submit(fetch, "left");
    auto second = runtime.submit(fetch, "right");
    const int left = co_await first;
    const int right = co_await second;
    co_return left + right;
}

void ask_from_two_threads(covey::runtime& runtime) {
    std::vector<int> counted(2);
    std::thread first([&] { counted[0] = runtime.submit(word_count, "one two three").get(); });
    std::thread second([&] { counted[1] = runtime.submit(word_count, "four five").get(); });
    first.join();
    second.join();
    fmt::print("words: {} and {}\n", counted[0], counted[1]);
}

void ask_and_fail(covey::runtime& runtime) {
    covey::future<int> lost = runtime.submit({.name = "fetcher"}, fetch, "nowhere");
    try {
        lost.get();
    } catch (const std::runtime_error& error) {
        fmt::print("get() throws: {}\n", error.what());
    }
}

void lose_patience(covey::runtime& runtime) {
    covey::future<void> endless =
        runtime.submit([]() -> covey::task<> { co_await covey::sleep_forever(); });
    if (!endless.wait_for(5ms)) endless.cancel("it takes too long");
    try {
        endless.get();
    } catch (const covey::cancelled_error& error) {
        fmt::print("cancelled: {}\n", error.cause().reason);
    }
}

void forget_an_error(covey::runtime& runtime) {
    covey::set_unseen_error_handler([](std::string_view task, const std::exception_ptr&) noexcept {
        fmt::print("nobody asked what became of '{}'\n", task);
    });
    auto forgotten = runtime.submit({.name = "forgotten"}, fetch, "nowhere");
    while (!forgotten.done()) std::this_thread::yield();
}

void leave_something_behind() {
    covey::runtime runtime({.workers = 1});
    static_cast<void>(runtime.submit([]() -> covey::task<> {
        co_await covey::finally(covey::sleep_forever(), [] { fmt::print("cleaned up\n"); });
    }));
    runtime.submit([] {}).get();
}  // cancels what is left, and joins it

}  // namespace

int main() {
    covey::runtime runtime({.workers = 2});
    ask_from_two_threads(runtime);
    ask_and_fail(runtime);
    lose_patience(runtime);
    fmt::print("both: {}\n", runtime.run(fetch_both, std::ref(runtime)));
    forget_an_error(runtime);
    leave_something_behind();
    fmt::print("and gone\n");
}
