// SPDX-License-Identifier: BSL-1.0
// on_restart::epoch: what is taken out of a mailbox, and the order of what stays.
#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actors.hpp>
#include <covey/supervisor.hpp>

#include <functional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using support::note;
using support::scribe;

namespace {

struct pass_on {
    covey::actor_ref<scribe> to;
    std::string text;
};
class relay : public covey::actor {
 public:
    covey::task<> handle(pass_on message) { co_await message.to.tell(note{message.text}); }
    void handle(const support::fail& message) { throw std::runtime_error(message.what); }
};

}  // namespace

TEST_CASE("what epoch keeps stays before what waited for room (SV24)") {
    for (const std::uint64_t seed : support::seeds(8)) {
        support::run_virtual(seed, []() -> covey::task<> {
            support::trace log;
            covey::event gate;
            covey::supervisor_options options{.strategy = covey::strategy::one_for_all};
            options.backoff.first = 1s;
            co_await covey::with_supervisor(
                options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    const auto fails = co_await covey::start_actor<relay>(supervisor, {});
                    const auto keeper = co_await covey::start_actor<scribe>(
                        supervisor, {.mailbox = 3, .on_restart = covey::on_restart::epoch},
                        std::ref(log));
                    co_await keeper.tell(support::hold{&gate});
                    co_await covey::testing::wait_all_tasks_blocked();
                    co_await keeper.tell(note{"1"});
                    co_await fails.tell(pass_on{keeper, "dropped"});
                    co_await covey::testing::wait_all_tasks_blocked();
                    co_await keeper.tell(note{"2"});
                    co_await fails.tell(support::fail{});
                    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                        nursery.start_soon([&]() -> covey::task<> {
                            for (const char* each : {"3", "4", "5"})
                                co_await keeper.tell(note{each});
                        });
                        co_await covey::sleep_for(1ms);
                        gate.set();
                        co_await covey::sleep_for(2s);
                    });
                    CHECK(log.text() == "start held( )held restarting gone start 1 2 3 4 5");
                    CHECK(support::accounts(keeper) == "handled 6, queued 0, returned 0, dead 1");
                    supervisor.stop_all();
                });
        });
    }
}

TEST_CASE("ticks and delayed messages of an incarnation don't reach the next one") {
    struct ticker : covey::actor {
        explicit ticker(support::trace& log) : log_(log) {}
        covey::task<> on_start() override {
            log_.note("start");
            co_return;
        }
        covey::task<> handle(const support::hold& message) {
            send_after(1s, note{"late"});
            send_after(20ms, note{"queued"});
            send_every(25ms, note{"tick"});
            co_await message.gate->wait();
        }
        void handle(const note& message) { log_.note(message.text); }
        void handle(const support::fail& message) { throw std::runtime_error(message.what); }
        support::trace& log_;
    };
    support::run_virtual([]() -> covey::task<> {
        support::trace log;
        covey::event gate;
        covey::supervisor_options options;
        options.backoff.first = 1s;
        co_await covey::with_supervisor(
            options, [&](covey::supervisor& supervisor) -> covey::task<> {
                const auto ref = co_await covey::start_actor<ticker>(supervisor, {}, std::ref(log));
                co_await ref.tell(support::hold{&gate});
                co_await ref.tell(support::fail{});
                co_await ref.tell(note{"kept"});
                co_await covey::sleep_for(100ms);
                gate.set();
                co_await covey::sleep_for(5s);
                CHECK(log.text() == "start start kept");
                // The failure and one delayed message. The tick is gone: nobody has sent it.
                CHECK(support::accounts(ref) == "handled 2, queued 0, returned 0, dead 2");
                supervisor.stop_all();
            });
    });
}
