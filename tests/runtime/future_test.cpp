// SPDX-License-Identifier: BSL-1.0
#include <covey/future.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/own_process.hpp"
#include "support/run_virtual.hpp"
#include "support/threads.hpp"

#include <covey/checkpoint.hpp>
#include <covey/embedded_runtime.hpp>
#include <covey/outcome.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::gate;

namespace {

covey::task<int> add(int left, int right) {
    co_await covey::checkpoint();
    co_return left + right;
}

covey::task<> wait_for_ever() { co_await covey::sleep_forever(); }

[[noreturn]] void fail() { throw std::runtime_error("boom"); }

// What was reported while it lives.
class reports {
 public:
    reports() : before_(covey::set_unseen_error_handler(note)) { texts().clear(); }
    reports(const reports&) = delete;
    reports& operator=(const reports&) = delete;
    ~reports() { covey::set_unseen_error_handler(before_); }
    static std::vector<std::string> all() {
        const std::lock_guard held(lock());
        return texts();
    }

 private:
    static void note(std::string_view task, const std::exception_ptr& error) noexcept {
        const std::lock_guard held(lock());
        texts().push_back(std::string(task) + ": " + support::message_of(error));
    }
    static std::mutex& lock() {
        static std::mutex only;
        return only;
    }
    static std::vector<std::string>& texts() {
        static std::vector<std::string> only;
        return only;
    }

