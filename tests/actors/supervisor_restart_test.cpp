// SPDX-License-Identifier: BSL-1.0
// Restarting single children: restart types, the budget, the delay.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>

#include <set>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using covey::restart;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

// A supervisor of one child "a": its log, and its error, if it fails.
template <class F, class... A>
lines life_of(covey::supervisor_options options, covey::child_options child, F fn, A... args) {
    support::witness log;
    child.name = "a";
    support::run_watched(log, observed(options),
                         [&](covey::supervisor& supervisor) -> covey::task<> {
                             co_await supervisor.start(child, fn, args...);
                         });
    return log.story_after(2);
}

// The delays before the restarts of a child that runs for these times and then fails.
std::vector<covey::duration> delays_of(covey::backoff policy, std::vector<covey::duration> runs,
                                       std::uint64_t seed = 1) {
    support::witness log;
    support::run_virtual(seed, [&]() -> covey::task<> {
        covey::supervisor_options options{.intensity = 1000, .history = 10'000};
        options.backoff = policy;
        std::size_t run = 0;
        co_await covey::with_supervisor(options,
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            log.watch(supervisor);
                                            co_await supervisor.start({}, [&]() -> covey::task<> {
                                                if (run == runs.size()) co_return;
                                                co_await support::fails_after(runs[run++], "crash");
                                            });
                                        });
    });
    std::vector<covey::duration> result;
    for (const covey::supervision_event& each : log.events())
        if (each.what == kind::backoff) result.push_back(each.delay);
    return result;
}

// How many incidents it takes until a supervisor gives up on a child that fails each time after
// `length`; 0: it doesn't in 50.
std::size_t incidents_until_it_gives_up(unsigned intensity, covey::duration period,
                                        covey::duration length) {
    support::witness log;
    int failures = 50;
    try {
        support::run_virtual([&]() -> covey::task<> {
            covey::supervisor_options options{.intensity = intensity, .period = period};
            options.backoff = covey::backoff::none();
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({}, [&]() -> covey::task<> {
                        if (failures-- > 0) co_await support::fails_after(length, "crash");
                    });
                });
        });
        return 0;
    } catch (const covey::supervisor_gave_up& error) {
        std::size_t incidents = 0;
        for (const covey::supervision_event& each : log.events())
            if (each.what == kind::incident) ++incidents;
        CHECK(error.failures().size() + error.dropped() == incidents);
        return incidents;
    }
}

}  // namespace

TEST_CASE("a transient child that fails is started again, one that returns is done (SV16)") {
    int failures = 2;
    CHECK(life_of({}, {.restart = restart::transient},
                  [&]() -> covey::task<> {
                      if (failures-- > 0) co_await support::fails_after(1s, "crash");
                      co_await covey::sleep_for(1s);
                  }) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +0.05", "1.05 start a.2",
                              "1.05 ready a.2", "2.05 incident a.2 #2: crash",
                              "2.05 backoff a.2 +0.1", "2.15 start a.3", "2.15 ready a.3",
                              "3.15 completed a.3", "3.15 closing", "3.15 closed"});
}

TEST_CASE("a permanent child that returns is started again, and it costs the budget (SV14)") {
    support::witness log;
    const auto error = support::thrown_by<covey::supervisor_gave_up>([&] {
        support::run_watched(
            log, observed({.intensity = 1}), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "a", .restart = restart::permanent},
                                          support::returns_after, 1s);
            });
    });
    CHECK(log.story_after(2) == lines{"1 incident a.1 #1", "1 backoff a.1 +0.05", "1.05 start a.2",
                                      "1.05 ready a.2", "2.05 incident a.2 #2",
                                      "2.05 gave_up: permanent child 'a' returned", "2.05 closing",
                                      "2.05 closed"});
    CHECK(error.find<covey::child_returned_error>() != nullptr);
    REQUIRE(error.failures().size() == 2);
    CHECK(error.failures()[0].error == nullptr);
}

TEST_CASE("a permanent child that fails is started again (SV16)") {
    int failures = 1;
    support::witness log;
    support::run_watched(log, observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "a", .restart = restart::permanent},
                                  support::fails_at_first, &failures, 1s, "crash");
        co_await covey::sleep_for(5s);
        supervisor.stop_all();
    });
    CHECK(log.story_after(2) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +0.05",
                                      "1.05 start a.2", "1.05 ready a.2", "5 closing",
                                      "5 asked_to_stop a.2", "5 stopped a.2", "5 closed"});
}

