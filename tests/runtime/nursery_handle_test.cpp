// SPDX-License-Identifier: BSL-1.0
// nursery_handle: a nursery for those who do not live inside it.
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

using support::trace;

// The handle of a nursery that has ended, whose run has ended too.
covey::nursery_handle handle_of_an_ended_nursery() {
    return covey::run({.workers = 1}, []() -> covey::task<covey::nursery_handle> {
        std::optional<covey::nursery_handle> handle;
        co_await covey::with_nursery(
            [&](covey::nursery& nursery) { handle.emplace(nursery.handle()); });
        co_return *handle;
    });
}

covey::task<> forever() { co_await covey::sleep_forever(); }

covey::task<int> answer() { co_return 42; }

}  // namespace

TEST_CASE("a handle starts children as long as the block is open (N6, N7, RN77)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        std::optional<covey::nursery_handle> handle;
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& inner) {
                handle.emplace(inner.handle());
                handle->start_soon([&] { order.note("in the body"); });
                outer.start_soon([&]() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    handle->start_soon({.name = "late"}, [&]() -> covey::task<> {
                        order.note("from another nursery");
                        co_await covey::sleep_for(5s);
                    });
                });
                inner.start_soon([]() -> covey::task<> { co_await covey::sleep_for(2s); });
            });
            CHECK(support::elapsed() == 6s);  // the block waited for what came through the handle
            CHECK_THROWS_AS(handle->start_soon([] {}), covey::closed_nursery_error);
        });
        CHECK_THROWS_AS(handle->start_soon([] {}), covey::closed_nursery_error);
    });
    CHECK(order.text() == "in the body from another nursery");
}

TEST_CASE("a handle used after the block throws and starts nothing (N7, RN63, RN90, NB32)") {
    bool ran = false;
    auto argument = std::make_shared<int>(1);
    support::run_virtual([&]() -> covey::task<> {
        std::optional<covey::nursery_handle> handle;
        co_await covey::with_nursery(
            [&](covey::nursery& nursery) { handle.emplace(nursery.handle()); });

        const auto child = [&ran](std::shared_ptr<int>) -> covey::task<> {
            ran = true;
            co_return;
        };
        CHECK_THROWS_AS(handle->start_soon(child, argument), covey::closed_nursery_error);
        CHECK_THROWS_AS(handle->spawn(child, argument), covey::closed_nursery_error);
        CHECK_THROWS_WITH(
            handle->start_soon({.name = "late one"}, child, argument),
            Contains("task 'late one' can't be started") && Contains("the nursery has ended"));
        CHECK(argument.use_count() == 1);
        handle->cancel("nobody hears this");
        co_await covey::sleep_for(1s);
    });
    CHECK_FALSE(ran);
    CHECK(argument.use_count() == 1);
}

TEST_CASE("a handle may outlive the run, and is used from no run and from another (RN61, RN63)") {
    auto handle = std::make_unique<covey::nursery_handle>(handle_of_an_ended_nursery());
    CHECK_THROWS_AS(handle->start_soon([] {}), covey::closed_nursery_error);
    handle->cancel();
    support::trace trace;
    covey::run({.workers = 1}, [&]() -> covey::task<> {
        trace.step(1);
        CHECK_THROWS_AS(handle->start_soon([&] { trace.step(99); }), covey::closed_nursery_error);
        CHECK_THROWS_AS(handle->spawn(answer), covey::closed_nursery_error);
        handle->cancel();
        co_await covey::sleep_for(1ns);
        trace.step(2);
    });
    trace.done(3);
    handle.reset();
    CHECK(support::left_behind() == "");
}

TEST_CASE("handles are copies of each other, and go in any order") {
    support::run_virtual([]() -> covey::task<> {
        int ran = 0;
        std::vector<covey::nursery_handle> handles;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            handles.push_back(nursery.handle());
            handles.push_back(nursery.handle());
            handles.push_back(handles.front());
            handles.front() = handles.back();
            for (const covey::nursery_handle& each : handles) each.start_soon([&] { ++ran; });
            handles.erase(handles.begin());
        });
        CHECK(ran == 3);
        for (const covey::nursery_handle& each : handles)
            CHECK_THROWS_AS(each.start_soon([] {}), covey::closed_nursery_error);
        co_return;
    });
}

TEST_CASE("cancel through a handle is the nursery's own cancel (N12, C1)") {
    support::run_virtual([]() -> covey::task<> {
        covey::cancel_cause cause;
        co_await covey::with_nursery([&](covey::nursery& outer) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& inner) -> covey::task<> {
                outer.start_soon({.name = "stopper"}, [handle = inner.handle()]() -> covey::task<> {
                    co_await covey::sleep_for(3s);
                    handle.cancel("through a handle");
                    handle.cancel("again");
                });
                struct at_end {
                    covey::nursery& nursery;
                    covey::cancel_cause& cause;
                    ~at_end() { cause = nursery.scope().cause(); }
                } const mark{inner, cause};
                inner.start_soon(forever);
                co_await covey::sleep_forever();
            });
            CHECK(support::elapsed() == 3s);
        });
        CHECK(cause.source == covey::cancel_source::explicit_call);
        CHECK(cause.reason == "through a handle");
        CHECK(cause.task_name == "stopper");
    });
}

