// SPDX-License-Identifier: BSL-1.0
// The block: its body's value, error and cancellation, and handles that outlive it.
#include <covey/supervisor.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::lines;
using support::observed;

static_assert(!std::copy_constructible<covey::supervisor>);
static_assert(std::copyable<covey::supervisor_handle>);
static_assert(!std::default_initializable<covey::supervisor>);

TEST_CASE("with_supervisor gives the value of its body, when all children have ended (SV6)") {
    support::run_virtual([]() -> covey::task<> {
        const int value = co_await covey::with_supervisor(
            {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                co_await supervisor.start({}, support::returns_after, 2s);
                co_return 7;
            });
        CHECK(value == 7);
        CHECK(support::elapsed() == 2s);
        auto moved = co_await covey::with_supervisor(
            {}, [](covey::supervisor&) { return std::make_unique<int>(8); });
        CHECK(*moved == 8);
    });
}

TEST_CASE("a body may be a plain function, and there may be no children (SV6)") {
    support::run_virtual([]() -> covey::task<> {
        bool ran = false;
        co_await covey::with_supervisor({}, [&](covey::supervisor&) { ran = true; });
        CHECK(ran);
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("a body's error stops the children, and stands alone in a group (SV13)") {
    support::witness log;
    const auto error = support::thrown_by<covey::exception_group>([&] {
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [&](covey::supervisor& supervisor) -> covey::task<int> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "a"}, support::slow_stop, 1s);
                    throw std::runtime_error("body");
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"body"});
    CHECK_THAT(error.what(), Contains("supervisor 'top'"));
    CHECK(log.story_after(2) ==
          lines{"0 closing", "0 asked_to_stop a.1", "1 stopped a.1", "1 closed"});
}

TEST_CASE("an error wins over the value of a body that has finished (SV13)") {
    const auto error = support::thrown_by<covey::supervisor_gave_up>([] {
        support::run_virtual([]() -> covey::task<> {
            static_cast<void>(co_await covey::with_supervisor(
                observed({.intensity = 0}), [](covey::supervisor& supervisor) -> covey::task<int> {
                    co_await supervisor.start({}, support::fails_after, 1s, "crash");
                    co_return 7;
                }));
        });
    });
    CHECK(support::messages_of(error) == lines{"crash"});
}

TEST_CASE("stop_all after the body has finished leaves its value (SV6)") {
    support::run_virtual([]() -> covey::task<> {
        const int value = co_await covey::with_supervisor(
            {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                co_await supervisor.start({}, support::obedient);
                supervisor.stop_all();
                co_return 7;
            });
        CHECK(value == 7);
    });
}

TEST_CASE("a body cut short by its own supervisor: void returns, a value is missing (SV6)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_supervisor({}, [](covey::supervisor& supervisor) -> covey::task<> {
            supervisor.scope().cancel("no more");
            co_await covey::sleep_forever();
        });
        std::optional<covey::cancel_cause> cause;
        try {
            static_cast<void>(co_await covey::with_supervisor(
                {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                    supervisor.scope().cancel("no more");
                    co_await covey::sleep_forever();
                    co_return 1;
                }));
        } catch (const covey::cancelled_error& error) {
            cause = error.cause();
        }
        REQUIRE(cause);
        CHECK(cause->reason == "no more");
        std::string reason;
        try {
            static_cast<void>(co_await covey::with_supervisor(
                {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                    supervisor.stop_all();
                    co_await covey::sleep_forever();
                    co_return 1;
                }));
        } catch (const covey::cancelled_error& error) {
            reason = error.cause().reason;
        }
        CHECK(reason == "its supervisor closes");
        CHECK(support::elapsed() == 5s);
    });
}

TEST_CASE("an outer cancellation passes through, also with a value asked for (SV9)") {
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, []() -> covey::task<int> {
            const int value = co_await covey::with_supervisor(
                {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                    co_await supervisor.start({}, support::obedient);
                    co_await covey::sleep_forever();
                    co_return 1;
                });
            co_return value;
        });
        CHECK_FALSE(result.finished());
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a body that has finished keeps the block's value through an outer cancel (SV9)") {
    // The children still ran: the cancellation cut them off, and passes on.
    support::run_virtual([]() -> covey::task<> {
        const auto result = co_await covey::move_on_after(1s, []() -> covey::task<int> {
            const int value = co_await covey::with_supervisor(
                {}, [](covey::supervisor& supervisor) -> covey::task<int> {
                    co_await supervisor.start({}, support::obedient);
                    co_return 7;
                });
            co_return value;
        });
        CHECK_FALSE(result.finished());
    });
}

TEST_CASE("a start failure that the body doesn't catch comes out as it is (SV8a)") {
    support::run_virtual([]() -> covey::task<> {
        bool caught = false;
        try {
            co_await covey::with_supervisor({}, [](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "a"}, [] { throw std::logic_error("no"); });
            });
        } catch (const covey::start_failed_error& error) {
            caught = true;
            CHECK(error.child() == "a");
            CHECK(error.find<std::logic_error>() != nullptr);
        }
        CHECK(caught);
    });
}

TEST_CASE("a handle outlives the block and the run, and refuses (SV12)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::returns_after, 1s);
            });
        covey::supervisor_handle copy = log.handle();
        copy = log.handle();
        CHECK(copy.events().size() == 5);
        CHECK(copy.children().size() == 1);
        copy.stop_all();
        bool refused = false;
        try {
            co_await copy.start({}, support::obedient);
        } catch (const covey::closed_nursery_error&) {
            refused = true;
        }
        CHECK(refused);
    });
    log.handle().stop_all();
    CHECK(log.handle().children().at(0).state == covey::child_state::completed);
}

TEST_CASE("the log keeps as many events as it was told (SV2)") {
    const auto kept = [](std::size_t history) {
        std::optional<covey::supervisor_handle> handle;
        support::run_virtual([&]() -> covey::task<> {
            co_await covey::with_supervisor(
                {.history = history}, [&](covey::supervisor& supervisor) -> covey::task<> {
                    handle.emplace(supervisor.handle());
                    co_await supervisor.start({.name = "a"}, support::returns_after, 1s);
                });
        });
        lines result;
        for (const covey::supervision_event& each : handle->events())
            result.push_back(support::line_of(each));
        return result;
    };
    CHECK(kept(100) ==
          lines{"0 start a.1", "0 ready a.1", "1 completed a.1", "1 closing", "1 closed"});
    CHECK(kept(2) == lines{"1 closing", "1 closed"});
    CHECK(kept(1) == lines{"1 closed"});
    CHECK(kept(0).empty());
}

TEST_CASE("a supervisor's name is its task's unless it is given one (SV8)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) {
            nursery.start_soon({.name = "reception"}, []() -> covey::task<> {
                co_await covey::with_supervisor(
                    {}, [](covey::supervisor& supervisor) { supervisor.stop_all(); });
                bool said = false;
                try {
                    co_await covey::with_supervisor(
                        {}, [](covey::supervisor&) { throw std::runtime_error("body"); });
                } catch (const covey::exception_group& error) {
                    said = std::string(error.what()).find("supervisor 'reception'") == 0;
                }
                CHECK(said);
            });
        });
    });
}

TEST_CASE("a supervisor of nothing in a thousand runs of its block leaves nothing (SV1)") {
    support::run_virtual([]() -> covey::task<> {
        for (int i = 0; i < 1000; ++i) {
            co_await covey::with_supervisor({}, [](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({}, [] {});
            });
        }
        CHECK(covey::testing::leaks().tasks == 1);
    });
}