TEST_CASE("a temporary child is never started again, and its failure is in the log only (SV2)") {
    CHECK(life_of({}, {.restart = restart::temporary}, support::fails_after, 1s, "crash") ==
          lines{"1 forgotten a.1: crash", "1 closing", "1 closed"});
    CHECK(life_of({}, {.restart = restart::temporary}, support::returns_after, 1s) ==
          lines{"1 completed a.1", "1 closing", "1 closed"});
}

TEST_CASE("a child that cancels itself has ended, without an error and for good (SV5)") {
    for (const restart type : {restart::permanent, restart::transient, restart::temporary}) {
        CHECK(life_of({}, {.restart = type}, []() -> covey::task<> {
                  co_await covey::sleep_for(1s);
                  covey::current_scope().cancel("enough");
                  co_await covey::sleep_forever();
              }) == lines{"1 stopped a.1", "1 closing", "1 closed"});
    }
}

TEST_CASE("one_for_one touches nobody but the child that failed (SV16, SC4)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::obedient);
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &failures, 1s,
                                          "crash");
                co_await supervisor.start({.name = "c"}, support::obedient);
                co_await covey::sleep_for(2s);
                const auto children = supervisor.children();
                CHECK(children[0].incarnation == 1);
                CHECK(children[0].restarts == 0);
                CHECK(children[1].incarnation == 2);
                CHECK(children[1].restarts == 1);
                CHECK(children[2].incarnation == 1);
                supervisor.stop_all();
            });
    });
    CHECK(log.story_after(6) == lines{"1 incident b.1 #1: crash", "1 backoff b.1 +0.05",
                                      "1.05 start b.2", "1.05 ready b.2", "2 closing",
                                      "2 asked_to_stop c.1", "2 stopped c.1", "2 asked_to_stop b.2",
                                      "2 stopped b.2", "2 asked_to_stop a.1", "2 stopped a.1",
                                      "2 closed"});
}

TEST_CASE("a budget of R allows R restarts in its period, and one more is too many (SV14, SC7)") {
    CHECK(incidents_until_it_gives_up(0, 10s, 1s) == 1);
    CHECK(incidents_until_it_gives_up(1, 10s, 1s) == 2);
    CHECK(incidents_until_it_gives_up(2, 10s, 1s) == 3);
    CHECK(incidents_until_it_gives_up(5, 10s, 0s) == 6);
    CHECK(incidents_until_it_gives_up(20, 20s, 1s) == 21);
}

TEST_CASE("the ends of the budget's period belong to it (SV14, SC7)") {
    CHECK(incidents_until_it_gives_up(2, 10s, 5s) == 3);
    CHECK(incidents_until_it_gives_up(2, 10s, 5s + 1ns) == 0);
    CHECK(incidents_until_it_gives_up(1, 10s, 10s) == 2);
    CHECK(incidents_until_it_gives_up(1, 10s, 10s + 1ns) == 0);
    CHECK(incidents_until_it_gives_up(20, 20s, 1s + 1ns) == 0);
    CHECK(incidents_until_it_gives_up(3, covey::never, 1000h) == 4);
    CHECK(incidents_until_it_gives_up(1, 0s, 1ns) == 0);
}

TEST_CASE("restarts far apart use up nothing, also after a burst (SV14, SC7)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        covey::supervisor_options options{.intensity = 3, .period = 10s};
        options.backoff = covey::backoff::none();
        int run = 0;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    // Three at once, a pause that just suffices, for fifty times.
                    if (run == 150) co_return;
                    co_await support::fails_after(run++ % 3 == 0 ? 10s + 1ns : 0s, "crash");
                });
            });
    });
    CHECK(log.events().back().incarnation == 0);
    CHECK(log.events()[log.events().size() - 3].incarnation == 151);
}

