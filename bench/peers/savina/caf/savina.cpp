// SPDX-License-Identifier: BSL-1.0
//
// Savina with the C++ Actor Framework 0.17: savina NAME --runs N --workers N prints the median, the
// least and the most milliseconds, as bench/savina does, whose sizes, patterns and values these
// are. A run ends when every actor has ended. The driver is an actor too: it shares the workers.

#include <caf/all.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using caf::actor;
using caf::actor_cast;
using caf::actor_system;
using caf::atom;
using caf::atom_constant;
using caf::behavior;
using std::int64_t;
using self_pointer = caf::event_based_actor*;

using begin_atom = atom_constant<atom("begin")>;
using ping_atom = atom_constant<atom("ping")>;
using pong_atom = atom_constant<atom("pong")>;
using stop_atom = atom_constant<atom("stop")>;
using count_atom = atom_constant<atom("count")>;
using query_atom = atom_constant<atom("query")>;
using job_atom = atom_constant<atom("job")>;
using token_atom = atom_constant<atom("token")>;
using meet_atom = atom_constant<atom("meet")>;
using change_atom = atom_constant<atom("change")>;
using close_atom = atom_constant<atom("close")>;
using pay_atom = atom_constant<atom("pay")>;
using put_atom = atom_constant<atom("put")>;
using paid_atom = atom_constant<atom("paid")>;

using values = std::map<std::string, int64_t>;

void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "it doesn't hold that %s\n", property);
    std::_Exit(1);
}

// The suite's generator: 16 bits of state.
class savina_random {
 public:
    explicit savina_random(int64_t seed) : state_(seed) {}
    int64_t next() { return state_ = (state_ * 1309 + 13849) & 65535; }
    int64_t next(int64_t bound) { return next() % bound; }

 private:
    int64_t state_;
};

values ping_pong(actor_system& system) {
    constexpr int64_t rounds = 40'000;
    int64_t pongs = 0;
    const actor other = system.spawn([](self_pointer self) -> behavior {
        return {[=](ping_atom, const actor& from) { self->send(from, pong_atom::value); },
                [=](stop_atom) { self->quit(); }};
    });
    const actor first = system.spawn([=, &pongs](self_pointer self) -> behavior {
        return {[=](begin_atom) { self->send(other, ping_atom::value, actor_cast<actor>(self)); },
                [=, &pongs](pong_atom) {
                    if (++pongs < rounds) return self->send(self, begin_atom::value);
                    self->send(other, stop_atom::value);
                    self->quit();
                }};
    });
    caf::anon_send(first, begin_atom::value);
    system.await_all_actors_done();
    return {{"pongs", pongs}};
}

values counting(actor_system& system) {
    constexpr int64_t messages = 1'000'000;
    int64_t counted = 0;
    const actor counter = system.spawn([](self_pointer self) -> behavior {
        auto count = std::make_shared<int64_t>(0);
        return {[=](count_atom) { ++*count; },
                [=](query_atom) {
                    self->quit();
                    return *count;
                }};
    });
    system.spawn([=, &counted](self_pointer self) {
        for (int64_t i = 0; i < messages; ++i) self->send(counter, count_atom::value);
        self->request(counter, caf::infinite, query_atom::value).then([&counted](int64_t count) {
            counted = count;
        });
    });
    system.await_all_actors_done();
    return {{"counted", counted}};
}

double squared_sine() {
    const double sine = std::sin(37.2);
    return sine * sine;
}

values fork_join_throughput(actor_system& system) {
    constexpr int64_t messages = 10'000;
    std::vector<int64_t> done(60);
    std::vector<double> results(done.size());
    system.spawn([&](self_pointer driver) {
        std::vector<actor> workers;
        for (std::size_t i = 0; i < done.size(); ++i)
            workers.push_back(driver->spawn([&, i](self_pointer self) -> behavior {
                return {[=, &done, &results](job_atom) {
                    results[i] += squared_sine();
                    if (++done[i] == messages) self->quit();
                }};
            }));
        for (int64_t i = 0; i < messages; ++i)
            for (const actor& each : workers) driver->send(each, job_atom::value);
    });
    system.await_all_actors_done();
    for (const int64_t each : done) require(each == messages, "each actor stops after its share");
    return {{"jobs", std::accumulate(done.begin(), done.end(), int64_t{0})}};
}

