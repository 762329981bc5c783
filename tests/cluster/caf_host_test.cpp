// SPDX-License-Identifier: BSL-1.0
#include <covey/caf_host.hpp>

#include "support/caf.hpp"
#include "support/caf_players.hpp"
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using covey::caf_host;
using support::play;

namespace {

// Sends to itself for ever.
caf::behavior busy(caf::event_based_actor* self, std::atomic<int>* turns) {
    self->send(self, 1);
    return {[=](int) {
        turns->fetch_add(1);
        self->send(self, 1);
    }};
}

}  // namespace

TEST_CASE("CAF actors play on the workers of the run") {
    for (const unsigned workers : {1U, 2U}) {
        support::run_checked({.workers = workers}, []() -> covey::task<> {
            co_await covey::with_caf([](caf_host& host) -> covey::task<> {
                CHECK(host.is_on_workers());
                co_await play(host, 10'000);
                CHECK(host.statistics().turns > 10'000);
            });
        });
    }
}

TEST_CASE("an actor runs on a worker's thread, and nowhere else") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        std::atomic<bool> is_elsewhere{false};
        const auto here = std::this_thread::get_id();
        co_await covey::with_caf([&](caf_host& host) {
            for (int i = 0; i < 1000; ++i) {
                host.system().spawn([&](caf::event_based_actor*) {
                    if (std::this_thread::get_id() != here) is_elsewhere = true;
                });
            }
        });
        CHECK_FALSE(is_elsewhere);
    });
}

TEST_CASE("more actors than carriers are ready, and each has its turn") {
    support::run_virtual([]() -> covey::task<> {
        int ended = 0;
        co_await covey::with_caf([&](caf_host& host) {
            for (int i = 0; i < 5000; ++i)
                host.system().spawn([&](caf::event_based_actor*) { ++ended; });
        });
        CHECK(ended == 5000);
    });
}

TEST_CASE("the order of actors that are ready follows the seed") {
    const auto order_of = [](std::uint64_t seed) {
        std::string order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_caf([&](caf_host& host) {
                for (char name = 'a'; name < 'k'; ++name)
                    host.system().spawn([&order, name](caf::event_based_actor*) { order += name; });
            });
        });
        return order;
    };
    std::set<std::string> orders;
    for (const std::uint64_t seed : support::seeds(5)) {
        CHECK(order_of(seed) == order_of(seed));
        orders.insert(order_of(seed));
    }
    CHECK(orders.size() > 1);
}

TEST_CASE("delayed messages and time limits of requests follow the run's clock") {
    support::run_virtual([]() -> covey::task<> {
        support::trace seen;
        co_await covey::with_caf([&](caf_host& host) {
            const auto mute =
                host.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
                    return {[=](int) { return self->make_response_promise(); },
                            [=](const std::string&) { self->quit(); }};
                });
            host.system().spawn([&, mute](caf::event_based_actor* self) -> caf::behavior {
                self->request(mute, 30s, 1)
                    .then([](int) {},
                          [&](const caf::error& error) {
                              CHECK(error == caf::sec::request_timeout);
                              CHECK(support::elapsed() == 30s);
                              seen.note("limit");
                          });
                self->delayed_send(self, 20s, 1);
                self->delayed_send(self, 10s, 2);
                return {[&](int which) {
                            CHECK(support::elapsed() == 10s * (3 - which));
                            seen.note("message");
                        },
                        caf::after(15s) >>
                            [&, self, mute] {
                                // since the answer at 30 s
                                CHECK(support::elapsed() == 45s);
                                seen.note("silence");
                                self->send(mute, std::string("end"));
                                self->quit();
                            }};
            });
        });
        CHECK(seen.text() == "message message limit silence");
        CHECK(support::elapsed() == 45s);
    });
}

TEST_CASE("a timer of an hour keeps nothing but its actor") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
            const auto sleeper =
                host.system().spawn<caf::hidden>([](caf::event_based_actor* self) -> caf::behavior {
                    self->delayed_send(self, 1h, 1);
                    return {[](int) {}};
                });
            co_await covey::sleep_for(1s);
            CHECK(host.statistics().timers_armed == 1);
        });
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("CT2: an actor that never rests leaves their turns to tasks and to other actors") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        std::atomic<int> turns{0};
        co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
            host.system().spawn<caf::hidden>(busy, &turns);
            for (int i = 0; i < 1000; ++i) co_await covey::checkpoint();
            CHECK(turns > 0);
            co_await play(host, 100);
        });
    });
}

