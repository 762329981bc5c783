// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/thread_cleaning.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

namespace {

std::mutex lock;
std::set<std::thread::id> cleaned;
thread_local int left_behind_here = 0;
std::atomic<int> calls{0};

void note_thread() noexcept {
    const std::lock_guard held(lock);
    cleaned.insert(std::this_thread::get_id());
    calls.fetch_add(1);
}

void forget() noexcept { left_behind_here = 0; }

void reset() {
    cleaned.clear();
    calls = 0;
}

}  // namespace

TEST_CASE("clean_workers calls its function once on every worker's thread") {
    for (const unsigned workers : {1U, 2U, 4U}) {
        reset();
        support::run_checked({.workers = workers}, []() -> covey::task<> {
            co_await covey::lowlevel::clean_workers(note_thread);
            co_await covey::lowlevel::clean_workers(note_thread);
        });
        CHECK(cleaned.size() == workers);
        CHECK(calls == 2 * static_cast<int>(workers));
    }
}

TEST_CASE("clean_workers waits between two turns of a busy worker, and those who ask wait alike") {
    reset();
    support::run_checked({.workers = 2}, []() -> covey::task<> {
        std::atomic<bool> done{false};
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < 4; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    while (!done) co_await covey::checkpoint();
                });
            }
            auto first = nursery.spawn(
                []() -> covey::task<> { co_await covey::lowlevel::clean_workers(note_thread); });
            auto second = nursery.spawn(
                []() -> covey::task<> { co_await covey::lowlevel::clean_workers(note_thread); });
            co_await first;
            co_await second;
            done = true;
        });
    });
    CHECK(cleaned.size() == 2);
    CHECK(calls == 4);
}

TEST_CASE("clean_workers isn't ended by a cancellation, in virtual time and with a seed") {
    reset();
    support::run_virtual([]() -> covey::task<> {
        co_await covey::move_on_after(
            0s, []() -> covey::task<> { co_await covey::lowlevel::clean_workers(note_thread); });
        CHECK(calls == 1);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("the threads of to_thread are cleaned after every call") {
    covey::lowlevel::clean_after_blocking_calls(forget);
    covey::lowlevel::clean_after_blocking_calls(forget);
    CHECK_THROWS_AS(covey::lowlevel::clean_after_blocking_calls(note_thread), std::logic_error);
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        for (int i = 0; i < 3; ++i) {
            const int found = co_await covey::to_thread([] { return ++left_behind_here; });
            CHECK(found == 1);
        }
    });
}

TEST_CASE("the clock of a run can be read from another thread") {
    support::run_virtual([]() -> covey::task<> {
        const covey::clock_source& clock = covey::lowlevel::clock_of_run();
        co_await covey::sleep_for(3s);
        const auto seen = co_await covey::to_thread([&clock] { return clock.now(); });
        CHECK(seen.time_since_epoch() == 3s);
    });
    CHECK_THROWS_AS(covey::lowlevel::clock_of_run(), std::logic_error);
}
