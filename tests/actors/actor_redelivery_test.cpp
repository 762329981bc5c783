// SPDX-License-Identifier: BSL-1.0
// Messages that are given to a handler again after it failed: child_options::max_deliveries.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>

#include <memory>
#include <string>

using namespace std::chrono_literals;

namespace {

struct job {
    std::string name;
    int failures = 0;  // of the first deliveries
};
struct cargo {  // moves only
    std::unique_ptr<int> value;
};
struct waiting_job {
    covey::event* gate;
};

// Writes down "name#delivery", and "!" where it fails.
class worker : public covey::actor {
 public:
    explicit worker(support::trace& log) : log_(log) {}

    void handle(job message) {
        const auto delivery = static_cast<int>(current_request().delivery());
        const bool fails = delivery <= message.failures;
        log_.note(message.name + "#" + std::to_string(delivery) + (fails ? "!" : ""));
        message.name.clear();  // it is the handler's own
        if (fails) throw std::runtime_error("poison");
    }
    void handle(cargo message) {
        log_.note("cargo " + std::to_string(*message.value));
        throw std::runtime_error("cargo");
    }
    covey::task<> handle(waiting_job message) {
        log_.note("waits#" + std::to_string(current_request().delivery()));
        co_await message.gate->wait();
        log_.note("goes on");
    }
    int handle(const support::echo&) {
        log_.note("asked");
        throw std::runtime_error("asked");
    }

 protected:
    support::trace& log_;
};

covey::supervisor_options with_pause(covey::supervisor_options options = {}) {
    options.backoff = {.first = 1s, .factor = 1, .max = 1s};
    options.intensity = 100;
    return support::observed(options);
}

// A supervised worker with these options and its trace: body(ref, supervisor, log).
template <class F>
void with_worker(covey::child_options options, F body, covey::supervisor_options around = {}) {
    support::run_virtual([&]() -> covey::task<> {
        support::trace log;
        covey::actor_ref<worker> ref;
        co_await covey::with_supervisor(
            with_pause(around), [&](covey::supervisor& supervisor) -> covey::task<> {
                ref = co_await covey::start_actor<worker>(supervisor, options, std::ref(log));
                co_await body(ref, supervisor, log);
                supervisor.stop_all();
            });
        support::accounted(ref);
        CHECK(ref.statistics().in_progress == 0);
    });
}

std::uint64_t dead(covey::dead_letter_reason reason) { return covey::dead_letters().count(reason); }

}  // namespace

TEST_CASE("a message whose handler failed comes again, before what is queued (SV23, SV30)") {
    with_worker(
        {.max_deliveries = 3},
        [](covey::actor_ref<worker> ref, covey::supervisor&, support::trace& log) -> covey::task<> {
            co_await ref.tell(job{"a", 2});
            co_await ref.tell(job{"b"});
            co_await covey::sleep_for(500ms);
            CHECK(log.text() == "a#1!");
            CHECK(support::accounted(ref) == 2);
            CHECK(ref.statistics().in_progress == 1);
            co_await covey::sleep_for(5s);
            CHECK(log.text() == "a#1! a#2! a#3 b#1");
            CHECK(support::accounts(ref) == "handled 2, queued 0, returned 0, dead 0");
        });
}

TEST_CASE("after the last delivery a message is a dead letter, and the next has its turn (SV30)") {
    const std::uint64_t failed = dead(covey::dead_letter_reason::failed);
    with_worker(
        {.max_deliveries = 2},
        [](covey::actor_ref<worker> ref, covey::supervisor&, support::trace& log) -> covey::task<> {
            co_await ref.tell(job{"poison", 100});
            co_await ref.tell(job{"b"});
            co_await covey::sleep_for(5s);
            CHECK(log.text() == "poison#1! poison#2! b#1");
            CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 1");
        });
    CHECK(dead(covey::dead_letter_reason::failed) == failed + 1);
}

TEST_CASE("by default a message is delivered once, and so is one that can't be copied (SV30)") {
    with_worker(
        {},
        [](covey::actor_ref<worker> ref, covey::supervisor&, support::trace& log) -> covey::task<> {
            co_await ref.tell(job{"a", 1});
            co_await covey::sleep_for(5s);
            CHECK(log.text() == "a#1!");
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
        });
    with_worker(
        {.max_deliveries = 5},
        [](covey::actor_ref<worker> ref, covey::supervisor&, support::trace& log) -> covey::task<> {
            co_await ref.tell(cargo{std::make_unique<int>(7)});
            co_await covey::sleep_for(5s);
            CHECK(log.text() == "cargo 7");
            CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
        });
}

TEST_CASE("a request isn't delivered again: its asker is told at once (SV26, SV30)") {
    with_worker(
        {.max_deliveries = 5},
        [](covey::actor_ref<worker> ref, covey::supervisor&, support::trace& log) -> covey::task<> {
            bool failed = false;
            try {
                static_cast<void>(co_await ref.ask(support::echo{}));
            } catch (const covey::callee_failed_error& error) {
                failed = error.restarting();
            }
            CHECK(failed);
            CHECK(support::elapsed() == 0s);
            co_await covey::sleep_for(5s);
            CHECK(log.text() == "asked");
        });
}

