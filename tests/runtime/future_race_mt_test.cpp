// SPDX-License-Identifier: BSL-1.0
// Futures asked, cancelled and dropped while their tasks end, from threads and tasks.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/checkpoint.hpp>
#include <covey/embedded_runtime.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/future.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using support::dice;

enum class ending { value, error, stopped };

// A task that ends after a random moment, in the way that the dice say.
covey::task<std::unique_ptr<int>> end_somehow(dice random, ending how) {
    const std::uint64_t steps = random.roll(4);
    for (std::uint64_t i = 0; i < steps; ++i) co_await covey::checkpoint();
    support::dawdle(random);
    if (how == ending::error) throw std::domain_error("as agreed");
    if (how == ending::stopped) co_await covey::sleep_forever();
    co_return std::make_unique<int>(7);
}

// Asks the future in the way that the dice say; how it ended.
ending outcome_of(covey::future<std::unique_ptr<int>>& future, dice random,
                  support::faults& faults) {
    try {
        if (random.roll(2) == 0) {
            while (!future.wait_for(std::chrono::microseconds(random.roll(30)))) {
            }
            faults.expect(future.done(), "what has been waited for is done");
        }
        const std::unique_ptr<int> value = future.get();
        faults.expect(value != nullptr && *value == 7, "the value arrives whole");
        return ending::value;
    } catch (const std::domain_error&) {
        return ending::error;
    } catch (const covey::cancelled_error&) {
        return ending::stopped;
    }
}

std::atomic<std::size_t> reported{0};
void count_report(std::string_view, const std::exception_ptr&) noexcept { ++reported; }

struct counting_reports {
    covey::unseen_error_handler before = covey::set_unseen_error_handler(count_report);
    counting_reports() noexcept { reported = 0; }
    counting_reports(const counting_reports&) = delete;
    counting_reports& operator=(const counting_reports&) = delete;
    ~counting_reports() { covey::set_unseen_error_handler(before); }
};

}  // namespace

TEST_CASE("several threads submit, ask and cancel at once_mt") {
    support::faults faults;
    for (const unsigned workers : {1U, 2U}) {
        {
            covey::runtime runtime({.workers = workers});
            std::vector<std::thread> threads;
            for (std::uint64_t seed = 1; seed != 4; ++seed) {
                threads.emplace_back([&runtime, &faults, seed] {
                    dice random(seed);
                    for (std::size_t i = 0; i < support::rounds(1000); ++i) {
                        const auto how = static_cast<ending>(random.roll(3));
                        auto future =
                            runtime.submit(end_somehow, dice(random.roll(~std::uint64_t{0})), how);
                        const bool cancels = how == ending::stopped || random.roll(4) == 0;
                        if (cancels) support::dawdle(random);
                        if (cancels) future.cancel("race");
                        const ending seen =
                            outcome_of(future, dice(random.roll(~std::uint64_t{0})), faults);
                        faults.expect(seen == how || (cancels && seen == ending::stopped),
                                      "a task ends as it said, or is stopped by who cancelled it");
                    }
                });
            }
            for (std::thread& each : threads) each.join();
        }
        CHECK(support::left_behind() == "");
    }
    CHECK(faults.text() == "");
}

TEST_CASE("several threads run mains in one runtime at once_mt (R1)") {
    std::atomic<int> wrong = 0;
    {
        covey::runtime runtime({.workers = 2});
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 3; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = 0; i < static_cast<int>(support::rounds(500)); ++i) {
                    const int seen = runtime.run(
                        [&runtime](int left, int right) -> covey::task<int> {
                            auto sum = runtime.submit([=] { return left + right; });
                            co_return co_await sum;
                        },
                        thread, i);
                    if (seen != thread + i) ++wrong;
                }
            });
        }
        for (std::thread& each : threads) each.join();
    }
    CHECK(wrong == 0);
    CHECK(support::left_behind() == "");
}

TEST_CASE("an error is seen by whoever asks, or reported: one of the two, and once_mt") {
    const counting_reports counting;
    std::atomic<std::size_t> failures = 0, seen = 0;
    {
        covey::runtime runtime({.workers = 2});
        support::faults faults;
        std::vector<std::thread> threads;
        for (std::uint64_t seed = 1; seed != 3; ++seed) {
            threads.emplace_back([&, seed] {
                dice random(seed);
                for (std::size_t i = 0; i < support::rounds(2000); ++i) {
                    ++failures;
                    auto future = runtime.submit(end_somehow, dice(random.roll(~std::uint64_t{0})),
                                                 ending::error);
                    support::dawdle(random);
                    if (random.roll(2) != 0) continue;
                    if (outcome_of(future, random, faults) == ending::error) ++seen;
                }
            });
        }
        for (std::thread& each : threads) each.join();
        CHECK(faults.text() == "");
        // The destructor would cancel those that still run, and then they don't fail.
        while (covey::testing::leaks().tasks != 1) std::this_thread::yield();
    }
    CHECK(reported + seen == failures);
    CHECK(support::left_behind() == "");
}

TEST_CASE("the end of a task against the cancellation of those who await it_mt (K17)") {
    std::size_t wrong = 0;
    {
        covey::runtime runtime({.workers = 1});
        covey::run({.workers = 2}, [&]() -> covey::task<> {
            dice random(5);
            for (std::size_t i = 0; i < support::rounds(2000); ++i) {
                auto future = runtime.submit(end_somehow, dice(random.roll(~std::uint64_t{0})),
                                             ending::value);
                bool received = false;
                co_await covey::move_on_after(
                    std::chrono::microseconds(random.roll(40)), [&]() -> covey::task<> {
                        const std::unique_ptr<int> value = co_await future;
                        received = value != nullptr;
                    });
                if (received) continue;
                const std::unique_ptr<int> value = co_await future;  // it was not lost
                if (value == nullptr) ++wrong;
            }
        });
    }
    CHECK(wrong == 0);
    CHECK(support::left_behind() == "");
}

TEST_CASE("cancel() of a runtime against submissions, from threads_mt (C1)") {
    for (std::size_t round = 0; round < support::rounds(200); ++round) {
        covey::runtime runtime({.workers = 2});
        std::vector<covey::future<void>> futures;
        std::thread canceller([&runtime, round] {
            dice random(round);
            support::dawdle(random);
            runtime.cancel("closing");
        });
        for (int i = 0; i < 20; ++i)
            futures.push_back(
                runtime.submit([]() -> covey::task<> { co_await covey::sleep_forever(); }));
        canceller.join();
        for (auto& each : futures) CHECK_THROWS_AS(each.get(), covey::cancelled_error);
    }
    CHECK(support::left_behind() == "");
}
