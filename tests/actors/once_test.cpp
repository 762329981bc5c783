// SPDX-License-Identifier: BSL-1.0
// once(), and the prototypes that it stands beside: copies, clones, and when they go.
#include <covey/once.hpp>

#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/channel.hpp>
#include <covey/error.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

static_assert(std::is_same_v<decltype(covey::once(std::unique_ptr<int>())),
                             covey::once_argument<std::unique_ptr<int>>>);
static_assert(
    std::is_same_v<decltype(covey::once(std::declval<const int&>())), covey::once_argument<int>>);

namespace {

// Counts its copies, and notes its destruction.
struct counted {
    explicit counted(int& alive) : alive_(&alive) { ++alive; }
    counted(const counted& other) : alive_(other.alive_), generation(other.generation + 1) {
        ++*alive_;
    }
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive_; }

 private:
    int* alive_;

 public:
    int generation = 0;
};

// Move-only, with a clone.
struct cloned {
    explicit cloned(int number) : generation(number) {}
    cloned(cloned&&) = default;
    cloned& operator=(cloned&&) = default;
    [[nodiscard]] cloned clone() const { return cloned(generation + 1); }
    int generation;
};

covey::supervisor_options at_once() {
    covey::supervisor_options options;
    options.backoff = covey::backoff::none();
    return observed(options);
}

}  // namespace

TEST_CASE("every incarnation gets a copy of the first arguments, not of the used ones (SV3)") {
    std::vector<std::string> seen;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            at_once(), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start(
                    {},
                    [&seen](std::string text, int number) -> covey::task<> {
                        seen.push_back(text + std::to_string(number));
                        text += "used";
                        number = 9;
                        if (seen.size() < 3) co_await support::fails_after(1s, "crash");
                    },
                    std::string("a"), 1);
            });
    });
    CHECK(seen == std::vector<std::string>{"a1", "a1", "a1"});
}

TEST_CASE("every incarnation gets a copy of the function, with its captures (SV3)") {
    std::vector<int> seen;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            at_once(), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({}, [&seen, calls = 0]() mutable -> covey::task<> {
                    seen.push_back(++calls);
                    co_await covey::sleep_for(1s);
                    seen.push_back(++calls);
                    if (seen.size() < 4) throw std::runtime_error("crash");
                });
            });
    });
    CHECK(seen == std::vector<int>{1, 2, 1, 2});
}

TEST_CASE("what can't be copied is cloned, for every incarnation from the first one (SV3)") {
    std::vector<int> seen;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(at_once(),
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            co_await supervisor.start(
                                                {},
                                                [&seen](cloned argument) -> covey::task<> {
                                                    seen.push_back(argument.generation);
                                                    if (seen.size() < 3)
                                                        co_await support::fails_after(1s, "crash");
                                                },
                                                cloned(10));
                                        });
    });
    CHECK(seen == std::vector<int>{11, 11, 11});
}

TEST_CASE("an argument in once goes to the only incarnation, which makes it temporary (SV3)") {
    support::witness log;
    int received = 0;
    support::run_watched(log, at_once(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start(
            {.name = "a", .restart = covey::restart::permanent},
            [&received](std::unique_ptr<int> number) -> covey::task<> {
                received = *number;
                co_await support::fails_after(1s, "crash");
            },
            covey::once(std::make_unique<int>(7)));
    });
    CHECK(received == 7);
    CHECK(log.story_after(2) == lines{"1 forgotten a.1: crash", "1 closing", "1 closed"});
}

TEST_CASE("a function in once may hold what can't be copied (SV3)") {
    support::witness log;
    int received = 0;
    support::run_watched(log, at_once(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start(
            {.name = "a"},
            covey::once([&received, number = std::make_unique<int>(7)]() -> covey::task<> {
                co_await covey::sleep_for(1s);
                received = *number;
                throw std::runtime_error("crash");
            }));
    });
    CHECK(received == 7);
    CHECK(log.story_after(2) == lines{"1 forgotten a.1: crash", "1 closing", "1 closed"});
}