TEST_CASE("the budget belongs to the supervisor, or to each child (SV14)") {
    const auto run = [](covey::budget_scope budget) {
        support::witness log;
        try {
            support::run_virtual([&]() -> covey::task<> {
                int of_a = 2;
                int of_b = 2;
                co_await covey::with_supervisor(
                    observed({.intensity = 2, .budget = budget}),
                    [&](covey::supervisor& supervisor) -> covey::task<> {
                        log.watch(supervisor);
                        co_await supervisor.start({.name = "a"}, support::fails_at_first, &of_a, 1s,
                                                  "of a");
                        co_await supervisor.start({.name = "b"}, support::fails_at_first, &of_b, 2s,
                                                  "of b");
                        co_await covey::sleep_for(10s);
                        supervisor.stop_all();
                    });
            });
        } catch (const covey::supervisor_gave_up&) {
        }
        return log.only({kind::incident, kind::gave_up});
    };
    CHECK(run(covey::budget_scope::supervisor) ==
          "1 incident a.1 #1: of a, 2 incident b.1 #2: of b, 2.05 incident a.2 #3: of a, "
          "2.05 gave_up: of a");
    CHECK(run(covey::budget_scope::child) ==
          "1 incident a.1 #1: of a, 2 incident b.1 #2: of b, 2.05 incident a.2 #3: of a, "
          "4.05 incident b.2 #4: of b");
}

TEST_CASE("each failed attempt to start again is an incident of its own (SV14)") {
    support::witness log;
    const auto error = support::thrown_by<covey::supervisor_gave_up>([&] {
        support::run_virtual([&]() -> covey::task<> {
            int run = 0;
            co_await covey::with_supervisor(
                observed({.intensity = 2}), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                        if (run++ == 0) co_await support::fails_after(1s, "crash");
                        throw std::runtime_error("no start");
                    });
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"no start", "no start", "crash"});
    CHECK(log.story_after(2) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +0.05",
                                      "1.05 start a.2", "1.05 incident a.2 #2: no start",
                                      "1.05 backoff a.2 +0.1", "1.15 start a.3",
                                      "1.15 incident a.3 #3: no start", "1.15 gave_up: no start",
                                      "1.15 closing", "1.15 closed"});
}

TEST_CASE("a child has its own limit of restarts in a row, calm time begins a new row (SV14)") {
    support::witness log;
    covey::supervisor_options options{.intensity = 1000, .period = 1000s};
    options.backoff = {.first = 1s, .factor = 1, .max = 1s, .reset_after = 10s};
    // How long each incarnation of the limited child runs: the third one is calm.
    const std::vector<covey::duration> runs{0s, 9s, 10s, 0s, 0s};
    const auto error = support::thrown_by<covey::supervisor_gave_up>([&] {
        support::run_watched(
            log, observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                co_await supervisor.start({.name = "free"}, support::fails_after, 1s, "often");
                std::size_t run = 0;
                co_await supervisor.start(
                    {.name = "limited", .max_consecutive = 2}, [&]() -> covey::task<> {
                        co_await support::fails_after(runs.at(run++), "crash");
                    });
                co_await covey::sleep_forever();
            });
    });
    CHECK_THAT(error.what(),
               Catch::Matchers::StartsWith(
                   "supervisor 'top' gave up: more than 2 restarts of child 'limited' in a row"));
    std::vector<std::string> ends;
    for (const covey::supervision_event& each : log.events())
        if (each.what == kind::incident && each.name == "limited")
            ends.push_back(fmt::format("{:g}", support::in_seconds(each.at.time_since_epoch())));
    CHECK(ends == lines{"0", "10", "21", "22", "23"});
}

TEST_CASE("no restart in a row at all is the first failure's end, whatever the budget (SV14)") {
    const auto error = support::thrown_by<covey::supervisor_gave_up>(
        [&] { life_of({}, {.max_consecutive = 0}, support::fails_after, 1s, "crash"); });
    CHECK(error.failures().size() == 1);
}

TEST_CASE("restarts by hand are in no row (SV14, SV19)") {
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                const covey::child_id child =
                    co_await supervisor.start({.max_consecutive = 0}, support::obedient);
                for (int i = 0; i < 3; ++i) co_await supervisor.restart(child);
                CHECK(supervisor.children().front().restarts == 3);
                supervisor.stop_all();
            });
    });
}

TEST_CASE("the delay grows by its factor up to its maximum (SV15, SC8)") {
    const covey::backoff policy{.first = 1s, .factor = 2, .max = 5s, .jitter = 0};
    CHECK(delays_of(policy, std::vector<covey::duration>(6, 0s)) ==
          std::vector<covey::duration>{1s, 2s, 4s, 5s, 5s, 5s});
    const covey::backoff steep{.first = 10ms, .factor = 10, .max = 2s, .jitter = 0};
    CHECK(delays_of(steep, std::vector<covey::duration>(4, 1ms)) ==
          std::vector<covey::duration>{10ms, 100ms, 1s, 2s});
    const covey::backoff even{.first = 3s, .factor = 1, .max = 5s, .jitter = 0};
    CHECK(delays_of(even, std::vector<covey::duration>(3, 0s)) ==
          std::vector<covey::duration>{3s, 3s, 3s});
}

