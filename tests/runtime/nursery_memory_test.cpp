// SPDX-License-Identifier: BSL-1.0
// What nurseries do when memory runs out, and what long-lived ones keep.
#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

#if !COVEY_UNDER_TSAN

namespace {

// Who began and who ended: the same number, whatever failed.
struct attendance {
    int came = 0;
    int went = 0;
};

covey::task<int> sleeper(attendance& who, covey::duration length) {
    struct present {
        attendance& who;
        explicit present(attendance& where) : who(where) { ++who.came; }
        present(const present&) = delete;
        present& operator=(const present&) = delete;
        ~present() { ++who.went; }
    } const here(who);
    co_await covey::sleep_for(length);
    co_return 1;
}

covey::task<> sleeper_in_vain(attendance& who, covey::duration length) {
    static_cast<void>(co_await sleeper(who, length));
}

// "value", "bad_alloc", another error by its what(), or "group:" and those of a group.
std::string outcome_of(const std::function<void()>& run) {
    try {
        run();
        return "value";
    } catch (const std::bad_alloc&) {
        return "bad_alloc";
    } catch (const covey::exception_group& group) {
        std::string all = "group:";
        for (const std::string& each : support::messages_of(group)) all += " " + each;
        return all;
    } catch (const std::exception& other) {
        return other.what();
    }
}

// Runs main with each of its allocations failing in turn; what came out, and how often.
std::map<std::string, int> with_each_allocation_failing(
    support::failing_new::length how_long, std::optional<std::uint64_t> seed,
    const std::function<covey::task<>(attendance&)>& main) {
    std::map<std::string, int> outcomes;
    for (long number = 0;; ++number) {
        attendance who;
        bool failed = false;
        const std::string outcome = outcome_of([&] {
            covey::testing::virtual_clock clock;
            covey::run({.workers = 1, .clock = &clock, .seed = seed}, [&]() -> covey::task<> {
                struct look_whether_it_failed {
                    bool& failed;
                    const support::failing_new& failing;
                    ~look_whether_it_failed() { failed = failing.happened(); }
                };
                const support::failing_new failing(number, how_long);
                const look_whether_it_failed look{failed, failing};
                co_await main(who);
            });
        });
        if (!failed) {
            CHECK(number > 15);  // there was something to fail
            return outcomes;
        }
        INFO("allocation " << number << " fails: " << outcome);
        CHECK(who.came == who.went);
        CHECK(support::left_behind() == "");
        ++outcomes[outcome];
    }
}

covey::task<> all_ways_to_start(attendance& who) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(sleeper_in_vain, std::ref(who), 5s);
        nursery.start_soon({.name = "named"}, sleeper_in_vain, std::ref(who), 5s);
        nursery.start_service(sleeper_in_vain, std::ref(who), 50s);
        const auto handle = nursery.spawn(sleeper, std::ref(who), 2s);
        const int value = co_await handle;
        if (value != 1) throw std::logic_error("a wrong value");
        const covey::nursery_handle outside = nursery.handle();
        outside.start_soon(sleeper_in_vain, std::ref(who), 5s);
        co_await covey::move_on_after(1s, sleeper(who, 3s));
        const int started =
            co_await nursery.start([&who](covey::task_status<int> status) -> covey::task<> {
                co_await sleeper_in_vain(who, 1s);
                status.started(2);
                co_await sleeper_in_vain(who, 9s);
            });
        if (started != 2) throw std::logic_error("a wrong value");
        nursery.cancel("a reason that is too long for the small buffer of a string");
    });
}

covey::task<> failing_members(attendance& who) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon([&who]() -> covey::task<> {
            co_await sleeper_in_vain(who, 3s);
            throw std::runtime_error("child");
        });
        nursery.start_service(sleeper_in_vain, std::ref(who), 50s);
        co_await covey::shielded(sleeper_in_vain(who, 5s));
        throw std::runtime_error("body");
    });
}

}  // namespace

