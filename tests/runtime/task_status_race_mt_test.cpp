// SPDX-License-Identifier: BSL-1.0
// started() against the cancellation of start() and of the nursery, on several workers.
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/task_status.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <optional>
#include <vector>

namespace {

using support::dice;

struct tally {
    std::atomic<long> came = 0, went = 0, values = 0, wrong_values = 0, started = 0, stopped = 0;
};

// Has a descendant of its own, which moves with it.
covey::task<> server(covey::task_status<long> status, tally& count, long number, dice random,
                     covey::event& ready) {
    struct present {
        tally& count;
        explicit present(tally& where) : count(where) { ++count.came; }
        present(const present&) = delete;
        present& operator=(const present&) = delete;
        ~present() { ++count.went; }
    } const here(count);
    ready.set();
    covey::event gate;  // outside of the block: children outlive the locals of a stopped body
    co_await covey::with_nursery([&](covey::nursery& below) -> covey::task<> {
        below.start_soon([&]() -> covey::task<> {
            const present grandchild(count);
            co_await gate.wait();
        });
        for (std::uint64_t step = random.roll(3); step != 0; --step) co_await covey::checkpoint();
        support::dawdle(random);
        status.started(number);
        ++count.started;
        for (std::uint64_t step = random.roll(3); step != 0; --step) co_await covey::checkpoint();
        gate.set();
    });
}

// Starts a server in the target; gives up when somebody cancels it.
covey::task<> client(covey::nursery& target, tally& count, long number, dice random,
                     std::optional<covey::scope_handle>& own, covey::event& ready) {
    const auto limited =
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<long> {
            own.emplace(scope.handle());
            co_return co_await target.start(server, std::ref(count), number, random,
                                            std::ref(ready));
        });
    if (!limited.finished())
        ++count.stopped;
    else
        ++(*limited == number ? count.values : count.wrong_values);
}

covey::task<> race(tally& count, dice random, support::foreign_thread& foreign, long clients) {
    std::vector<std::optional<covey::scope_handle>> scopes(static_cast<std::size_t>(clients));
    std::vector<covey::event> ready(static_cast<std::size_t>(clients));
    covey::event cancelled;
    co_await covey::with_nursery([&](covey::nursery& outside) -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& target) -> covey::task<> {
            for (long number = 0; number < clients; ++number) {
                const auto at = static_cast<std::size_t>(number);
                outside.start_soon(client, std::ref(target), std::ref(count), number,
                                   dice(random.roll(~std::uint64_t{0})), std::ref(scopes[at]),
                                   std::ref(ready[at]));
            }
            // Nobody may come after the block has ended: from now on their starts are pending.
            for (covey::event& each : ready) co_await each.wait();
            foreign.post([&, dice = dice(random.roll(~std::uint64_t{0}))]() mutable {
                for (auto& scope : scopes) {
                    support::dawdle(dice);
                    if (dice.roll(2) == 0) scope->cancel("race");
                }
                cancelled.set();
            });
            if (random.roll(4) == 0) {
                support::dawdle(random);
                target.cancel("race");
            }
        });
        co_await cancelled.wait();
    });
}

}  // namespace

TEST_CASE("started against cancelled starts and nurseries, start_mt (N41, N45, N46, N47, N48)") {
    constexpr long clients = 6;
    support::foreign_thread foreign;
    for (const unsigned workers : {2U, 4U}) {
        const std::size_t rounds = support::rounds(400);
        tally count;
        support::run_mt(workers, workers, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t round = 0; round < rounds; ++round)
                co_await race(count, dice(random.roll(~std::uint64_t{0})), foreign, clients);
        });
        CHECK(count.came == count.went);
        CHECK(count.wrong_values == 0);
        CHECK(count.values + count.stopped == static_cast<long>(rounds) * clients);
        CHECK(count.values <= count.started);
    }
}
