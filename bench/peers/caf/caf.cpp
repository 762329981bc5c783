// SPDX-License-Identifier: BSL-1.0
//
// The C++ Actor Framework 0.17: caf WORKLOAD THREADS. Event-based actors, whose mailboxes have no
// limit.

#include "measure.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>

namespace {

using bench::now;
using bench::u64;
using caf::actor;
using caf::actor_cast;
using caf::actor_system;
using caf::behavior;
using self_pointer = caf::event_based_actor*;

// Opens once `count` have arrived; the main thread waits for it.
class latch {
 public:
    explicit latch(u64 count) : left_(count) {}
    void arrive() {
        if (--left_ == 0) open_.set_value();
    }
    void wait() { open_.get_future().wait(); }

 private:
    std::atomic<u64> left_;
    std::promise<void> open_;
};

// What an actor is spawned with is moved to it: pointers to what outlives it.
behavior wait_for_ever(self_pointer, latch* started) {
    started->arrive();
    return {[](u64) {}};
}

// Adds `count` numbers up, and ends.
behavior sink(self_pointer self, u64 count, u64* sum, latch* done) {
    return {[=, left = count](u64 value) mutable {
        *sum += value;
        if (--left > 0) return;
        done->arrive();
        self->quit();
    }};
}

void send_numbers(self_pointer self, const actor& to, u64 count) {
    for (u64 i = 0; i < count; ++i) self->send(to, i);
}

void round_trips(actor_system& system) {
    constexpr u64 count = 1'000'000;
    latch done(1);
    const actor echo = system.spawn([](self_pointer self) -> behavior {
        return {[=](const actor& from, u64 value) { self->send(from, value); }};
    });
    const u64 begin = now();
    system.spawn([&, echo](self_pointer self) -> behavior {
        self->send(echo, actor_cast<actor>(self), count);
        return {[=, &done](u64 left) {
            if (left > 0) return self->send(echo, actor_cast<actor>(self), left - 1);
            done.arrive();
            self->quit();
        }};
    });
    done.wait();
    bench::per_operation(begin, count);
}

void many_to_one(actor_system& system, u64 senders, u64 each) {
    u64 sum = 0;
    latch done(1);
    const actor inbox = system.spawn(sink, senders * each, &sum, &done);
    const u64 begin = now();
    for (u64 i = 0; i < senders; ++i)
        system.spawn([=](self_pointer self) { send_numbers(self, inbox, each); });
    done.wait();
    bench::per_operation(begin, senders * each);
    bench::metric("peak_bytes", bench::peak_bytes());
    bench::expect("sum", sum, senders * bench::sum_below(each));
}

void pipeline(actor_system& system) {
    constexpr u64 count = 1'000'000;
    u64 mixed = 0;
    latch done(1);
    const actor out = system.spawn([&](self_pointer self) -> behavior {
        return {[=, &mixed, &done, left = count](u64 value) mutable {
            mixed ^= value;
            if (--left > 0) return;
            done.arrive();
            self->quit();
        }};
    });
    std::vector<actor> workers;
    for (int i = 0; i < 4; ++i)
        workers.push_back(system.spawn([=](self_pointer self) -> behavior {
            return {[=](u64 value) { self->send(out, bench::work(value)); }};
        }));
    const u64 begin = now();
    system.spawn([=](self_pointer self) {
        for (u64 i = 0; i < count; ++i) self->send(workers[i % 4], i);
    });
    done.wait();
    bench::per_operation(begin, count);
    bench::expect("hash", mixed, bench::mixed_work(count));
}

void spawn_many(actor_system& system) {
    constexpr u64 count = 1'000'000;
    latch done(count);
    const u64 begin = now();
    system.spawn([&](self_pointer self) {
        for (u64 i = 0; i < count; ++i) self->spawn([&](self_pointer) { done.arrive(); });
    });
    done.wait();
    bench::per_operation(begin, count);
}

void spawn_one_by_one(actor_system& system) {
    constexpr u64 count = 500'000;
    latch done(1);
    const u64 begin = now();
    system.spawn([&](self_pointer self) -> behavior {
        const auto next = [=] {
            self->spawn([parent = actor_cast<actor>(self)](self_pointer child) {
                child->send(parent, u64{1});
            });
        };
        next();
        return {[=, &done, left = count](u64) mutable {
            if (--left > 0) return next();
            done.arrive();
            self->quit();
        }};
    });
    done.wait();
    bench::per_operation(begin, count);
}

behavior skynet(self_pointer self, const actor& parent, u64 first, u64 size) {
    const auto me = actor_cast<actor>(self);
    for (u64 i = 0; i < 10; ++i) {
        const u64 below = first + i * (size / 10);
        if (size > 10)
            self->spawn(skynet, me, below, size / 10);
        else
            self->spawn([=](self_pointer leaf) { leaf->send(me, below); });
    }
    return {[=, left = 10, sum = u64{0}](u64 value) mutable {
        sum += value;
        if (--left > 0) return;
        self->send(parent, sum);
        self->quit();
    }};
}

void skynet_tree(actor_system& system) {
    u64 sum = 0;
    latch done(1);
    const actor root = system.spawn(sink, u64{1}, &sum, &done);
    const u64 begin = now();
    system.spawn(skynet, root, u64{0}, u64{1'000'000});
    done.wait();
    bench::per_operation(begin, 1'111'111);
    bench::expect("sum", sum, bench::sum_below(1'000'000));
}

void ring(actor_system& system) {
    constexpr u64 size = 503;
    constexpr u64 hops = 2'000'000;
    latch ready(size);
    latch done(1);
    u64 last = 0;
    std::vector<actor> members;
    for (u64 me = 0; me < size; ++me)
        members.push_back(system.spawn([&, me](self_pointer self) -> behavior {
            auto next = std::make_shared<actor>();
            return {[=, &ready](const actor& neighbour) {
                        *next = neighbour;
                        ready.arrive();
                    },
                    [=, &last, &done](u64 left) {
                        if (left > 0) return self->send(*next, left - 1);
                        last = me;
                        done.arrive();
                    }};
        }));
    for (u64 i = 0; i < size; ++i) caf::anon_send(members[i], members[(i + 1) % size]);
    ready.wait();
    const u64 begin = now();
    caf::anon_send(members[0], hops);
    done.wait();
    bench::per_operation(begin, hops);
    bench::expect("last holder", last, hops % size);
}

void kill_waiting(actor_system& system) {
    constexpr u64 count = 100'000;
    latch started(count);
    std::vector<actor> waiting;
    for (u64 i = 0; i < count; ++i) waiting.push_back(system.spawn(wait_for_ever, &started));
    started.wait();
    bench::pause_ms(50);
    const u64 begin = now();
    for (const actor& each : waiting) caf::anon_send_exit(each, caf::exit_reason::kill);
    system.await_all_actors_done();
    bench::per_operation(begin, count);
}

// Asks `count` times, one after the other; `answered` hears how long each took.
template <class Limit>
void ask_times(actor_system& system, u64 count, Limit limit,
               const std::function<void(u64)>& answered) {
    latch done(1);
    const actor server = system.spawn(
        [](self_pointer) -> behavior { return {[](u64 value) { return value + 1; }}; });
    system.spawn([=, &done, &answered](self_pointer self) {
        auto next = std::make_shared<std::function<void(u64)>>();
        *next = [=, &done, &answered](u64 i) {
            const u64 begin = now();
            self->request(server, limit, i).then([=, &done, &answered](u64 answer) {
                answered(now() - begin);
                bench::expect("answer", answer, i + 1);
                if (answer < count) return (*next)(answer);
                done.arrive();
            });
        };
        (*next)(0);
    });
    done.wait();
}

// A request with a time limit and one without.
void arm_and_disarm(actor_system& system) {
    constexpr u64 count = 500'000;
    const auto ignore = [](u64) {};
    u64 begin = now();
    ask_times(system, count, caf::infinite, ignore);
    bench::per_operation(begin, count, "ns_without_limit");
    begin = now();
    ask_times(system, count, std::chrono::seconds(3'600), ignore);
    bench::per_operation(begin, count);
}

void ask(actor_system& system) {
    constexpr u64 count = 300'000;
    std::vector<u64> latencies;
    latencies.reserve(count);
    ask_times(system, count, caf::infinite, [&](u64 taken) { latencies.push_back(taken); });
    bench::percentiles("", latencies);
}

void sleepers(actor_system& system) {
    constexpr std::size_t count = 100'000;
    const std::vector<u64> lengths = bench::delays(count, 500'000'000);
    std::vector<u64> late(count);
    latch done(count);
    const double cpu = bench::cpu_milliseconds();
    for (std::size_t i = 0; i < count; ++i)
        system.spawn([&, i](self_pointer self) -> behavior {
            const u64 due = now() + lengths[i];
            self->delayed_send(self, std::chrono::nanoseconds(lengths[i]), u64{0});
            return {[=, &late, &done](u64) {
                late[i] = now() - due;
                done.arrive();
                self->quit();
            }};
        });
    done.wait();
    bench::metric("cpu_ms", bench::cpu_milliseconds() - cpu);
    bench::lateness(lengths, late);
}

behavior tree_node(self_pointer self, latch* alive) {
    auto children = std::make_shared<std::vector<actor>>();
    return {[=](u64 below) {
        for (int i = 0; i < 2 && below > 0; ++i) {
            children->push_back(self->spawn(tree_node, alive));
            self->send(children->back(), below - 1);
        }
        alive->arrive();
    }};
}

void actor_tree(actor_system& system) {
    constexpr u64 depth = 18;
    constexpr u64 total = (u64{1} << (depth + 1)) - 1;
    latch alive(total);
    const double before = bench::resident_bytes();
    const u64 begin = now();
    const actor root = system.spawn(tree_node, &alive);
    caf::anon_send(root, depth);
    alive.wait();
    bench::per_operation(begin, total);
    bench::metric("bytes", (bench::resident_bytes() - before) / static_cast<double>(total));
}

void blocked_memory(actor_system& system, u64 count) {
    latch started(count);
    std::vector<actor> waiting;
    waiting.reserve(count);
    const double before = bench::resident_bytes();
    for (u64 i = 0; i < count; ++i) waiting.push_back(system.spawn(wait_for_ever, &started));
    started.wait();
    bench::pause_ms(50);
    bench::metric("bytes", (bench::resident_bytes() - before) / static_cast<double>(count));
}

void idle_and_wake(actor_system& system) {
    constexpr u64 wakes = 1'000;
    latch started(1'000);
    std::vector<actor> waiting;
    for (int i = 0; i < 1'000; ++i) waiting.push_back(system.spawn(wait_for_ever, &started));
    started.wait();
    bench::pause_ms(100);
    const double cpu = bench::cpu_milliseconds();
    bench::pause_ms(3'000);
    bench::metric("idle_cpu_ms", bench::cpu_milliseconds() - cpu);

    std::vector<u64> latencies;
    latch done(1);
    const actor receiver = system.spawn([&](self_pointer) -> behavior {
        return {[&](u64 sent) {
            latencies.push_back(now() - sent);
            if (latencies.size() == wakes) done.arrive();
        }};
    });
    std::thread([&] {
        for (u64 i = 0; i < wakes; ++i) {
            bench::pause_ms(1);
            caf::anon_send(receiver, now());
        }
    }).join();
    done.wait();
    bench::percentiles("wake_", latencies);
}

const std::map<std::string, std::function<void(actor_system&)>> workloads{
    {"w1", round_trips},
    {"w2", [](actor_system& system) { many_to_one(system, 1, 4'000'000); }},
    {"w4", pipeline},
    {"w5", spawn_many},
    {"w5b", spawn_one_by_one},
    {"w6", skynet_tree},
    {"w7", ring},
    {"w8", kill_waiting},
    {"w9a", arm_and_disarm},
    {"w9b", sleepers},
    {"w10", [](actor_system& system) { many_to_one(system, 20, 500'000); }},
    {"w11", actor_tree},
    {"w12", ask},
    {"w13_100k", [](actor_system& system) { blocked_memory(system, 100'000); }},
    {"w13_1m", [](actor_system& system) { blocked_memory(system, 1'000'000); }},
    {"w14", idle_and_wake},
};

}  // namespace

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "usage: caf WORKLOAD THREADS\n");
        return 2;
    }
    const auto found = workloads.find(words[1]);
    if (found == workloads.end()) bench::unsupported();
    caf::actor_system_config config;
    config.set("scheduler.max-threads", std::stoul(words[2]));
    actor_system system(config);
    found->second(system);
    std::fflush(stdout);
    std::_Exit(0);  // the system's destructor would wait for those that wait for ever
}
