// SPDX-License-Identifier: BSL-1.0
// The wait protocol itself: the word of a waiter, and operations made for the occasion.
#include <covey/lowlevel/park.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using covey::lowlevel::wait_list;
using covey::lowlevel::wait_node;
using covey::lowlevel::wait_operation;
using covey::lowlevel::wait_traits;
using covey::lowlevel::wait_word;

constexpr wait_traits waits_for_number{"a number"};
constexpr wait_traits waits_stubbornly{"a number, whatever happens", false};

// Hands out numbers to whoever waits, first come, first served. Everything that an object that
// tasks wait for has, and a place to look in.
class counter_desk {
 public:
    class wait;

    // To the one that has waited longest; false: nobody was there.
    bool give(int number) {
        wait_node* woken = nullptr;
        {
            const covey::lowlevel::locked held(lock_);
            while (woken == nullptr) {
                wait_node* node = waiting_.pop_front();
                if (node == nullptr) return false;
                if (!node->claim()) {
                    ++refused;
                    continue;
                }
                *static_cast<int*>(node->slot) = number;
                woken = node;
            }
        }
        woken->wake();
        return true;
    }
    // To the next that comes.
    void put(int number) {
        const covey::lowlevel::locked held(lock_);
        ready_.push_back(number);
    }
    [[nodiscard]] std::size_t waiting() {
        const covey::lowlevel::locked held(lock_);
        return covey::lowlevel::count_waiting(waiting_);
    }

    int refused = 0;                            // waiters found that no longer waited
    int withdrawn = 0;                          // waiters that took themselves out
    std::function<void()> before_lock = [] {};  // runs between the check and the try

 private:
    covey::lowlevel::spin_lock lock_;
    wait_list waiting_;
    std::vector<int> ready_;
};

class [[nodiscard]] counter_desk::wait final : public wait_operation {
 public:
    using covey_result = int;

    explicit wait(counter_desk& desk, const wait_traits& traits = waits_for_number)
        : traits_(&traits), desk_(&desk) {}
    wait(wait&& other) noexcept = default;

    int await_resume() const { return number_; }

 private:
    [[nodiscard]] const wait_traits& traits() const noexcept override { return *traits_; }
    void lock() noexcept override {
        desk_->before_lock();
        desk_->lock_.lock();
    }
    void unlock() noexcept override { desk_->lock_.unlock(); }
    bool try_now() override {
        if (desk_->ready_.empty()) return false;
        number_ = desk_->ready_.back();
        desk_->ready_.pop_back();
        if (number_ < 0) throw std::out_of_range("below zero");
        return true;
    }
    void link() noexcept override {
        node().slot = &number_;
        desk_->waiting_.push_back(node());
    }
    void unlink() noexcept override {
        ++desk_->withdrawn;
        node().leave(desk_->waiting_);
    }

    const wait_traits* traits_;
    counter_desk* desk_;
    int number_ = 0;
};

}  // namespace

TEST_CASE("what is offered after cancel has returned reaches no covered wait (C1, K6)") {
    int taken = 0;
    counter_desk desk;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                // What another thread may do just before the waiter gets the lock.
                desk.before_lock = [&, once = true]() mutable {
                    if (!std::exchange(once, false)) return;
                    scope.cancel();
                    desk.put(7);
                };
                taken = co_await counter_desk::wait(desk);
            });
        CHECK_FALSE(result.finished());
        const int left = co_await counter_desk::wait(desk);
        CHECK(left == 7);
    });
    CHECK(taken == 0);
}

TEST_CASE("a word is armed, completed once, and armed again (K17, K18)") {
    counter_desk desk;
    counter_desk::wait one(desk), other(desk);
    wait_word word;

    CHECK_FALSE(word.complete());  // nobody waits
    REQUIRE(word.arm(one));
    CHECK(word.is_waiting());
    CHECK_FALSE(word.arm(other));
    CHECK(word.claimed() == &one);
    CHECK(word.complete());
    CHECK_FALSE(word.complete());
    CHECK_FALSE(word.is_waiting());
    CHECK(word.claimed() == nullptr);
    CHECK(word.arm(other));
    CHECK(word.claimed() == &other);
    CHECK(word.complete());
}