TEST_CASE("a child that has run long enough begins with the first delay again (SV15, SC8)") {
    covey::backoff policy{.first = 1s, .factor = 2, .max = 5s, .jitter = 0, .reset_after = 10s};
    CHECK(delays_of(policy, {0s, 0s, 9999ms, 10s, 0s}) ==
          std::vector<covey::duration>{1s, 2s, 4s, 1s, 2s});
    policy.reset_after = {};  // the mean of first and max
    CHECK(delays_of(policy, {0s, 0s, 2999ms, 3s, 0s}) ==
          std::vector<covey::duration>{1s, 2s, 4s, 1s, 2s});
}

TEST_CASE("many failures in a row don't overflow the delay (SV15)") {
    const covey::backoff policy{.first = 1ns, .factor = 1e9, .max = covey::never, .jitter = 0};
    const auto delays = delays_of(policy, std::vector<covey::duration>(3, 0s));
    CHECK(delays[0] == 1ns);
    CHECK(delays[1] == 1s);
    const covey::backoff short_one{.first = 1ms, .factor = 1e9, .max = 1s, .jitter = 1};
    for (const covey::duration each : delays_of(short_one, std::vector<covey::duration>(400, 0s)))
        CHECK((each >= 0s && each <= 2s));
}

TEST_CASE("no delay restarts at the same instant (SV15)") {
    covey::supervisor_options options;
    options.backoff = covey::backoff::none();
    int failures = 2;
    CHECK(life_of(options, {},
                  [&]() -> covey::task<> {
                      if (failures-- > 0) co_await support::fails_after(1s, "crash");
                  }) == lines{"1 incident a.1 #1: crash", "1 backoff a.1 +0", "1 start a.2",
                              "1 ready a.2", "2 incident a.2 #2: crash", "2 backoff a.2 +0",
                              "2 start a.3", "2 ready a.3", "2 completed a.3", "2 closing",
                              "2 closed"});
}

TEST_CASE("jitter spreads the delay around its value, by the seed of the run (SV15)") {
    const covey::backoff policy{.first = 1s, .factor = 1, .max = 1s, .jitter = 0.2};
    const std::vector<covey::duration> runs(200, 0s);
    const auto some = delays_of(policy, runs, 7);
    CHECK(some == delays_of(policy, runs, 7));
    CHECK(some != delays_of(policy, runs, 8));
    REQUIRE(some.size() == runs.size());
    int above = 0;
    for (const covey::duration each : some) {
        CHECK(each >= 800ms);
        CHECK(each <= 1200ms);
        if (each > 1s) ++above;
    }
    CHECK(above > 60);
    CHECK(above < 140);
    CHECK(std::set<covey::duration>(some.begin(), some.end()).size() > 190);
}

TEST_CASE("a crash while another child waits for its time changes nothing there (SV15)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int of_a = 1;
        int of_b = 1;
        covey::supervisor_options options;
        options.backoff.first = 1s;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, support::fails_at_first, &of_a, 1s, "a!");
                co_await supervisor.start({.name = "b"}, support::fails_at_first, &of_b, 1500ms,
                                          "b!");
                co_await covey::sleep_for(3s);
                supervisor.stop_all();
            });
    });
    CHECK(log.only({kind::incident, kind::backoff, kind::start}) ==
          "0 start a.1, 0 start b.1, 1 incident a.1 #1: a!, 1 backoff a.1 +1, "
          "1.5 incident b.1 #2: b!, 1.5 backoff b.1 +1, 2 start a.2, 2.5 start b.2");
}

TEST_CASE("an incarnation has ended with all that it started, before the delay begins (SV20)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int run = 0;
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "a"}, [&]() -> covey::task<> {
                    if (++run > 1) co_return;
                    co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([]() -> covey::task<> {
                            co_await covey::finally(covey::sleep_forever(),
                                                    [] { return covey::sleep_for(2s); });
                        });
                        co_await support::fails_after(1s, "crash");
                    });
                });
            });
    });
    CHECK(log.only({kind::incident, kind::start}).find("3 incident a.1") != std::string::npos);
    CHECK(log.only({kind::start}) == "0 start a.1, 3.05 start a.2");
}
