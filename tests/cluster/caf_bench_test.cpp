// SPDX-License-Identifier: BSL-1.0
// Figures, not tests: cluster_tests "[.bench]".
#include "support/caf.hpp"
#include "support/caf_players.hpp"
#include "support/catch.hpp"

#include <covey/caf.hpp>
#include <covey/event.hpp>
#include <covey/run.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;

struct tree_state {
    int open = 2;
};
caf::behavior tree(caf::stateful_actor<tree_state>* self, int depth, const caf::actor& parent,
                   covey::event* done) {
    const auto finish = [=] {
        if (done != nullptr)
            done->set();
        else
            self->send(parent, 1);
        self->quit();
    };
    if (depth == 0) {
        finish();
        return {};
    }
    for (int i = 0; i < 2; ++i)
        self->spawn(tree, depth - 1, caf::actor_cast<caf::actor>(self), nullptr);
    return {[=](int) {
        if (--self->state.open == 0) finish();
    }};
}

covey::task<> make_tree(covey::caf_host& host, int depth) {
    covey::event done;
    host.system().spawn(tree, depth, caf::actor{}, &done);
    co_await done.wait();
}

caf::behavior counter(caf::event_based_actor* self, int expected, covey::event* done) {
    auto left = std::make_shared<int>(expected);
    return {[=](int) {
        if (--*left == 0) {
            done->set();
            self->quit();
        }
    }};
}

covey::task<> flood(covey::caf_host& host, int senders, int messages) {
    covey::event done;
    const auto to = host.system().spawn(counter, senders * messages, &done);
    for (int i = 0; i < senders; ++i) {
        host.system().spawn([=](caf::event_based_actor* self) {
            for (int j = 0; j < messages; ++j) self->send(to, j);
        });
    }
    co_await done.wait();
}

template <class F>
double measure(bool on_workers, unsigned workers, F body) {
    double best = 1e18;
    for (int i = 0; i < 5; ++i) {
        covey::run({.workers = workers}, [&]() -> covey::task<> {
            caf::actor_system_config config;
            config.set("scheduler.max-threads", workers);
            co_await covey::with_caf({.config = &config, .on_workers = on_workers},
                                     [&](covey::caf_host& host) -> covey::task<> {
                                         const auto start = steady::now();
                                         co_await body(host);
                                         const std::chrono::duration<double, std::nano> took =
                                             steady::now() - start;
                                         best = std::min(best, took.count());
                                     });
        });
    }
    return best;
}

template <class F>
void compare(const char* what, double count, F body) {
    for (const unsigned workers : {1U, 2U}) {
        const double own = measure(false, workers, body) / count;
        const double pool = measure(true, workers, body) / count;
        std::printf("%-40s %u workers: CAF's threads %8.1f ns, covey's workers %8.1f ns\n", what,
                    workers, own, pool);
    }
}

}  // namespace

TEST_CASE("CAF actors on covey's workers and on CAF's own threads", "[.bench]") {
    compare("ping-pong, a round trip", 100'000,
            [](covey::caf_host& host) { return support::play(host, 100'000); });
    compare("a tree of actors, each", (1 << 17) - 1,
            [](covey::caf_host& host) { return make_tree(host, 16); });
    compare("10 actors send to one, a message", 1'000'000,
            [](covey::caf_host& host) { return flood(host, 10, 100'000); });
}

TEST_CASE("awaited requests of a CAF actor", "[.bench]") {
    for (const unsigned workers : {1U, 2U}) {
        for (const bool on_workers : {false, true}) {
            std::vector<double> took;
            covey::run({.workers = workers}, [&]() -> covey::task<> {
                co_await covey::with_caf(
                    {.on_workers = on_workers}, [&](covey::caf_host& host) -> covey::task<> {
                        const auto adder =
                            host.system().spawn([](caf::event_based_actor*) -> caf::behavior {
                                return {[](int x) { return x + 1; }};
                            });
                        for (int i = 0; i < 50'000; ++i) {
                            const auto start = steady::now();
                            const int next =
                                co_await host.request<int>(adder, std::chrono::seconds(10), i);
                            const std::chrono::duration<double, std::nano> each =
                                steady::now() - start;
                            took.push_back(next == i + 1 ? each.count() : 1e18);
                        }
                    });
            });
            std::sort(took.begin(), took.end());
            std::printf("a request, %u workers, on %-15s p50 %8.0f ns, p99 %8.0f ns\n", workers,
                        on_workers ? "covey's workers" : "CAF's threads", took[took.size() / 2],
                        took[took.size() * 99 / 100]);
        }
    }
}