TEST_CASE("a message that a restart by hand cuts off comes again (SV19, SV30)") {
    with_worker({.grace = 1s, .max_deliveries = 2},
                [](covey::actor_ref<worker> ref, covey::supervisor& supervisor,
                   support::trace& log) -> covey::task<> {
                    covey::event gate;
                    co_await ref.tell(waiting_job{&gate});
                    co_await covey::checkpoint();
                    co_await supervisor.restart(supervisor.children().front().id);
                    co_await covey::checkpoint();
                    gate.set();
                    co_await covey::sleep_for(1s);
                    CHECK(log.text() == "waits#1 waits#2 goes on");
                    CHECK(support::accounts(ref) == "handled 1, queued 0, returned 0, dead 0");
                });
}

TEST_CASE("what is to come again has the fate of what is queued (SV23, SV24, SV28, SV30)") {
    using covey::dead_letter_reason;
    SECTION("with on_restart drain it is a dead letter") {
        const std::uint64_t before = dead(dead_letter_reason::restarted);
        with_worker({.on_restart = covey::on_restart::drain, .max_deliveries = 3},
                    [](covey::actor_ref<worker> ref, covey::supervisor&,
                       support::trace& log) -> covey::task<> {
                        co_await ref.tell(job{"a", 1});
                        co_await ref.tell(job{"b"});
                        co_await covey::sleep_for(5s);
                        CHECK(log.text() == "a#1!");
                        CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 2");
                    });
        CHECK(dead(dead_letter_reason::restarted) == before + 2);
    }
    SECTION("in a group restart too, whatever on_restart says") {
        with_worker({.max_deliveries = 3},
                    [](covey::actor_ref<worker> ref, covey::supervisor&,
                       support::trace& log) -> covey::task<> {
                        co_await ref.tell(job{"a", 1});
                        co_await covey::sleep_for(5s);
                        CHECK(log.text() == "a#1!");
                        CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
                    },
                    {.strategy = covey::strategy::one_for_all});
    }
    SECTION("but with epoch it comes again if it was sent from outside of the group") {
        with_worker({.on_restart = covey::on_restart::epoch, .max_deliveries = 3},
                    [](covey::actor_ref<worker> ref, covey::supervisor&,
                       support::trace& log) -> covey::task<> {
                        co_await ref.tell(job{"a", 1});
                        co_await covey::sleep_for(5s);
                        CHECK(log.text() == "a#1! a#2");
                    },
                    {.strategy = covey::strategy::one_for_all});
    }
    SECTION("stopped while it waits, it is a dead letter") {
        const std::uint64_t before = dead(dead_letter_reason::stopped);
        with_worker({.max_deliveries = 3, .on_stop = covey::on_stop::finish},
                    [](covey::actor_ref<worker> ref, covey::supervisor&,
                       support::trace& log) -> covey::task<> {
                        co_await ref.tell(job{"a", 1});
                        co_await covey::sleep_for(500ms);
                        ref.stop();
                        co_await ref.watch();
                        CHECK(log.text() == "a#1!");
                        CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
                    });
        CHECK(dead(dead_letter_reason::stopped) == before + 1);
    }
}

TEST_CASE("poison that kills each incarnation is bounded by deliveries or in a row (SV14, SV30)") {
    support::trace log;
    bool gave_up = false;
    covey::actor_ref<worker> ref;
    support::run_virtual([&]() -> covey::task<> {
        try {
            co_await covey::with_supervisor(
                with_pause(), [&](covey::supervisor& supervisor) -> covey::task<> {
                    ref = co_await covey::start_actor<worker>(
                        supervisor, {.max_consecutive = 2, .max_deliveries = 1000}, std::ref(log));
                    co_await ref.tell(job{"poison", 1000});
                    co_await covey::sleep_forever();
                });
        } catch (const covey::supervisor_gave_up&) {
            gave_up = true;
        }
    });
    CHECK(gave_up);
    CHECK(log.text() == "poison#1! poison#2! poison#3!");
    CHECK(support::accounts(ref) == "handled 0, queued 0, returned 0, dead 1");
}

TEST_CASE("deliveries are from 1 to 65535 (SV30)") {
    for (const unsigned wrong : {0U, 65536U}) {
        support::run_virtual([&]() -> covey::task<> {
            support::trace log;
            bool refused = false;
            co_await covey::with_supervisor(
                {}, [&](covey::supervisor& supervisor) -> covey::task<> {
                    try {
                        static_cast<void>(co_await covey::start_actor<worker>(
                            supervisor, {.max_deliveries = wrong}, std::ref(log)));
                    } catch (const std::invalid_argument& error) {
                        refused =
                            std::string(error.what()).find("max_deliveries") != std::string::npos;
                    }
                });
            CHECK(refused);
        });
    }
}
