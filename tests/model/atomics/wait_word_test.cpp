// SPDX-License-Identifier: BSL-1.0
// The wait protocol of <covey/lowlevel/park.hpp>: whoever completes, cancels and withdraws, exactly
// one party ends a wait, and the waiter finds what was stored before.

#include "explored.hpp"

#include <covey/lowlevel/park.hpp>

namespace {

using checked::explore_all;
using covey::lowlevel::atomic;
using covey::lowlevel::locked;
using covey::lowlevel::order;
using covey::lowlevel::pause;
using covey::lowlevel::spin_lock;
using covey::lowlevel::wait_list;
using covey::lowlevel::wait_node;
using covey::lowlevel::wait_operation;
using covey::lowlevel::wait_result;
using covey::lowlevel::wait_traits;
using covey::lowlevel::wait_word;
using covey::lowlevel::waiter;
using model::expect;
using model::together;

constexpr wait_traits waits{"wait"};

// The steps are the test's: only its address is used.
class operation final : public wait_operation {
 public:
    operation() noexcept = default;

 private:
    [[nodiscard]] const wait_traits& traits() const noexcept override { return waits; }
    void lock() noexcept override {}
    void unlock() noexcept override {}
    bool try_now() override { return false; }
    void link() noexcept override {}
    void unlink() noexcept override {}
};

// A task that waits for an object, as start_locked() and the worker do it.
class party final : public waiter {
 public:
    void wake() noexcept override { woken_.fetch_add(1, order::release); }

    // True: what it waited for has come.
    bool wait(spin_lock& lock, wait_list& waiting) {
        {
            const locked held(lock);
            if (word.is_cancelled()) return false;
            node_.who = this;
            node_.slot = nullptr;
            waiting.push_back(node_);
            if (!word.arm(operation_)) {
                waiting.remove(node_);
                return false;
            }
        }
        while (woken_.load(order::acquire) == 0) pause();
        if (word.claimed() == nullptr) return true;
        const locked held(lock);
        node_.leave(waiting);
        return false;
    }
    [[nodiscard]] int times_woken() const { return woken_.load(order::relaxed); }
    [[nodiscard]] void* found() const { return node_.slot; }

 private:
    operation operation_;
    wait_node node_;
    atomic<int> woken_{0};
};

// Gives what it has to the first that takes it; true: one did.
bool give(spin_lock& lock, wait_list& waiting, void* what) {
    wait_node* served = nullptr;
    {
        const locked held(lock);
        while (wait_node* first = waiting.pop_front()) {
            if (!first->claim()) continue;
            served = first;
            served->slot = what;
            served->result = wait_result::done;
            break;
        }
    }
    if (served != nullptr) served->who->wake();
    return served != nullptr;
}

void cancel(party& whom) {
    if (whom.word.cancel()) whom.wake();
}

struct object {
    spin_lock lock;
    wait_list waiting;
    party first;
    party second;
    int value = 0;
};

TEST_CASE("wait_word: a completion against a cancellation") {
    explore_all(
        [] {
            object it;
            bool given = false;
            bool received = false;
            together([&] { received = it.first.wait(it.lock, it.waiting); },
                     [&] {
                         it.value = 1;
                         given = give(it.lock, it.waiting, &it.value);
                     },
                     [&] { cancel(it.first); });
            expect(given == received, "what was given was received");
            expect(!received || it.first.found() == &it.value, "the waiter finds its value");
            expect(it.first.times_woken() <= 1, "one party ends a wait");
            expect(it.first.word.is_cancelled(), "the cancellation isn't forgotten");
            expect(it.waiting.empty(), "nobody stays in the list");
        },
        3);
}

TEST_CASE("wait_word: two cancellations of one wait") {
    explore_all(
        [] {
            object it;
            together([&] { expect(!it.first.wait(it.lock, it.waiting), "it was cancelled"); },
                     [&] { cancel(it.first); }, [&] { cancel(it.first); });
            expect(it.first.times_woken() <= 1, "one party ends a wait");
            expect(it.waiting.empty(), "nobody stays in the list");
        },
        3);
}

TEST_CASE("wait_word: who was cancelled is passed over, and the next one served") {
    explore_all([] {
        object it;
        bool first = false;
        bool second = false;
        bool given = false;
        together([&] { first = it.first.wait(it.lock, it.waiting); },
                 [&] { second = it.second.wait(it.lock, it.waiting); },
                 [&] {
                     it.value = 1;
                     given = give(it.lock, it.waiting, &it.value);
                     cancel(it.second);
                     cancel(it.first);
                 });
        expect(int(first) + int(second) == int(given), "one value, one receiver");
        expect(it.waiting.empty(), "nobody stays in the list");
    });
}

TEST_CASE("wait_word: two who complete serve two waiters") {
    explore_all([] {
        object it;
        bool first = false;
        int given = 0;
        int late = 0;
        together(
            [&] {
                first = it.first.wait(it.lock, it.waiting);
                late = give(it.lock, it.waiting, &it.value) ? 1 : 0;
            },
            [&] { given = give(it.lock, it.waiting, &it.value) ? 1 : 0; },
            [&] { cancel(it.first); });
        expect(int(first) == given && late == 0, "one value, one receiver");
    });
}

// A cancellation is taken back while its task runs: either it was met, or it is as if it never was.
TEST_CASE("wait_word: a cancellation that is withdrawn") {
    explore_all(
        [] {
            object it;
            bool given = false;
            bool received = false;
            atomic<bool> left{false};
            together(
                [&] {
                    received = it.first.wait(it.lock, it.waiting);
                    left.store(true, order::release);
                },
                [&] {
                    if (it.first.word.cancel())
                        it.first.wake();
                    else
                        it.first.word.withdraw_cancel();
                },
                [&] {
                    while (!given && !left.load(order::acquire)) {
                        given = give(it.lock, it.waiting, &it.value);
                        if (!given) pause();
                    }
                });
            expect(given == received, "what was given was received");
        },
        2);
}

}  // namespace
