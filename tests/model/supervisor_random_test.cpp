// SPDX-License-Identifier: BSL-1.0
// The reference model's rules over the logs of random trees of supervisors, in virtual time: every
// strategy, children that crash, return, ignore what they are told or fail to start, operators that
// start, stop and restart, and cancellations at any moment.
#include "model/supervisor_log.hpp"
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <cstdlib>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("random trees of supervisors keep the rules of the model (SV1 to SV19)") {
    model::tally sums;
    for (const std::uint64_t seed : support::seeds(support::rounds(3000))) {
        INFO("COVEY_SEED=" << seed);
        model::world in(1ms);
        support::run_virtual(
            seed, [&]() -> covey::task<> { co_await model::tree(in, support::dice(seed)); });
        const std::string faults = model::judge(in, true, sums);
        if (!faults.empty() && std::getenv("COVEY_SEED") != nullptr) {
            for (const auto& each : in.records) {
                if (!each->handle) continue;
                std::string story;
                for (const covey::supervision_event& event : each->handle->events())
                    story += support::line_of(event) + "\n";
                WARN(each->name << "\n" << story);
            }
        }
        REQUIRE(faults == "");
    }
    if (std::getenv("COVEY_SEED") != nullptr) return;
    using kind = covey::supervision_event::kind;
    for (int i = 0; i <= static_cast<int>(kind::closed); ++i) {
        const auto each = static_cast<kind>(i);
        INFO(to_string(each));
        if (each != kind::unresponsive) CHECK(sums.events[each] > 0);
    }
    CHECK(sums.raised > 0);
    CHECK(sums.group_starts > 0);
    CHECK(sums.widened > 0);
    CHECK(sums.cut_closes > 0);
    CHECK(sums.in_a_row > 0);
}