TEST_CASE("without memory a child is not started, nothing is kept, the nursery goes on (N1)") {
    auto argument = std::make_shared<int>(1);
    support::run_virtual([&]() -> covey::task<> {
        int ran = 0;
        int refused = 0;
        int accepted = 0;
        const auto child = [&ran](const std::shared_ptr<int>&) -> covey::task<> {
            ++ran;
            co_return;
        };
        const auto until_it_works = [&](auto start) {
            for (long number = 0;; ++number) {
                try {
                    const support::failing_new failing(number);
                    start();
                    ++accepted;
                    return;
                } catch (const std::bad_alloc&) {
                    ++refused;
                }
                CHECK(argument.use_count() == 1 + accepted);
            }
        };
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const covey::nursery_handle handle = nursery.handle();
            until_it_works([&] { nursery.start_soon(child, argument); });
            until_it_works([&] { nursery.start_service(child, argument); });
            until_it_works([&] { static_cast<void>(nursery.spawn(child, argument)); });
            until_it_works([&] { handle.start_soon(child, argument); });
            until_it_works([&] { static_cast<void>(handle.spawn(child, argument)); });
            co_await covey::testing::wait_all_tasks_blocked();
            CHECK_FALSE(nursery.scope().cancel_called());
        });
        CHECK(accepted == 5);
        CHECK(ran == 5);
        CHECK(refused >= 5);
    });
    CHECK(argument.use_count() == 1);
}

TEST_CASE("a child whose frame finds no memory fails with bad_alloc (N22)") {
    support::run_virtual([]() -> covey::task<> {
        attendance who;
        std::string message;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_soon([&who]() {
                    const support::failing_new failing(0);
                    return sleeper_in_vain(who, 1s);
                });
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group& group) {
            message = support::message_of(group.only());
        }
        CHECK(message == std::bad_alloc().what());
        CHECK(who.came == 0);
    });
}

TEST_CASE("each allocation of a nursery's life fails in turn: it joins, nothing leaks (N4, N22)") {
    for (const auto how_long :
         {support::failing_new::length::once, support::failing_new::length::for_good}) {
        for (const std::optional<std::uint64_t> seed :
             {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(3)}) {
            auto outcomes = with_each_allocation_failing(how_long, seed, all_ways_to_start);
            const std::string bad_alloc = std::bad_alloc().what();
            // Without memory for the group, its first error comes out alone.
            const bool once = how_long == support::failing_new::length::once;
            CHECK(outcomes[once ? "group: " + bad_alloc : "bad_alloc"] > 5);
            outcomes.erase("group: " + bad_alloc);
            outcomes.erase("group: " + bad_alloc + " " + bad_alloc);
            outcomes.erase("bad_alloc");
            outcomes.erase("value");  // a text for people was missing, nothing else
            CHECK(outcomes == std::map<std::string, int>());
        }
    }
}

TEST_CASE("each allocation of a failing nursery fails in turn: it joins, nothing leaks (N22)") {
    for (const auto how_long :
         {support::failing_new::length::once, support::failing_new::length::for_good}) {
        auto outcomes = with_each_allocation_failing(how_long, 1, failing_members);
        const std::string bad_alloc = std::bad_alloc().what();
        CHECK(outcomes["child"] > 0);  // no memory for the group
        outcomes.erase("child");
        for (const std::string& first : {std::string("child"), bad_alloc})
            for (const std::string& second : {std::string("body"), bad_alloc})
                outcomes.erase("group: " + first + " " + second);
        outcomes.erase("group: " + bad_alloc);
        outcomes.erase("bad_alloc");
        CHECK(outcomes == std::map<std::string, int>());
    }
}

#endif

TEST_CASE("a nursery that lives long keeps nothing of finished children (NB29)") {
    support::run_virtual([]() -> covey::task<> {
        std::size_t most_tasks = 0;
        std::size_t most_frames = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int child = 0; child < 10'000; ++child) {
                if (child % 2 == 0)
                    nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_for(1s); });
                else
                    static_cast<void>(nursery.spawn([]() -> covey::task<int> {
                        co_await covey::sleep_for(1s);
                        co_return 1;
                    }));
                co_await covey::sleep_for(1s);
                const covey::testing::leak_report now = covey::testing::leaks();
                most_tasks = std::max(most_tasks, now.tasks);
                most_frames = std::max(most_frames, now.frames);
            }
            co_await covey::sleep_for(2s);
            CHECK(covey::testing::leaks().tasks == 1);  // main
        });
        CHECK(most_tasks <= 3);
        CHECK(most_frames <= 6);
        CHECK(support::elapsed() == 10'002s);
    });
}

TEST_CASE("two hundred thousand children end in one nursery (NB29)") {
    long ran = 0;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int batch = 0; batch < 200; ++batch) {
                for (int child = 0; child < 1000; ++child) nursery.start_soon([&] { ++ran; });
                co_await covey::testing::wait_all_tasks_blocked();
                CHECK(covey::testing::leaks().tasks == 1);
            }
        });
    });
    CHECK(ran == 200'000);
}