TEST_CASE("a hidden actor that never rests and a timer of an hour don't keep the block") {
    for (const unsigned workers : {1U, 2U}) {
        support::run_checked({.workers = workers}, []() -> covey::task<> {
            std::atomic<int> turns{0};
            co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                host.system().spawn<caf::hidden>(busy, &turns);
                host.system().spawn<caf::hidden>([](caf::event_based_actor* self) -> caf::behavior {
                    self->delayed_send(self, 1h, 1);
                    return {[](int) {}};
                });
                co_await covey::sleep_for(2ms);
            });
            CHECK(turns > 0);
        });
    }
}

TEST_CASE("blocking and detached actors have threads of their own, and are waited for") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        std::atomic<int> ended{0};
        std::atomic<bool> on_the_worker{false};
        std::promise<void> first_is_answered;
        const auto here = std::this_thread::get_id();
        co_await covey::with_caf([&](caf_host& host) {
            const auto adder =
                host.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
                    return {[=](int x) {
                        if (x == 2) self->quit();
                        return x + 1;
                    }};
                });
            host.system().spawn<caf::detached>([&, adder](caf::event_based_actor* self) {
                if (std::this_thread::get_id() == here) on_the_worker = true;
                self->request(adder, caf::infinite, 1).then([&](int two) {
                    if (two == 2) ++ended;
                    first_is_answered.set_value();
                });
            });
            host.system().spawn([&, adder](caf::blocking_actor* self) {
                if (std::this_thread::get_id() == here) on_the_worker = true;
                first_is_answered.get_future().wait();
                self->request(adder, caf::infinite, 2)
                    .receive(
                        [&](int three) {
                            if (three == 3) ++ended;
                        },
                        [](const caf::error&) {});
            });
        });
        CHECK(ended == 2);
        CHECK_FALSE(on_the_worker);
    });
}

TEST_CASE("CT1: threads that have used CAF don't keep a system: workers, and those of to_thread") {
    std::atomic<int> answered{0};
    support::run_checked({.workers = 4}, [&]() -> covey::task<> {
        co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                for (int i = 0; i < 50; ++i) {
                    nursery.start_soon([&]() -> covey::task<> {
                        host.system().spawn([](caf::event_based_actor*) {});
                        co_await covey::checkpoint();
                        co_await covey::to_thread([&] {
                            caf::scoped_actor self{host.system()};
                            const auto echo =
                                self->spawn([](caf::event_based_actor*) -> caf::behavior {
                                    return {[](int x) { return x; }};
                                });
                            self->request(echo, caf::infinite, 7)
                                .receive([&](int x) { answered += x == 7; },
                                         [](const caf::error&) {});
                        });
                    });
                }
            });
        });
    });
    CHECK(answered == 50);
}

TEST_CASE("20 rounds of start and stop, with actors that are still at work") {
    for (const bool on_workers : {true, false}) {
        support::run_checked({.workers = 2}, [on_workers]() -> covey::task<> {
            for (int round = 0; round < 20; ++round) {
                std::atomic<int> turns{0};
                co_await covey::with_caf({.on_workers = on_workers},
                                         [&](caf_host& host) -> covey::task<> {
                                             host.system().spawn<caf::hidden>(busy, &turns);
                                             co_await play(host, 50);
                                         });
            }
        });
    }
}

TEST_CASE("a configuration serves one block after the other") {
    support::run_virtual([]() -> covey::task<> {
        caf::actor_system_config config;
        for (int round = 0; round < 3; ++round) {
            co_await covey::with_caf({.config = &config},
                                     [](caf_host& host) { return play(host, 5); });
        }
        CHECK(config.module_factories.empty());
    });
}

TEST_CASE("two systems on one run") {
    support::run_checked({.workers = 2}, []() -> covey::task<> {
        co_await covey::with_caf([](caf_host& one) -> covey::task<> {
            co_await covey::with_caf([&](caf_host& other) -> covey::task<> {
                co_await covey::with_nursery([&](covey::nursery& nursery) {
                    nursery.start_soon([&] { return play(one, 2000); });
                    nursery.start_soon([&] { return play(other, 2000); });
                });
            });
            co_await play(one, 10);
        });
    });
}

TEST_CASE("without the adapter CAF keeps its own threads, and the rest is the same") {
    support::run_checked({.workers = 1}, []() -> covey::task<> {
        std::atomic<bool> is_here{false};
        const auto here = std::this_thread::get_id();
        co_await covey::with_caf({.on_workers = false}, [&](caf_host& host) -> covey::task<> {
            CHECK_FALSE(host.is_on_workers());
            host.system().spawn(
                [&](caf::event_based_actor*) { is_here = std::this_thread::get_id() == here; });
            co_await play(host, 100);
        });
        CHECK_FALSE(is_here);
    });
}

