// SPDX-License-Identifier: BSL-1.0
#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/caf.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;

TEST_CASE("requests on two workers: each is answered, or dies with its actor, or is cancelled") {
    std::atomic<std::uint64_t> answered{0}, died{0}, cancelled{0};
    const std::size_t count = support::rounds(300);
    support::run_mt(2, 1, [&]() -> covey::task<> {
        co_await covey::with_caf([&](covey::caf_host& host) -> covey::task<> {
            support::dice random(1);
            for (std::size_t round = 0; round < count; ++round) {
                const auto actor =
                    host.system().spawn([] { return caf::behavior{[](int x) { return x + 1; }}; });
                const auto kill = random.roll(3);
                const auto limit = std::chrono::microseconds(random.roll(30));
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    for (int i = 0; i < 4; ++i) {
                        nursery.start_soon([&, i]() -> covey::task<> {
                            try {
                                const bool in_time = co_await covey::move_on_after(
                                    i % 2 == 0 ? covey::duration(limit) : covey::never,
                                    [&]() -> covey::task<> {
                                        const int next =
                                            co_await host.request<int>(actor, covey::never, i);
                                        if (next == i + 1) ++answered;
                                    });
                                if (!in_time) ++cancelled;
                            } catch (const covey::caf_error&) {
                                ++died;
                            }
                        });
                    }
                    if (kill == 0) {
                        nursery.start_soon([&] {
                            support::dawdle(random);
                            caf::anon_send_exit(actor, caf::exit_reason::kill);
                        });
                    }
                });
            }
            CHECK(host.statistics().requests_waiting == 0);
        });
    });
    CHECK(answered + died + cancelled == 4 * count);
    CHECK(answered > 0);
}
