// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/suspension.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>

#include <string>

using namespace std::chrono_literals;

namespace {

struct watch final : covey::lowlevel::suspension_watch {
    void suspended() noexcept override { ++times; }
    int times = 0;
};

}  // namespace

TEST_CASE("a watch is told of the end of the present turn, once") {
    support::run_virtual([]() -> covey::task<> {
        watch seen;
        covey::lowlevel::watch_suspension(seen);
        CHECK(seen.times == 0);
        co_await covey::sleep_for(1s);
        CHECK(seen.times == 1);
        co_await covey::sleep_for(1s);
        CHECK(seen.times == 1);
        CHECK_FALSE(covey::lowlevel::end_suspension_watch(seen));
    });
}

TEST_CASE("a watch that is taken back is told nothing") {
    support::run_virtual([]() -> covey::task<> {
        watch seen;
        covey::lowlevel::watch_suspension(seen);
        CHECK(covey::lowlevel::end_suspension_watch(seen));
        co_await covey::sleep_for(1s);
        CHECK(seen.times == 0);
    });
}

TEST_CASE("awaiting a task, or what is ready, is no suspension") {
    support::run_virtual([]() -> covey::task<> {
        watch seen;
        covey::event gate;
        gate.set();
        covey::lowlevel::watch_suspension(seen);
        co_await []() -> covey::task<> { co_return; }();
        co_await gate.wait();
        CHECK(seen.times == 0);
        CHECK(covey::lowlevel::end_suspension_watch(seen));
    });
}

TEST_CASE("the suspension is that of the task that asked, wherever in it") {
    support::run_virtual([]() -> covey::task<> {
        watch seen;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon([&]() -> covey::task<> {
                covey::lowlevel::watch_suspension(seen);
                co_await []() -> covey::task<> { co_await covey::sleep_for(2s); }();
            });
            CHECK(seen.times == 0);
            co_await covey::sleep_for(1s);
            CHECK(seen.times == 1);
        });
        CHECK(seen.times == 1);
    });
}

TEST_CASE("a task that ends in its turn is told of as well, or has to take its watch back") {
    // A supervisor takes it back: see child_slot.cpp.
    support::run_virtual([]() -> covey::task<> {
        watch seen;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_soon([&] {
                covey::lowlevel::watch_suspension(seen);
                CHECK(covey::lowlevel::end_suspension_watch(seen));
            });
        });
        CHECK(seen.times == 0);
    });
}