TEST_CASE("spawn through a handle gives the result (NB19)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const covey::nursery_handle handle = nursery.handle();
            const auto first = handle.spawn(answer);
            const auto second =
                handle.spawn({.name = "adder"}, [](int a, int b) { return a + b; }, 1, 2);
            const int value = co_await first;
            const int sum = co_await second;
            CHECK(value == 42);
            CHECK(sum == 3);
        });
    });
}

TEST_CASE("a foreign thread starts children, in the order of its calls (RN62, RN68, T30)") {
    constexpr int calls = 2000;  // more than the queue for such calls holds without a lock
    std::vector<int> order;
    support::run_checked({.workers = 1}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            covey::event done;
            nursery.start_soon([&done]() -> covey::task<> {
                while (!done.is_set()) co_await covey::checkpoint();
            });
            std::thread foreign([&, handle = nursery.handle()] {
                for (int number = 0; number < calls; ++number)
                    handle.start_soon([&order, number] { order.push_back(number); });
                handle.start_soon([&] { done.set(); });
            });
            co_await done.wait();
            foreign.join();
        });
    });
    REQUIRE(order.size() == calls);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a foreign thread cancels, and has no name in the cause") {
    covey::cancel_cause cause;
    support::run_checked({.workers = 1}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            struct at_end {
                covey::nursery& nursery;
                covey::cancel_cause& cause;
                std::thread foreign;
                ~at_end() {
                    foreign.join();
                    cause = nursery.scope().cause();
                }
            } const mark{nursery, cause, std::thread([handle = nursery.handle()] {
                             handle.cancel("from outside");
                         })};
            co_await covey::sleep_forever();
        });
    });
    CHECK(cause.source == covey::cancel_source::explicit_call);
    CHECK(cause.reason == "from outside");
    CHECK(cause.task_name.empty());
}

TEST_CASE("an error of a child that a foreign thread started comes out of the block (N22)") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        std::string message;
        std::thread foreign;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                foreign = std::thread([handle = nursery.handle()] {
                    handle.start_soon([] { throw std::runtime_error("from outside"); });
                });
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group& group) {
            message = support::message_of(group.only());
        }
        foreign.join();
        CHECK(message == "from outside");
    });
}

TEST_CASE("foreign threads start children until they are told that it has ended_mt (T31, RN70)") {
    for (std::size_t round = 0; round < support::rounds(12); ++round) {
        constexpr int threads = 3;
        constexpr int starts = 800;
        std::atomic<long> accepted = 0;
        std::atomic<long> refused = 0;
        std::atomic<long> ran = 0;
        std::vector<std::thread> foreign;
        covey::run({.workers = 3}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                for (int thread = 0; thread < threads; ++thread) {
                    foreign.emplace_back([&, thread, handle = nursery.handle()] {
                        for (int call = 0; call < starts; ++call) {
                            try {
                                if ((call + thread) % 2 == 0) {
                                    handle.start_soon([&] { ++ran; });
                                } else {
                                    static_cast<void>(handle.spawn(
                                        [&]() -> covey::task<long> { co_return ++ran; }));
                                }
                                ++accepted;
                            } catch (const covey::closed_nursery_error&) {
                                ++refused;
                            }
                        }
                    });
                }
                // End at any point of that: early, in the middle, by a cancel.
                const long enough = static_cast<long>(round) * 100;
                while (ran < enough) co_await covey::checkpoint();
                if (round % 3 == 0) nursery.cancel();
            });
        });
        for (std::thread& each : foreign) each.join();
        CHECK(ran == accepted);
        CHECK(accepted + refused == threads * starts);
        CHECK(support::left_behind() == "");
    }
}

TEST_CASE("tasks of several workers start children in one nursery_mt (N6)") {
    constexpr int parents = 8;
    constexpr int children = 500;
    std::atomic<int> ran = 0;
    for (std::size_t round = 0; round < support::rounds(10); ++round) {
        ran = 0;
        support::run_checked({.workers = 4}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int parent = 0; parent < parents; ++parent) {
                    nursery.start_soon([&]() -> covey::task<> {
                        for (int child = 0; child < children; ++child) {
                            nursery.start_soon([&]() -> covey::task<> {
                                co_await covey::checkpoint();
                                ++ran;
                            });
                            if (child % 16 == 0) co_await covey::checkpoint();
                        }
                    });
                }
            });
            CHECK(ran == parents * children);
        });
    }
}

TEST_CASE("children that fail on several workers are all in the group_mt (N22)") {
    for (std::size_t round = 0; round < support::rounds(30); ++round) {
        constexpr std::size_t children = 40;
        std::size_t errors = 0;
        support::run_checked({.workers = 4}, [&]() -> covey::task<> {
            try {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    // Plain functions: the cancellation by the first failure stops none of them.
                    for (std::size_t child = 0; child < children; ++child) {
                        nursery.start_soon(
                            [child] { throw std::runtime_error(std::to_string(child)); });
                    }
                });
            } catch (const covey::exception_group& group) {
                errors = group.exceptions().size();
            }
            co_return;
        });
        CHECK(errors == children);
    }
}
