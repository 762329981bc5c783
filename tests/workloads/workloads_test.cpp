// SPDX-License-Identifier: BSL-1.0
//
// The workloads of the benchmarks at small sizes, in the orders of several seeds and on two
// workers: each checks its results itself.

#include "workloads/workloads.hpp"

#include "support/catch.hpp"
#include "support/run_virtual.hpp"
#include "workloads/measure.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

const workloads::workload& named(std::string_view name) {
    const workloads::workload* const found = workloads::find(name);
    REQUIRE(found != nullptr);
    return *found;
}

void has_figures(const workloads::figures& found, const std::vector<std::string>& names) {
    std::vector<std::string> given;
    for (const workloads::figure& each : found) {
        INFO(each.name << " " << each.value);
        CHECK(std::isfinite(each.value));
        given.push_back(each.name);
    }
    CHECK(given == names);
}

void finds_its_results(std::string_view name, const std::vector<std::string>& figures) {
    const workloads::workload& subject = named(name);
    for (const std::uint64_t seed : support::seeds(5))
        has_figures(
            support::run_virtual(seed, [&] { return subject.run(workloads::scale::small); }),
            figures);
}

void finds_its_results_mt(std::string_view name, const std::vector<std::string>& figures,
                          covey::clock_source* clock = nullptr) {
    const workloads::workload& subject = named(name);
    for (int i = 0; i < 3; ++i)
        has_figures(support::run_checked({.workers = 2, .clock = clock},
                                         [&] { return subject.run(workloads::scale::small); }),
                    figures);
}

// With one of them, with few and with more than operations.
constexpr std::uint64_t numbers_of_things[] = {1, 10, 1'500};

void scales(std::string_view name, const std::vector<std::string>& figures) {
    const workloads::scaled_workload* const subject = workloads::find_scaled(name);
    REQUIRE(subject != nullptr);
    for (const std::uint64_t n : numbers_of_things)
        for (const std::uint64_t seed : support::seeds(3))
            has_figures(support::run_virtual(
                            seed, [&] { return subject->run(n, workloads::scale::small); }),
                        figures);
}

void scales_mt(std::string_view name, const std::vector<std::string>& figures) {
    const workloads::scaled_workload* const subject = workloads::find_scaled(name);
    REQUIRE(subject != nullptr);
    for (const std::uint64_t n : numbers_of_things)
        has_figures(support::run_checked({.workers = 2},
                                         [&] { return subject->run(n, workloads::scale::small); }),
                    figures);
}

const std::vector<std::string> per_operation{"ns"};
const std::vector<std::string> of_trees{"ns", "ns_handles"};
const std::vector<std::string> of_limits{"ns", "ns_yield_alone", "ns_ready_inner"};
const std::vector<std::string> of_sleeps{"cpu_ms",      "late_p50",    "late_p90",
                                         "late_p99",    "late_p99.9",  "late250_p50",
                                         "late250_p90", "late250_p99", "late250_p99.9"};
const std::vector<std::string> of_idling{"idle_cpu_ms", "wake_p50", "wake_p90", "wake_p99",
                                         "wake_p99.9"};
const std::vector<std::string> percentiles{"p50", "p90", "p99", "p99.9"};

}  // namespace

TEST_CASE("w1: each round trip brings its number back") { finds_its_results("w1", per_operation); }
TEST_CASE("w1_mt: each round trip brings its number back") {
    finds_its_results_mt("w1", per_operation);
}

TEST_CASE("w2: a consumer gets all numbers") { finds_its_results("w2", per_operation); }
TEST_CASE("w2_mt: a consumer gets all numbers") { finds_its_results_mt("w2", per_operation); }
TEST_CASE("w2_64: a consumer gets all numbers") { finds_its_results("w2_64", per_operation); }
TEST_CASE("w2_64_mt: a consumer gets all numbers") { finds_its_results_mt("w2_64", per_operation); }

TEST_CASE("w3: four consumers get all numbers") { finds_its_results("w3", per_operation); }
TEST_CASE("w3_mt: four consumers get all numbers") { finds_its_results_mt("w3", per_operation); }

TEST_CASE("w4: the sink gets all hashes") { finds_its_results("w4", per_operation); }
TEST_CASE("w4_mt: the sink gets all hashes") { finds_its_results_mt("w4", per_operation); }
TEST_CASE("w4_batches: the sink gets all hashes") {
    finds_its_results("w4_batches", per_operation);
}
TEST_CASE("w4_batches_mt: the sink gets all hashes") {
    finds_its_results_mt("w4_batches", per_operation);
}

TEST_CASE("w5: all children run") { finds_its_results("w5", per_operation); }
TEST_CASE("w5_mt: all children run") { finds_its_results_mt("w5", per_operation); }
TEST_CASE("w5b: all children give their results") { finds_its_results("w5b", per_operation); }
TEST_CASE("w5b_mt: all children give their results") { finds_its_results_mt("w5b", per_operation); }