values fork_join_creation(actor_system& system) {
    constexpr int64_t actors = 40'000;
    std::atomic<int64_t> completions{0};
    system.spawn([&](self_pointer driver) {
        for (int64_t i = 0; i < actors; ++i) {
            const actor each = driver->spawn([&](self_pointer self) -> behavior {
                auto result = std::make_shared<double>(0);
                return {[=, &completions](job_atom) {
                    *result = squared_sine();
                    ++completions;
                    self->quit();
                }};
            });
            driver->send(each, job_atom::value);
        }
    });
    system.await_all_actors_done();
    return {{"completions", completions.load()}};
}

behavior ring_member(self_pointer self, int64_t actors, int64_t* hops) {
    auto next = std::make_shared<actor>();
    return {[=](const actor& neighbour) { *next = neighbour; },
            [=](token_atom, int64_t left) {
                require(static_cast<bool>(*next), "the neighbour comes before the token");
                ++*hops;
                if (left > 1)
                    self->send(*next, token_atom::value, left - 1);
                else
                    self->send(*next, stop_atom::value, actors);
            },
            [=](stop_atom, int64_t left) {
                if (left > 1) self->send(*next, stop_atom::value, left - 1);
                self->quit();
            }};
}

values thread_ring(actor_system& system) {
    std::vector<int64_t> hops(100);
    system.spawn([&](self_pointer driver) {
        std::vector<actor> ring;
        for (int64_t& each : hops)
            ring.push_back(driver->spawn(ring_member, static_cast<int64_t>(hops.size()), &each));
        for (std::size_t i = 0; i < ring.size(); ++i)
            driver->send(ring[i], ring[(i + 1) % ring.size()]);
        driver->send(ring[0], token_atom::value, int64_t{100'000});
    });
    system.await_all_actors_done();
    return {{"hops", std::accumulate(hops.begin(), hops.end(), int64_t{0})}};
}

constexpr int faded = 3;

// What both become who meet: the same colour stays, two different ones become the third.
int complement(int one, int other) {
    if (one == faded || other == faded) return faded;
    return one == other ? one : 3 - one - other;
}

behavior mall(self_pointer self, int64_t meetings, int64_t creatures, int64_t* sum) {
    struct state {
        int64_t left;
        int64_t open;
        actor waiting;
    };
    auto my = std::make_shared<state>(state{meetings, creatures, {}});
    return {[=](meet_atom, int colour, const actor& from) {
                if (my->left == 0) return self->send(from, close_atom::value);
                if (!my->waiting) {
                    my->waiting = from;
                    return;
                }
                --my->left;
                self->send(std::exchange(my->waiting, {}), meet_atom::value, colour, from);
            },
            [=](count_atom, int64_t met) {
                *sum += met;
                if (--my->open == 0) self->quit();
            }};
}

behavior creature(self_pointer self, const actor& place, int first_colour) {
    struct state {
        int colour;
        int64_t meetings;
    };
    auto my = std::make_shared<state>(state{first_colour, 0});
    const auto go_to_the_mall = [=] {
        self->send(place, meet_atom::value, my->colour, actor_cast<actor>(self));
    };
    return {[=](begin_atom) { go_to_the_mall(); },
            [=](meet_atom, int other, const actor& from) {
                my->colour = complement(my->colour, other);
                ++my->meetings;
                self->send(from, change_atom::value, my->colour);
                go_to_the_mall();
            },
            [=](change_atom, int colour) {
                my->colour = colour;
                ++my->meetings;
                go_to_the_mall();
            },
            [=](close_atom) {
                my->colour = faded;
                self->send(place, count_atom::value, my->meetings);
                self->quit();
            }};
}

values chameneos(actor_system& system) {
    constexpr int64_t creatures = 100;
    constexpr int64_t meetings = 200'000;
    int64_t sum = 0;
    system.spawn([&](self_pointer driver) {
        const actor place = driver->spawn(mall, meetings, creatures, &sum);
        std::vector<actor> all;
        for (int i = 0; i < creatures; ++i) all.push_back(driver->spawn(creature, place, i % 3));
        for (const actor& each : all) driver->send(each, begin_atom::value);
    });
    system.await_all_actors_done();
    return {{"sum of meetings", sum}};
}

using crowd = std::vector<actor>;

struct tally {
    int64_t pings = 0;
    int64_t pongs = 0;
};

// The crowd is complete before anybody begins.
behavior big_worker(self_pointer self, int64_t id, int64_t pings, const actor& sink,
                    std::shared_ptr<crowd> all, tally* counted) {
    struct state {
        int64_t left;
        int64_t pinged;
        savina_random random;
    };
    auto my = std::make_shared<state>(state{pings, -1, savina_random(id)});
    const auto at = [=](int64_t i) -> const actor& { return (*all)[static_cast<std::size_t>(i)]; };
    const auto go_on = [=] {
        if (my->left-- == 0) return self->send(sink, stop_atom::value);
        my->pinged = my->random.next(static_cast<int64_t>(all->size()));
        self->send(at(my->pinged), ping_atom::value, id);
    };
    return {[=](begin_atom) { go_on(); },
            [=](ping_atom, int64_t from) {
                ++counted->pings;
                self->send(at(from), pong_atom::value, id);
            },
            [=](pong_atom, int64_t from) {
                ++counted->pongs;
                require(from == my->pinged, "a pong comes from whom the ping went to");
                go_on();
            },
            [=](stop_atom) { self->quit(); }};
}

values big(actor_system& system) {
    constexpr int64_t actors = 120;
    constexpr int64_t pings = 20'000;
    std::vector<tally> tallies(actors);
    auto all = std::make_shared<crowd>();
    system.spawn([&](self_pointer driver) {
        const actor sink = driver->spawn([&](self_pointer self) -> behavior {
            return {[=, left = actors](stop_atom) mutable {
                if (--left > 0) return;
                for (const actor& each : *all) self->send(each, stop_atom::value);
                self->quit();
            }};
        });
        for (int64_t id = 0; id < actors; ++id)
            all->push_back(driver->spawn(big_worker, id, pings, sink, all,
                                         &tallies[static_cast<std::size_t>(id)]));
        for (const actor& each : *all) driver->send(each, begin_atom::value);
    });
    system.await_all_actors_done();
    all->clear();  // they know each other
    tally sum;
    for (const tally& each : tallies) {
        sum.pings += each.pings;
        sum.pongs += each.pongs;
    }
    return {{"pings", sum.pings}, {"pongs", sum.pongs}};
}

struct transfer {
    std::size_t from;
    std::size_t to;
    int64_t amount;
};

// In millionths, and whole: the suite's floating numbers would vanish in the balances.
std::vector<transfer> all_transfers(int64_t accounts, int64_t count) {
    savina_random random(123456);
    std::vector<transfer> result;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t from = random.next(accounts / 10 * 8);
        const int64_t distance = random.next(accounts - from);
        const int64_t to = from + (distance == 0 ? 1 : distance);
        result.push_back({static_cast<std::size_t>(from), static_cast<std::size_t>(to),
                          1'000'000'000 / (random.next() + 1)});
    }
    return result;
}

// One that pays waits until the other one has the money; what else comes waits meanwhile.
behavior account(self_pointer self, int64_t* balance) {
    return {[=](pay_atom, int64_t amount, const actor& to, const actor& teller) {
                *balance -= amount;
                self->request(to, caf::infinite, put_atom::value, amount).await([=](paid_atom) {
                    self->send(teller, paid_atom::value);
                });
            },
            [=](put_atom, int64_t amount) {
                *balance += amount;
                return paid_atom::value;
            },
            [=](stop_atom) { self->quit(); }};
}

values bank_transactions(actor_system& system) {
    constexpr int64_t initial = 1'000'000'000'000;
    constexpr int64_t transfers = 50'000;
    std::vector<int64_t> balances(1'000, initial);
    int64_t replies = 0;
    system.spawn([&](self_pointer driver) {
        std::vector<actor> accounts;
        for (int64_t& each : balances) accounts.push_back(driver->spawn(account, &each));
        const actor teller = driver->spawn([&, accounts](self_pointer self) -> behavior {
            return {[=](begin_atom) {
                        const auto me = actor_cast<actor>(self);
                        const auto count = static_cast<int64_t>(accounts.size());
                        for (const transfer& each : all_transfers(count, transfers))
                            self->send(accounts[each.from], pay_atom::value, each.amount,
                                       accounts[each.to], me);
                    },
                    [=, &replies](paid_atom) {
                        if (++replies < transfers) return;
                        for (const actor& each : accounts) self->send(each, stop_atom::value);
                        self->quit();
                    }};
        });
        driver->send(teller, begin_atom::value);
    });
    system.await_all_actors_done();

    std::vector<int64_t> expected(balances.size(), initial);
    std::vector<bool> is_source(balances.size());
    int64_t moved = 0;
    for (const transfer& each : all_transfers(static_cast<int64_t>(balances.size()), transfers)) {
        expected[each.from] -= each.amount;
        expected[each.to] += each.amount;
        moved += each.amount;
        is_source[each.from] = true;
    }
    require(balances == expected, "each account holds what the transfers come to");
    return {{"replies", replies},
            {"money", std::accumulate(balances.begin(), balances.end(), int64_t{0})},
            {"moved", moved},
            {"sources", std::count(is_source.begin(), is_source.end(), true)}};
}

struct benchmark {
    values (*run)(actor_system&);
    values expected;
};

const std::map<std::string, benchmark> benchmarks{
    {"pingpong", {ping_pong, {{"pongs", 40'000}}}},
    {"count", {counting, {{"counted", 1'000'000}}}},
    {"fjthrput", {fork_join_throughput, {{"jobs", 600'000}}}},
    {"fjcreate", {fork_join_creation, {{"completions", 40'000}}}},
    {"threadring", {thread_ring, {{"hops", 100'000}}}},
    {"chameneos", {chameneos, {{"sum of meetings", 400'000}}}},
    {"big", {big, {{"pings", 2'400'000}, {"pongs", 2'400'000}}}},
    {"banking",
     {bank_transactions,
      {{"replies", 50'000},
       {"money", 1'000'000'000'000'000},
       {"moved", 9'384'057'007},
       {"sources", 800}}}},
};

double milliseconds_of(const benchmark& subject, actor_system& system, values& found) {
    const auto start = std::chrono::steady_clock::now();
    found = subject.run(system);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - start;
    require(found == subject.expected, "the values are the suite's");
    return taken.count();
}

[[noreturn]] void usage() {
    std::fprintf(stderr, "usage: savina NAME --runs N --workers N\n");
    std::exit(2);
}

}  // namespace

int main(int count, char** words) {
    if (count != 6 || std::string(words[2]) != "--runs" || std::string(words[4]) != "--workers")
        usage();
    const auto subject = benchmarks.find(words[1]);
    const std::size_t runs = std::strtoul(words[3], nullptr, 10);
    const std::size_t workers = std::strtoul(words[5], nullptr, 10);
    if (subject == benchmarks.end() || runs == 0 || workers == 0) usage();

    caf::actor_system_config config;
    config.set("scheduler.max-threads", workers);
    actor_system system(config);
    std::vector<double> times;
    values found;
    for (std::size_t i = 0; i < runs; ++i)
        times.push_back(milliseconds_of(subject->second, system, found));
    std::sort(times.begin(), times.end());
    std::printf("%-12s %10.1f %10.1f %10.1f  ", words[1], times[times.size() / 2], times.front(),
                times.back());
    for (const auto& [name, number] : found)
        std::printf(" %s %lld", name.c_str(), static_cast<long long>(number));
    std::printf("\n");
}
