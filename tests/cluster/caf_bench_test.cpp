// SPDX-License-Identifier: BSL-1.0
// Figures, not tests: cluster_tests "[.bench]".
#include "support/caf.hpp"
#include "support/caf_players.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/event.hpp>
#include <covey/run.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <malloc.h>
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

class adder : public covey::actor {
 public:
    int handle(int x) { return x + 1; }
};

void ask_in_turn(caf::event_based_actor* self, const caf::actor& to, int left,
                 std::vector<double>* took, covey::event* done) {
    const auto start = steady::now();
    self->request(to, caf::infinite, left).then([=](int) {
        const std::chrono::duration<double, std::nano> each = steady::now() - start;
        took->push_back(each.count());
        if (left == 0)
            done->set();
        else
            ask_in_turn(self, to, left - 1, took, done);
    });
}

covey::task<> print_requests(covey::caf_host& host, const caf::actor& to, unsigned workers,
                             const char* what) {
    std::vector<double> took;
    covey::event done;
    host.system().spawn(
        [&](caf::event_based_actor* self) { ask_in_turn(self, to, 100'000, &took, &done); });
    co_await done.wait();
    std::sort(took.begin(), took.end());
    std::printf("a CAF actor asks %-14s %u workers: p50 %8.0f ns, p99 %8.0f ns\n", what, workers,
                took[took.size() / 2], took[took.size() * 99 / 100]);
}

}  // namespace

TEST_CASE("CAF actors ask a covey actor, and one of their own", "[.bench]") {
    for (const unsigned workers : {1U, 2U}) {
        covey::run({.workers = workers}, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                const auto ref = co_await covey::start_actor<adder>(nursery);
                co_await covey::with_caf([&](covey::caf_host& host) -> covey::task<> {
                    const caf::actor own = host.system().spawn(
                        [] { return caf::behavior{[](int x) { return x + 1; }}; });
                    for (int i = 0; i < 3; ++i) {
                        co_await print_requests(host, own, workers, "its own kind,");
                        co_await print_requests(host, host.as_caf<int>(ref), workers,
                                                "a covey actor,");
                    }
                    caf::anon_send_exit(own, caf::exit_reason::user_shutdown);
                });
                ref.stop();
            });
        });
    }
}

TEST_CASE("the memory of a covey actor that is CAF's, too", "[.bench]") {
    constexpr std::size_t count = 100'000;
    covey::run({.workers = 1}, []() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            std::vector<covey::actor_ref<adder>> refs(count);
            std::vector<caf::actor> faces(count), others(count);
            co_await covey::with_caf([&](covey::caf_host& host) -> covey::task<> {
                for (auto& each : refs) each = co_await covey::start_actor<adder>(nursery);
                const std::size_t before = mallinfo2().uordblks;
                for (std::size_t i = 0; i != count; ++i) faces[i] = host.as_caf<int>(refs[i]);
                const std::size_t with_faces = mallinfo2().uordblks;
                for (auto& each : others)
                    each = host.system().spawn([] { return caf::behavior{[](int) {}}; });
                const std::size_t with_others = mallinfo2().uordblks;
                std::printf("bytes: a covey actor's face %zu, a CAF actor %zu\n",
                            (with_faces - before) / count, (with_others - with_faces) / count);
                for (const auto& each : others)
                    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
            });
            for (const auto& each : refs) each.stop();
        });
    });
}

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