TEST_CASE("one of completion and cancellation ends a wait, whichever comes first (K14, K17)") {
    counter_desk desk;
    counter_desk::wait wait(desk);

    wait_word cancelled_first;
    REQUIRE(cancelled_first.arm(wait));
    CHECK(cancelled_first.cancel());
    CHECK_FALSE(cancelled_first.complete());
    CHECK_FALSE(cancelled_first.is_waiting());
    CHECK_FALSE(cancelled_first.cancel());  // a second canceller claims nothing
    CHECK(cancelled_first.claimed() == &wait);
    CHECK(cancelled_first.is_cancelled());

    wait_word completed_first;
    REQUIRE(completed_first.arm(wait));
    CHECK(completed_first.complete());
    CHECK_FALSE(completed_first.cancel());  // nothing to claim; the level stays for the next one
    CHECK(completed_first.is_cancelled());
    CHECK(completed_first.claimed() == nullptr);
    CHECK_FALSE(completed_first.arm(wait));
    completed_first.set_level(false);
    CHECK(completed_first.arm(wait));
    CHECK(completed_first.complete());
}

TEST_CASE(
    "a cancellation is withdrawn from a word that has not met it, not from a claimed wait (C40)") {
    counter_desk desk;
    counter_desk::wait wait(desk);

    wait_word running;
    CHECK_FALSE(running.cancel());
    running.withdraw_cancel();
    CHECK_FALSE(running.is_cancelled());
    REQUIRE(running.arm(wait));
    running.withdraw_cancel();  // nothing there
    CHECK(running.is_waiting());
    CHECK(running.cancel());
    running.withdraw_cancel();  // too late: its task is on the way to unwind
    CHECK(running.is_cancelled());
    CHECK(running.claimed() == &wait);
}

TEST_CASE("waiters of an operation of one's own are served first in, first out (RN12)") {
    std::vector<std::string> order;
    counter_desk desk;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (const char* name : {"a", "b", "c"}) {
                nursery.start_soon([&desk, &order, name]() -> covey::task<> {
                    const int number = co_await counter_desk::wait(desk);
                    order.push_back(name + std::to_string(number));
                });
                co_await covey::testing::wait_all_tasks_blocked();
            }
            CHECK(desk.waiting() == 3);
            CHECK(desk.give(1));
            CHECK(desk.give(2));
            CHECK(desk.waiting() == 1);
            CHECK(order.empty());  // woken, not run
            CHECK(desk.give(3));
            CHECK_FALSE(desk.give(4));
        });
    });
    std::sort(order.begin(), order.end());
    CHECK(order == std::vector<std::string>{"a1", "b2", "c3"});
    CHECK(desk.withdrawn == 0);
}

TEST_CASE(
    "a completer that meets a cancelled waiter turns to the next one in the same call (K17)") {
    int first = 0, second = 0;
    counter_desk desk;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            auto to_cancel = nursery.spawn(
                [&]() -> covey::task<> { first = co_await counter_desk::wait(desk); });
            co_await covey::testing::wait_all_tasks_blocked();
            nursery.start_soon(
                [&]() -> covey::task<> { second = co_await counter_desk::wait(desk); });
            co_await covey::testing::wait_all_tasks_blocked();
            to_cancel.cancel();
            CHECK(desk.waiting() == 1);  // the cancelled one doesn't count, though it stands there
            CHECK(desk.give(5));
            CHECK(desk.refused == 1);
        });
    });
    CHECK(first == 0);
    CHECK(second == 5);
    CHECK(desk.withdrawn == 1);
}

