// SPDX-License-Identifier: BSL-1.0
// Handlers that ask each other on several workers: a circle is found, however its asks meet.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/actor.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::dawdle;
using support::dice;
using support::faults;

namespace {

struct tally {
    std::atomic<std::uint64_t> answered{0}, refused{0}, failed{0}, late{0};
};

class member;
struct meet {
    std::vector<covey::actor_ref<member>> others;
};
struct pass {
    unsigned hops;
};

// Asks some other one as long as there are hops, some of the times not for long.
class member : public covey::actor {
 public:
    member(tally& sums, std::uint64_t seed) : sums_(sums), random_(seed) {}
    void handle(meet all) { others_ = std::move(all.others); }
    covey::task<int> handle(pass token) {
        dawdle(random_);
        if (token.hops == 0) co_return 0;
        const auto& next = others_[random_.roll(others_.size())];
        try {
            if (random_.roll(3) == 0) {
                const auto below =
                    co_await covey::move_on_after(20us, next.ask(pass{token.hops - 1}));
                ++(below.finished() ? sums_.answered : sums_.late);
            } else {
                co_await next.ask(pass{token.hops - 1});
                ++sums_.answered;
            }
        } catch (const covey::would_deadlock_error&) {
            ++sums_.refused;
        } catch (const covey::callee_failed_error&) {
            ++sums_.failed;
        } catch (const covey::actor_stopped_error&) {
            ++sums_.failed;
        }
        co_return 1;
    }

 private:
    tally& sums_;
    dice random_;
    std::vector<covey::actor_ref<member>> others_;
};

covey::task<> client(covey::actor_ref<member> first, std::uint64_t questions) {
    for (std::uint64_t i = 0; i < questions; ++i) {
        try {
            co_await first.ask(pass{4});
        } catch (const covey::actor_stopped_error&) {
        } catch (const covey::callee_failed_error&) {
        }
    }
}

}  // namespace

TEST_CASE("handlers that ask in circles are told so, and none waits for ever, race_mt (SV29)") {
    tally sums;
    for (std::uint64_t seed = 1; seed <= support::rounds(40); ++seed) {
        support::run_mt(3, seed, [&]() -> covey::task<> {
            dice random(seed);
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                std::vector<covey::actor_ref<member>> all;
                for (std::uint64_t i = 0; i < 4; ++i)
                    all.push_back(co_await covey::start_actor<member>(
                        nursery, {.mailbox = 1 + random.roll(8)}, std::ref(sums), seed * 8 + i));
                for (const auto& each : all) co_await each.tell(meet{all});
                co_await covey::with_nursery([&](covey::nursery& clients) {
                    for (const auto& each : all) clients.start_soon(client, each, 20U);
                    // One goes while the others ask it.
                    if (random.roll(2) == 0) all[random.roll(all.size())].stop();
                });
                for (const auto& each : all) each.stop();
                all.clear();
            });
        });
    }
    CHECK(sums.answered != 0);
    CHECK(sums.refused != 0);
}