TEST_CASE("w6: a tree of tasks adds up") { finds_its_results("w6", of_trees); }
TEST_CASE("w6_mt: a tree of tasks adds up") { finds_its_results_mt("w6", of_trees); }

TEST_CASE("w7: one task sees the token stop") { finds_its_results("w7", per_operation); }
TEST_CASE("w7_mt: one task sees the token stop") { finds_its_results_mt("w7", per_operation); }

TEST_CASE("w8: all blocked tasks are cancelled") { finds_its_results("w8", per_operation); }
TEST_CASE("w8_mt: all blocked tasks are cancelled") { finds_its_results_mt("w8", per_operation); }

TEST_CASE("w9a: no limit expires") { finds_its_results("w9a", of_limits); }
TEST_CASE("w9a_mt: no limit expires") { finds_its_results_mt("w9a", of_limits); }
TEST_CASE("w9b: no sleep is too short") { finds_its_results("w9b", of_sleeps); }
TEST_CASE("w9b_mt: no sleep is too short") {
    covey::testing::virtual_clock clock;
    finds_its_results_mt("w9b", of_sleeps, &clock);
}

TEST_CASE("w10: an actor gets everything from all senders") {
    finds_its_results("w10", {"ns", "peak_bytes"});
}
TEST_CASE("w10_mt: an actor gets everything from all senders") {
    finds_its_results_mt("w10", {"ns", "peak_bytes"});
}

TEST_CASE("w11: all actors of a tree are alive at once") {
    finds_its_results("w11", {"ns", "bytes"});
}
TEST_CASE("w11_mt: all actors of a tree are alive at once") {
    finds_its_results_mt("w11", {"ns", "bytes"});
}

TEST_CASE("w12: an actor gets all answers of another") { finds_its_results("w12", percentiles); }
TEST_CASE("w12_mt: an actor gets all answers of another") {
    finds_its_results_mt("w12", percentiles);
}

TEST_CASE("w13: all tasks are blocked at once") {
    finds_its_results("w13_100k", {"bytes"});
    finds_its_results("w13_1m", {"bytes"});
}
TEST_CASE("w13_mt: all tasks are blocked at once") { finds_its_results_mt("w13_100k", {"bytes"}); }

TEST_CASE("w14_mt: every send of an ordinary thread wakes the run") {
    finds_its_results_mt("w14", of_idling);
}

TEST_CASE("words, words_mt: the demo counts the system's headers, with one worker and with two") {
    const auto count = [](unsigned workers) {
        return covey::run(covey::run_options{.workers = workers},
                          [] { return named("words").run(workloads::scale::small); });
    };
    const workloads::figures one = count(1), two = count(2);
    has_figures(one, {"ms", "words", "distinct"});
    CHECK(one[1].value == two[1].value);
    CHECK(one[2].value == two[2].value);
}

TEST_CASE("scale_tasks: each task runs in each round") { scales("scale_tasks", per_operation); }
TEST_CASE("scale_tasks_mt: each task runs in each round") {
    scales_mt("scale_tasks", per_operation);
}
TEST_CASE("scale_channels: each channel carries its value") {
    scales("scale_channels", {"bytes", "ns"});
}
TEST_CASE("scale_channels_mt: each channel carries its value") {
    scales_mt("scale_channels", {"bytes", "ns"});
}
TEST_CASE("scale_timers: no limit expires among sleepers") {
    scales("scale_timers", per_operation);
}
TEST_CASE("scale_timers_mt: no limit expires among sleepers") {
    scales_mt("scale_timers", per_operation);
}

TEST_CASE("each workload has a name of its own") {
    std::set<std::string_view> names;
    for (const workloads::workload& each : workloads::all()) names.insert(each.name);
    for (const workloads::scaled_workload& each : workloads::all_scaled()) names.insert(each.name);
    CHECK(names.size() == workloads::all().size() + workloads::all_scaled().size());
    CHECK(workloads::find("w0") == nullptr);
}

TEST_CASE("a wrong result says what it is and what it should be") {
    CHECK_NOTHROW(workloads::expect_equal("the sum", 5, 5));
    CHECK_THROWS_WITH(workloads::expect_equal("the sum", 4, 5), "the sum: 4 instead of 5");
}

TEST_CASE("percentiles are those of the sorted values") {
    std::vector<double> values;
    for (int i = 1000; i > 0; --i) values.push_back(i);
    workloads::figures found;
    workloads::append_percentiles(found, "x_", values);
    has_figures(found, {"x_p50", "x_p90", "x_p99", "x_p99.9"});
    CHECK(found[0].value == 501);
    CHECK(found[1].value == 901);
    CHECK(found[2].value == 991);
    CHECK(found[3].value == 1000);
}