    covey::unseen_error_handler before_;
};

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("get() waits and gives the value, of a coroutine and of a plain function") {
    {
        covey::runtime runtime({.workers = 1});
        CHECK(runtime.submit(add, 1, 2).get() == 3);
        CHECK(runtime.submit([](int number) { return number; }, 4).get() == 4);
        runtime.submit([] {}).get();
        auto moved = runtime.submit([] { return std::make_unique<int>(5); }).get();
        CHECK(*moved == 5);
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("get() rethrows the error as it is") {
    covey::runtime runtime({.workers = 1});
    covey::future<void> future = runtime.submit(fail);
    CHECK_THROWS_WITH(future.get(), "boom");
    CHECK_THROWS_AS(runtime.submit([]() -> int { throw 5; }).get(), int);
}

TEST_CASE("a result is given once, and the second one who asks is told so") {
    covey::runtime runtime({.workers = 1});
    auto number = runtime.submit({.name = "adder"}, add, 1, 2);
    CHECK(number.get() == 3);
    CHECK_THROWS_AS(number.get(), std::logic_error);
    CHECK_THROWS_WITH(number.get(), Contains("task 'adder'"));
    covey::future<void> nothing = runtime.submit([] {});
    nothing.get();
    CHECK_THROWS_AS(nothing.get(), std::logic_error);

    covey::future<int> never;
    CHECK(never.done());
    CHECK_THROWS_WITH(never.get(), Contains("without a task"));
    CHECK_THROWS_AS(never.wait_for(1s), std::logic_error);
    CHECK_THROWS_AS(never.share(), std::logic_error);
    never.cancel();
}

TEST_CASE("wait_for() gives up in time, and leaves no trace") {
    covey::runtime runtime({.workers = 1});
    gate open;
    auto future = runtime.submit([&] {
        open.pass();
        return 7;
    });
    CHECK_FALSE(future.wait_for(0s));
    CHECK_FALSE(future.wait_for(1ms));
    CHECK_FALSE(future.done());
    CHECK_THROWS_AS(future.wait_for(-1s), std::invalid_argument);
    open.open();
    CHECK(future.wait_for(covey::never));
    CHECK(future.wait_for(0s));
    CHECK(future.done());
    CHECK(future.get() == 7);
}

TEST_CASE("cancel() stops one task, and get() says so") {
    {
        covey::runtime runtime({.workers = 1});
        auto stopped = runtime.submit({.name = "waiter"}, wait_for_ever);
        auto other = runtime.submit(add, 1, 1);
        stopped.cancel("enough");
        try {
            stopped.get();
            FAIL("it was cancelled");
        } catch (const covey::cancelled_error& error) {
            CHECK(error.cause().source == covey::cancel_source::explicit_call);
            CHECK(error.cause().reason == "enough");
            CHECK_THAT(error.what(), Contains("'waiter'"));
        }
        CHECK(other.get() == 2);
        other.cancel();
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("a shared future is asked by several, as often as they like") {
    {
        covey::runtime runtime({.workers = 1});
        auto single = runtime.submit([] { return std::make_unique<int>(5); });
        const covey::shared_future<std::unique_ptr<int>> shared = single.share();
        CHECK_THROWS_AS(single.get(), std::logic_error);
        const auto copy = shared;
        std::thread other([copy] {
            for (int i = 0; i < 3; ++i)
                if (*copy.get() != 5) std::abort();
        });
        CHECK(*shared.get() == 5);
        CHECK(shared.get().get() == copy.get().get());
        CHECK(copy.wait_for(0s));
        other.join();

        const auto failed = runtime.submit(fail).share();
        for (int i = 0; i < 2; ++i) CHECK_THROWS_WITH(failed.get(), "boom");
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("a task awaits a future of another run (K1)") {
    {
        covey::runtime runtime({.workers = 1});
        gate open;
        auto number = runtime.submit([&] {
            open.pass();
            return 8;
        });
        auto error = runtime.submit(fail);
        auto stopped = runtime.submit(wait_for_ever);
        const auto shared = runtime.submit(add, 2, 2).share();
        stopped.cancel();
        covey::run({.workers = 1}, [&]() -> covey::task<> {
            open.open();
            const int seen = co_await number;
            CHECK(seen == 8);
            const auto failed = co_await covey::attempt([&]() -> covey::task<> { co_await error; });
            CHECK(support::message_of(failed.error()) == "boom");
            const auto nothing =
                co_await covey::attempt([&]() -> covey::task<> { co_await stopped; });
            CHECK(support::holds<covey::cancelled_error>(nothing.error()));
            for (int i = 0; i < 2; ++i) {
                const int copied = co_await shared;
                CHECK(copied == 4);
            }
            const auto again = co_await covey::attempt([&]() -> covey::task<> { co_await number; });
            CHECK(support::holds<std::logic_error>(again.error()));
        });
    }
    CHECK(support::left_behind() == "");
}

TEST_CASE("awaiting a future is a checkpoint, and its cancellation leaves the task alone (K6)") {
    covey::runtime runtime({.workers = 1});
    gate open;
    auto future = runtime.submit([&] {
        open.pass();
        return 9;
    });
    covey::run({.workers = 1}, [&]() -> covey::task<> {
        const auto cut = co_await covey::move_on_after(
            1ms, [&]() -> covey::task<int> { co_return co_await future; });
        CHECK_FALSE(cut.finished());
        CHECK_FALSE(future.done());
        open.open();
        const int seen = co_await future;
        CHECK(seen == 9);
        auto second = runtime.submit(add, 1, 1);
        while (!second.done()) co_await covey::checkpoint();
        co_await covey::testing::expect_checkpoints(
            [&]() -> covey::task<> { static_cast<void>(co_await second); });
    });
}

TEST_CASE("a worker thread must not block on a future, of whatever run (NB50)") {
    covey::runtime runtime({.workers = 1});
    auto number = runtime.submit(add, 1, 2);
    const auto shared = runtime.submit(add, 1, 2).share();
    const auto block = [&] {
        CHECK_THROWS_AS(number.get(), covey::would_deadlock_error);
        CHECK_THROWS_WITH(number.wait_for(1s), Contains("co_await the future"));
        CHECK_THROWS_AS(shared.get(), covey::would_deadlock_error);
    };
    runtime.submit(block).get();
    covey::run({.workers = 1}, [&]() -> covey::task<> {
        block();
        co_return;
    });
    CHECK(number.get() == 3);
}

TEST_CASE("a future destroyed unwaited: the task goes on, and its error is reported once") {
    const reports seen;
    gate open;
    std::atomic<bool> ran = false;
    {
        covey::runtime runtime({.workers = 1});
        // The future goes first, then the task ends.
        static_cast<void>(runtime.submit({.name = "first"}, [&] {
            open.pass();
            ran = true;
            fail();
        }));
        open.open();
        while (reports::all().empty()) std::this_thread::yield();
        CHECK(ran);
        // The task ends first, then the future goes.
        {
            auto second = runtime.submit({.name = "second"}, fail);
            while (!second.done()) std::this_thread::yield();
            CHECK(reports::all() == texts{"first: boom"});
        }
        CHECK(reports::all() == texts{"first: boom", "second: boom"});
        // The last copy counts.
        auto shared = runtime.submit({.name = "third"}, fail).share();
        auto copy = std::make_unique<covey::shared_future<void>>(shared);
        while (!shared.done()) std::this_thread::yield();
        shared = {};
        CHECK(reports::all().size() == 2);
        copy.reset();
        CHECK(reports::all().back() == "third: boom");
    }
    CHECK(reports::all().size() == 3);
    CHECK(support::left_behind() == "");
}

TEST_CASE("an error that somebody saw, and a cancellation, are not reported") {
    const reports seen;
    {
        covey::runtime runtime({.workers = 1});
        CHECK_THROWS(runtime.submit(fail).get());
        const auto shared = runtime.submit(fail).share();
        const auto copy = shared;
        CHECK_THROWS(copy.get());
        CHECK_THROWS(runtime.run([]() -> covey::task<> {
            fail();
            co_return;
        }));
        auto awaited = runtime.submit(fail);
        CHECK_THROWS(covey::run([&]() -> covey::task<> { co_await awaited; }));
        static_cast<void>(runtime.submit(wait_for_ever));
    }
    CHECK(reports::all() == texts{});
}

TEST_CASE("without a handler an unseen error is written to standard error, with the task's name") {
    const std::string words = support::last_words_of([] {
        {
            covey::runtime runtime({.workers = 1});
            static_cast<void>(runtime.submit({.name = "uploader"}, fail));
            while (covey::testing::leaks().tasks != 1) std::this_thread::yield();
        }
        std::abort();
    });
    CHECK_THAT(words, Contains("task 'uploader' failed, and nobody asked for its result"));
    CHECK_THAT(words, Contains("boom"));
}

TEST_CASE("a future may outlive its runtime, with its value, its error or what stopped it") {
    covey::future<std::string> value;
    covey::future<void> error, stopped;
    {
        covey::runtime runtime({.workers = 1});
        value = runtime.submit([] { return std::string("a text that needs memory of its own"); });
        error = runtime.submit({.name = "failed"}, fail);
        stopped = runtime.submit(wait_for_ever);
    }
    CHECK(value.get() == "a text that needs memory of its own");
    CHECK_THROWS_WITH(error.get(), "boom");
    try {
        stopped.get();
        FAIL("it was cancelled");
    } catch (const covey::cancelled_error& gone) {
        CHECK(gone.cause().source == covey::cancel_source::shutdown);
    }
    stopped.cancel();
    value = {};
    error = stopped = {};
    CHECK(support::left_behind() == "");
}

TEST_CASE("a value whose move throws: the future gives that error") {
    struct throws_when_moved {
        throws_when_moved() = default;
        throws_when_moved(throws_when_moved&&) { throw std::range_error("can't be moved"); }
        throws_when_moved& operator=(throws_when_moved&&) = delete;
        ~throws_when_moved() = default;
    };
    covey::runtime runtime({.workers = 1});
    auto future = runtime.submit([] { return throws_when_moved(); });
    CHECK_THROWS_AS(future.get(), std::range_error);
}