TEST_CASE("a group restart doesn't bring a child back that was given something once (SV3)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        covey::supervisor_options options = at_once();
        options.strategy = covey::strategy::one_for_all;
        co_await covey::with_supervisor(
            options, [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start(
                    {.name = "once"}, [](std::unique_ptr<int>) { return support::obedient(); },
                    covey::once(std::make_unique<int>(7)));
                co_await supervisor.start({.name = "fails"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await covey::sleep_for(2s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::start}) == "0 start once.1, 0 start fails.1, 1 start fails.2");
}

TEST_CASE("prototypes live until the child has ended for good, copies as long as a run (SV3)") {
    support::run_virtual([]() -> covey::task<> {
        int alive = 0;
        int failures = 1;
        covey::supervisor_options options;
        options.backoff.first = 2s;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto child = [&failures](counted) {
                    return support::fails_at_first(&failures, 1s, "crash");
                };
                const auto a = co_await supervisor.start({}, child, counted(alive));
                CHECK(alive >= 2);
                co_await covey::sleep_for(2s);  // in its delay
                CHECK(alive == 1);
                co_await covey::sleep_for(2s);  // runs again
                CHECK(alive >= 2);
                co_await supervisor.stop(a);
                CHECK(alive == 0);
                co_await supervisor.start({}, [](counted) {}, counted(alive));
                co_await covey::checkpoint();
                CHECK(alive == 0);
                try {
                    co_await supervisor.start(
                        {}, [](counted) { throw std::runtime_error("no start"); }, counted(alive));
                } catch (const covey::start_failed_error&) {
                }
                CHECK(alive == 0);
            });
        CHECK(alive == 0);
    });
}

TEST_CASE("a refused start destroys its arguments (SV12)") {
    support::run_virtual([]() -> covey::task<> {
        int alive = 0;
        support::witness log;
        co_await covey::with_supervisor(observed(), [&](covey::supervisor& s) { log.watch(s); });
        bool refused = false;
        try {
            co_await log.handle().start({}, [](counted) {}, counted(alive));
        } catch (const covey::closed_nursery_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(alive == 0);
    });
}

TEST_CASE("a copy that throws fails the start, or the restart (SV3, SV14)") {
    struct throws_second {
        int* copies;
        explicit throws_second(int& count) : copies(&count) {}
        throws_second(const throws_second& other) : copies(other.copies) {
            if (++*copies == 2) throw std::runtime_error("no copy");
        }
        throws_second(throws_second&&) = default;
        throws_second& operator=(throws_second&&) = default;
        ~throws_second() = default;
    };
    support::witness log;
    int copies = 0;
    int runs = 0;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start(
            {.name = "a"},
            [&](throws_second) -> covey::task<> {
                if (++runs == 1) co_await support::fails_after(1s, "crash");
            },
            throws_second(copies));
    });
    CHECK(runs == 2);
    CHECK(log.only({kind::incident}) == "1 incident a.1 #1: crash, 1.05 incident a.2 #2: no copy");
}

TEST_CASE("a channel closes when its last restartable worker is done for good (SV3, SC25)") {
    for (const std::uint64_t seed : support::seeds(10)) {
        support::witness log;
        std::vector<int> handled;
        std::vector<int> lost;
        support::run_virtual(seed, [&]() -> covey::task<> {
            auto [tx, rx] = covey::open_memory_channel<int>(2);
            int crashes = 2;
            co_await covey::with_supervisor(
                observed({.budget = covey::budget_scope::child}),
                [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    const auto work = [&](covey::receive_channel<int> jobs) -> covey::task<> {
                        while (auto job = co_await jobs.next()) {
                            co_await covey::sleep_for(10ms);
                            if (*job % 5 == 0 && crashes-- > 0) {
                                lost.push_back(*job);
                                throw std::runtime_error("crash");
                            }
                            handled.push_back(*job);
                        }
                    };
                    for (int i = 0; i < 4; ++i) co_await supervisor.start({}, work, rx.clone());
                    rx.close();
                    co_await supervisor.start(
                        {},
                        [](covey::send_channel<int> jobs) -> covey::task<> {
                            for (int i = 1; i <= 100; ++i) co_await jobs.send(i);
                        },
                        std::move(tx));
                });
        });
        CHECK(lost.size() == 2);
        CHECK(handled.size() == 98);
        std::sort(handled.begin(), handled.end());
        CHECK(std::adjacent_find(handled.begin(), handled.end()) == handled.end());
        for (const int each : lost)
            CHECK_FALSE(std::binary_search(handled.begin(), handled.end(), each));
        CHECK(log.events().back().what == kind::closed);
    }
}