TEST_CASE("the block gives the body's value, or its error as it is") {
    support::run_virtual([]() -> covey::task<> {
        const int value =
            co_await covey::with_caf([](caf_host&) -> covey::task<int> { co_return 5; });
        CHECK(value == 5);
        std::string what;
        try {
            co_await covey::with_caf([](caf_host& host) -> covey::task<> {
                co_await play(host, 3);
                throw std::runtime_error("no luck");
            });
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        CHECK(what == "no luck");
    });
}

TEST_CASE("a body that fails asks the actors to end, and those that come later") {
    support::run_virtual([]() -> covey::task<> {
        caf::actor waits;
        support::trace seen;
        try {
            co_await covey::with_caf([&](caf_host& host) -> covey::task<> {
                waits = host.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
                    self->set_exit_handler([&, self](const caf::exit_msg& message) {
                        CHECK(message.reason == caf::exit_reason::user_shutdown);
                        seen.note("asked");
                        self->spawn([&](caf::event_based_actor*) { seen.note("late"); });
                        self->quit(message.reason);
                    });
                    return {[](int) {}};
                });
                co_await covey::sleep_for(1s);
                throw std::runtime_error("no luck");
            });
        } catch (const std::runtime_error&) {
            seen.note("over");
        }
        waits = nullptr;
        CHECK(seen.text() == "asked over");
        CHECK(support::elapsed() == 1s);
    });
}

TEST_CASE("a cancelled block asks its actors to end, and kills those that don't after the grace") {
    support::run_virtual([]() -> covey::task<> {
        support::trace seen;
        caf::actor polite, deaf;  // kept: nobody else would end them
        const bool in_time = co_await covey::move_on_after(2s, [&]() -> covey::task<> {
            co_await covey::with_caf({.grace = 3s}, [&](caf_host& host) -> covey::task<> {
                polite = host.system().spawn(
                    [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
                polite->attach_functor([&] {
                    CHECK(support::elapsed() == 2s);
                    seen.note("polite");
                });
                deaf = host.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
                    self->set_exit_handler([](const caf::exit_msg&) {});
                    return {[](int) {}};
                });
                deaf->attach_functor([&] {
                    CHECK(support::elapsed() == 5s);
                    seen.note("deaf");
                });
                co_await covey::sleep_forever();
            });
        });
        polite = deaf = nullptr;
        CHECK_FALSE(in_time);
        CHECK(seen.text() == "polite deaf");
        CHECK(support::elapsed() == 5s);
    });
}

TEST_CASE("a block whose body has ended waits for the actors, and hears a cancellation") {
    support::run_virtual([]() -> covey::task<> {
        caf::actor waits;
        const bool in_time = co_await covey::move_on_after(2s, [&]() -> covey::task<> {
            co_await covey::with_caf([&](caf_host& host) {
                waits = host.system().spawn(
                    [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
            });
        });
        waits = nullptr;
        CHECK_FALSE(in_time);
        CHECK(support::elapsed() == 2s);
    });
}

TEST_CASE("a block that is cancelled before it begins starts nothing") {
    support::run_virtual([]() -> covey::task<> {
        bool has_begun = false;
        co_await covey::move_on_after(
            0s, [&] { return covey::with_caf([&](caf_host&) { has_begun = true; }); });
        CHECK_FALSE(has_begun);
    });
}

TEST_CASE("a system that can't be made gives CAF's error, and nothing is left") {
    support::run_virtual([]() -> covey::task<> {
        caf::actor_system_config config;
        config.module_factories.emplace_back([](caf::actor_system&) -> caf::actor_system::module* {
            throw std::runtime_error("no such module");
        });
        std::string what;
        try {
            co_await covey::with_caf({.config = &config}, [](caf_host&) {});
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        CHECK(what == "no such module");
        CHECK(config.module_factories.size() == 1);

        // Nor on this thread: the next system would end what the first has left there.
        config.module_factories.clear();
        co_await covey::with_caf({.config = &config}, [](caf_host&) {});
    });
}

TEST_CASE("a negative grace is refused") {
    const auto bad = []() -> covey::task<> {
        co_await covey::with_caf({.grace = -1s}, [](caf_host&) {});
    };
    CHECK_THROWS_AS(support::run_virtual(bad), std::invalid_argument);
}