TEST_CASE("a cancelled wait takes its node out before its frame goes (K6)") {
    counter_desk desk;
    support::run_virtual([&]() -> covey::task<> {
        const auto result =
            co_await covey::move_on_after(std::chrono::seconds(1), counter_desk::wait(desk));
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == std::chrono::seconds(1));
    });
    CHECK(desk.withdrawn == 1);
    CHECK_FALSE(desk.give(1));
    CHECK(desk.refused == 0);
}

TEST_CASE("an operation whose try throws gives the error and leaves the lock free (K2)") {
    counter_desk desk;
    desk.put(-1);
    support::run_virtual([&]() -> covey::task<> {
        const auto outcome = co_await covey::attempt(counter_desk::wait(desk));
        CHECK(support::holds<std::out_of_range>(outcome.error()));
        desk.put(3);
        const int number = co_await counter_desk::wait(desk);
        CHECK(number == 3);
    });
}

TEST_CASE("a wait that can't be interrupted ends by itself and the next checkpoint stops (K13)") {
    int taken = 0;
    bool went_on = false;
    counter_desk desk;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                const auto result = co_await covey::with_cancel_scope(
                    [&](covey::cancel_scope& scope) -> covey::task<> {
                        scope.set_deadline(covey::now() + std::chrono::seconds(1));
                        taken = co_await counter_desk::wait(desk, waits_stubbornly);
                        CHECK(support::elapsed() == std::chrono::seconds(3));
                        CHECK(scope.cancel_called());
                        co_await covey::checkpoint_if_cancelled();
                        went_on = true;
                    });
                CHECK_FALSE(result.finished());
            });
            co_await covey::sleep_for(std::chrono::seconds(3));
            CHECK(desk.give(9));
        });
    });
    CHECK(taken == 9);
    CHECK_FALSE(went_on);
    CHECK(desk.withdrawn == 0);
}

TEST_CASE("an ordinary thread blocks in an operation until it is completed") {
    counter_desk desk;
    int early = 0, late = 0;
    desk.put(1);
    std::thread waiter([&] {
        counter_desk::wait ready(desk);
        ready.block_thread();
        early = ready.await_resume();
        counter_desk::wait wait(desk);
        wait.block_thread();
        late = wait.await_resume();
    });
    while (!desk.give(2)) std::this_thread::yield();
    waiter.join();
    CHECK(early == 1);
    CHECK(late == 2);
    CHECK(support::left_behind() == "");
}

TEST_CASE("somebody who waits nowhere is told, unless he takes that back first") {
    struct listener final : covey::lowlevel::waiter {
        void wake() noexcept override { ++told; }
        int told = 0;
    };
    counter_desk desk;
    desk.put(1);
    listener early, late, never;
    counter_desk::wait ready(desk), waits(desk), withdrawn(desk);
    CHECK(ready.start_for(early));
    CHECK(ready.await_resume() == 1);
    CHECK_FALSE(withdrawn.start_for(never));
    CHECK_FALSE(waits.start_for(late));
    CHECK(desk.waiting() == 2);
    CHECK(never.word.cancel());
    withdrawn.withdraw();
    CHECK(desk.withdrawn == 1);
    CHECK(desk.give(2));
    CHECK(waits.await_resume() == 2);
    CHECK_FALSE(late.word.cancel());
    CHECK(early.told == 0);
    CHECK(late.told == 1);
    CHECK(never.told == 0);
    CHECK(support::left_behind() == "");
}

TEST_CASE("a call that blocks its thread is refused to a task") {
    covey::lowlevel::refuse_to_block_worker("take_blocking()", "take()");  // no worker: nothing
    support::run_virtual([]() -> covey::task<> {
        try {
            covey::lowlevel::refuse_to_block_worker("take_blocking()", "take()");
            FAIL("it was not refused");
        } catch (const covey::would_deadlock_error& error) {
            const std::string text = error.what();
            CHECK(text.find("take_blocking()") != std::string::npos);
            CHECK(text.find("'main'") != std::string::npos);
            CHECK(text.find("co_await take()") != std::string::npos);
        }
        co_return;
    });
}
