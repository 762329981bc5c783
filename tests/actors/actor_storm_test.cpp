// SPDX-License-Identifier: BSL-1.0
// Crash storms: whatever crashes, restarts and stops, no message is lost.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/actors.hpp>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using support::scribe;

namespace {

// A supervisor of four actors that crash one time in five, and six senders.
struct storm {
    explicit storm(std::uint64_t seed) : random(seed) {}

    covey::task<> start(covey::supervisor& supervisor) {
        for (std::size_t i = 0; i < taken.size(); ++i) {
            const auto overflow =
                random.roll(2) == 0 ? covey::overflow::block : covey::overflow::drop_oldest;
            const auto queue = static_cast<covey::on_restart>(random.roll(3));
            const covey::child_options options{
                .grace = 5ms, .mailbox = 4, .overflow = overflow, .on_restart = queue};
            refs.push_back(co_await covey::start_actor<scribe>(supervisor, options, std::ref(log)));
        }
    }

    covey::task<> send_sixty() {
        for (int i = 0; i < 60; ++i) {
            co_await covey::sleep_for(covey::duration(1ms) * static_cast<int>(random.roll(5)));
            const std::size_t to = random.roll(refs.size());
            ++taken[to];
            switch (random.roll(5)) {
                case 0: co_await refs[to].tell(support::fail{}); break;
                case 1: co_await ask(refs[to]); break;
                default: co_await refs[to].tell(support::note{"."}); break;
            }
        }
    }

    covey::task<> ask(covey::actor_ref<scribe> ref) {
        ++asked;
        try {
            const std::string answer = co_await ref.ask(support::echo{"?"});
            CHECK(answer == "?!");
            ++answered;
        } catch (const covey::callee_failed_error&) {
            ++failed;
        }
    }

    support::dice random;
    support::trace log;
    std::vector<covey::actor_ref<scribe>> refs;
    std::array<std::size_t, 4> taken{};
    std::size_t asked = 0;
    std::size_t answered = 0;
    std::size_t failed = 0;
};

}  // namespace

TEST_CASE("in a storm of crashes every message is accounted for (SV2, SV23-SV28)") {
    for (const std::uint64_t seed : support::seeds(support::rounds(30))) {
        storm weather(seed);
        support::run_virtual(seed, [&]() -> covey::task<> {
            const covey::supervisor_options options{
                .strategy = static_cast<covey::strategy>(weather.random.roll(3)),
                .intensity = 1'000'000,
                .backoff = {.first = 10ms, .max = 40ms}};
            co_await covey::with_supervisor(
                options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    co_await weather.start(supervisor);
                    co_await covey::with_nursery([&](covey::nursery& nursery) {
                        for (int i = 0; i < 6; ++i)
                            nursery.start_soon([&] { return weather.send_sixty(); });
                    });
                    co_await covey::sleep_for(1min);  // until the last crash has had its restart
                    supervisor.stop_all();
                });
            std::size_t returned = 0;
            for (std::size_t i = 0; i < weather.refs.size(); ++i) {
                const covey::actor_statistics end = weather.refs[i].statistics();
                CHECK(support::accounted(weather.refs[i]) == weather.taken[i]);
                CHECK(end.current_buffer_used == 0);
                CHECK(end.in_progress == 0);
                returned += end.returned;
            }
            CHECK(weather.asked == weather.answered + weather.failed);
            CHECK(returned == weather.failed);
        });
    }
}

namespace {

struct work {
    int number;
};
struct crash {};
struct query {
    int number;
};

// Handles in two steps, so that crashes and stops may come between.
class worker : public covey::actor {
 public:
    covey::task<> handle(work) { co_await covey::checkpoint(); }
    void handle(crash) { throw std::runtime_error("crash"); }
    covey::task<int> handle(query message) {
        co_await covey::checkpoint();
        co_return message.number;
    }
};

struct tally {
    std::atomic<std::size_t> taken{0};
    std::atomic<std::size_t> returned{0};
};

// Sends to one actor after the other until all have stopped.
covey::task<> send_many(std::vector<covey::actor_ref<worker>> refs, std::vector<tally>& tallies,
                        std::uint64_t seed) {
    support::dice random(seed);
    for (int i = 0; i < 400; ++i) {
        const std::size_t to = random.roll(refs.size());
        const int number = i;
        try {
            switch (random.roll(6)) {
                case 0: co_await refs[to].tell(crash{}); break;
                case 1: {
                    const int answer = co_await refs[to].ask(query{number});
                    if (answer != number) throw std::logic_error("another one's answer");
                    break;
                }
                default: co_await refs[to].tell(work{number}); break;
            }
            ++tallies[to].taken;
        } catch (const covey::callee_failed_error&) {
            ++tallies[to].taken;
            ++tallies[to].returned;
        } catch (const covey::actor_stopped_error&) {  // refused, or returned: see below
        }
    }
}

}  // namespace

TEST_CASE(
    "with several workers a storm of crashes, stops and senders loses nothing_mt (SV2, SV28)") {
    for (std::size_t round = 0; round < support::rounds(20); ++round) {
        std::vector<covey::actor_ref<worker>> refs;
        std::vector<tally> tallies(4);
        covey::run({.workers = 3}, [&]() -> covey::task<> {
            const covey::supervisor_options options{
                .strategy = static_cast<covey::strategy>(round % 3),
                .intensity = 1'000'000,
                .backoff = covey::backoff::none()};
            co_await covey::with_supervisor(
                options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    for (std::size_t i = 0; i < tallies.size(); ++i) {
                        const covey::child_options child{.grace = 0s, .mailbox = 8};
                        refs.push_back(co_await covey::start_actor<worker>(supervisor, child));
                    }
                    co_await covey::with_nursery([&](covey::nursery& nursery) {
                        for (std::uint64_t i = 0; i < 6; ++i)
                            nursery.start_soon(send_many, refs, std::ref(tallies), round * 6 + i);
                        nursery.start_soon([&]() -> covey::task<> {
                            for (int i = 0; i < 500; ++i) co_await covey::checkpoint();
                            refs[0].stop();
                        });
                    });
                    for (const auto& ref : refs) ref.stop();
                    for (const auto& ref : refs) {
                        const covey::down end = co_await ref.watch();
                        if (end.reason != covey::exit_reason::stopped) throw std::logic_error("?");
                    }
                });
        });
        for (std::size_t i = 0; i < refs.size(); ++i) {
            const covey::actor_statistics end = refs[i].statistics();
            CHECK(end.current_buffer_used == 0);
            CHECK(end.in_progress == 0);
            CHECK(support::accounted(refs[i]) >= tallies[i].taken);
            // What is neither handled nor a dead letter has been returned to its asker; of the
            // askers of a stopped actor some were refused before.
            CHECK(end.handled + end.dead_letters + tallies[i].returned <= end.accepted);
            CHECK(end.handled + end.dead_letters + end.returned == end.accepted);
        }
        CHECK(support::left_behind() == "");
    }
}
