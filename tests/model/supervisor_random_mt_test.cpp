// SPDX-License-Identifier: BSL-1.0
// The same trees on several workers and the real clock, in microseconds: crash storms, with
// operators in tasks and one on an ordinary thread. The rules that need no exact times hold.
#include "model/supervisor_log.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/error.hpp>

#include <algorithm>
#include <atomic>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("random trees of supervisors keep the rules on several workers _mt (SV1 to SV19)") {
    model::tally sums;
    const std::size_t rounds = support::rounds(300);
    for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
        INFO("dice seed " << seed);
        model::world in(20us);
        support::run_mt(2 + static_cast<unsigned>(seed % 3), seed,
                        [&]() -> covey::task<> { co_await model::tree(in, support::dice(seed)); });
        REQUIRE(model::judge(in, false, sums) == "");
    }
    using kind = covey::supervision_event::kind;
    for (const kind each : {kind::start, kind::incident, kind::went_down, kind::gave_up,
                            kind::failed_to_stop, kind::pierced, kind::closed}) {
        INFO(to_string(each));
        CHECK(sums.events[each] > 0);
    }
    CHECK(sums.group_starts > 0);
}

TEST_CASE("a storm of crashes with operators inside and outside leaves nothing _mt (SV8, SV19)") {
    for (std::uint64_t seed = 1; seed <= support::rounds(20); ++seed) {
        INFO("dice seed " << seed);
        support::faults found;
        std::atomic<int> started = 0;
        std::atomic<int> ended = 0;
        std::atomic<int> crashes = 500;
        support::foreign_thread outside;
        support::run_mt(3, seed, [&]() -> covey::task<> {
            covey::supervisor_options options{.strategy = static_cast<covey::strategy>(seed % 3),
                                              .intensity = 1'000'000};
            options.backoff = covey::backoff::none();
            try {
                co_await covey::with_supervisor(
                    options, [&](covey::supervisor& supervisor) -> covey::task<> {
                        const auto worker = [&](covey::task_status<void> status,
                                                support::dice random) -> covey::task<> {
                            struct presence {
                                std::atomic<int>& count;
                                ~presence() { ++count; }
                            } const here{ended};
                            ++started;
                            status.started();
                            for (std::uint64_t left = 1 + random.roll(20); left != 0; --left) {
                                support::dawdle(random);
                                co_await covey::checkpoint();
                            }
                            if (--crashes < 0) co_await support::obedient();
                            if (crashes >= 0) throw std::runtime_error("crash");
                        };
                        support::dice random(seed);
                        for (int i = 0; i < 8; ++i)
                            co_await supervisor.start({}, worker, model::fresh(random));
                        outside.post([handle = supervisor.handle(), &found, seed]() {
                            for (int i = 0; i < 50; ++i) {
                                const auto children = handle.children();
                                found.expect(std::is_sorted(children.begin(), children.end(),
                                                            [](const auto& a, const auto& b) {
                                                                return a.id < b.id;
                                                            }),
                                             "children are listed in the order of start");
                                static_cast<void>(handle.events());
                            }
                            if (seed % 2 == 0) handle.stop_all("from outside");
                        });
                        co_await covey::with_nursery([&](covey::nursery& nursery) {
                            for (int i = 0; i < 3; ++i) {
                                nursery.start_soon(
                                    [&, mind = model::fresh(random)]() mutable -> covey::task<> {
                                        for (int left = 20; left != 0; --left) {
                                            const covey::child_id id{1 + mind.roll(8)};
                                            try {
                                                if (mind.roll(4) == 0)
                                                    co_await supervisor.start({}, worker,
                                                                              model::fresh(mind));
                                                else if (mind.roll(8) == 0)
                                                    co_await supervisor.stop(id);
                                                else
                                                    co_await supervisor.restart(id);
                                            } catch (const covey::closed_nursery_error&) {
                                            } catch (const std::logic_error&) {  // stopped for good
                                            }
                                        }
                                    });
                            }
                        });
                        supervisor.stop_all();
                    });
            } catch (const covey::exception_group& crashed_while_closing) {
                found.expect(crashed_while_closing.find<covey::supervisor_gave_up>() == nullptr,
                             "nobody gives up");
            }
        });
        CHECK(found.text() == "");
        CHECK(started == ended);
        CHECK(started >= 8);
    }
}
