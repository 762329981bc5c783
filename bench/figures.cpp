// SPDX-License-Identifier: BSL-1.0
//
// Figures of the core, each of one run of one kind: `figures KIND WORKERS` prints `M name value`.
// For medians run it several times.
//
//   message   one producer, one consumer, 64-bit ints, capacity 1024: ns per message
//   select    from two channels, both ready or both empty, beside plain receives: ns per value
//   spawn     children that end at once, all in one nursery: ns per child
//   cancel    100,000 tasks blocked on a receive, cancelled and joined: ns per task
//   blocked   1,000,000 tasks blocked on a channel: bytes of resident memory per task
//   mailbox   20 senders, one actor, mailboxes of 64 (the default) and 1024: ns per message
//   actors    200,000 actors, started by one task and all alive: ns and bytes per actor
//   ask       a question to an actor and its answer: ns, median and 99th percentile
//   restart   from the throw in a handler to the end of the next on_start(), without a delay: ns
//   children  crash and restart of actors among 1,000 and among 100,000: ns, and the quotient
//   pool      the same of tasks that receive from clones of one channel, each in turn

#include <covey/covey.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

double nanoseconds_since(steady::time_point start) {
    return std::chrono::duration<double, std::nano>(steady::now() - start).count();
}

void print(const char* name, double value) { std::printf("M %s %.1f\n", name, value); }

double resident_bytes() {
    long pages = 0;
    long resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

covey::task<> produce(covey::send_channel<std::uint64_t> tx, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await tx.send(i);
}

covey::task<std::uint64_t> consume(covey::receive_channel<std::uint64_t> rx) {
    std::uint64_t sum = 0;
    while (auto value = co_await rx.next()) sum += *value;
    co_return sum;
}

covey::task<> message() {
    constexpr std::uint64_t count = 10'000'000;
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1024);
    const auto start = steady::now();
    const std::uint64_t sum =
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<std::uint64_t> {
            nursery.start_soon(produce, std::move(tx), count);
            const std::uint64_t received = co_await consume(std::move(rx));
            co_return received;
        });
    print("ns_per_message", nanoseconds_since(start) / static_cast<double>(count));
    if (sum != count * (count - 1) / 2) std::abort();
}

// Two channels of 500 values, emptied by `take`, again and again.
template <class Take>
covey::task<double> nanoseconds_per_ready_value(Take take) {
    constexpr int in_each = 500;
    constexpr int rounds = 4'000;
    auto [tx1, rx1] = covey::open_memory_channel<std::uint64_t>(in_each);
    auto [tx2, rx2] = covey::open_memory_channel<std::uint64_t>(in_each);
    double taken = 0;
    for (int i = 0; i < rounds; ++i) {
        for (std::uint64_t value = 0; value < in_each; ++value) {
            if (!tx1.try_send(value) || !tx2.try_send(value)) std::abort();
        }
        const auto start = steady::now();
        const std::uint64_t sum = co_await take(rx1, rx2, 2 * in_each);
        taken += nanoseconds_since(start);
        if (sum != in_each * (in_each - 1)) std::abort();
    }
    co_return taken / (2.0 * in_each * rounds);
}

using rx_of_numbers = covey::receive_channel<std::uint64_t>;

covey::task<std::uint64_t> receive_in_turn(const rx_of_numbers& a, const rx_of_numbers& b,
                                           int count) {
    std::uint64_t sum = 0;
    for (int i = 0; i < count; i += 2) {
        const std::uint64_t from_a = co_await a.receive();
        const std::uint64_t from_b = co_await b.receive();
        sum += from_a + from_b;
    }
    co_return sum;
}

// The one that is empty first stays in the select: then one of two is ready.
covey::task<std::uint64_t> receive_selected(const rx_of_numbers& a, const rx_of_numbers& b,
                                            int count) {
    std::uint64_t sum = 0;
    for (int i = 0; i < count; ++i) {
        const auto which = co_await covey::select(covey::receive_from(a), covey::receive_from(b));
        sum += which.index() == 0 ? *std::get<0>(which) : *std::get<1>(which);
    }
    co_return sum;
}

covey::task<> send_in_turn(covey::send_channel<std::uint64_t> a,
                           covey::send_channel<std::uint64_t> b, int count) {
    for (int i = 0; i < count; i += 2) {
        co_await a.send(1);
        co_await b.send(1);
    }
}

template <class Take>
covey::task<double> nanoseconds_per_awaited_value(Take take) {
    constexpr int count = 4'000'000;
    auto [tx1, rx1] = covey::open_memory_channel<std::uint64_t>(0);
    auto [tx2, rx2] = covey::open_memory_channel<std::uint64_t>(0);
    const auto start = steady::now();
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(send_in_turn, std::move(tx1), std::move(tx2), count);
        const std::uint64_t sum = co_await take(rx1, rx2, count);
        if (sum != count) std::abort();
    });
    co_return nanoseconds_since(start) / count;
}

covey::task<> select() {
    const double plain_ready = co_await nanoseconds_per_ready_value(receive_in_turn);
    print("ns_receive_ready", plain_ready);
    const double ready = co_await nanoseconds_per_ready_value(receive_selected);
    print("ns_select_of_2_ready", ready);
    const double plain_waiting = co_await nanoseconds_per_awaited_value(receive_in_turn);
    print("ns_receive_waiting", plain_waiting);
    const double waiting = co_await nanoseconds_per_awaited_value(receive_selected);
    print("ns_select_of_2_waiting", waiting);
}

covey::task<> nothing() { co_return; }

covey::task<> spawn() {
    constexpr int count = 1'000'000;
    const auto start = steady::now();
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (int i = 0; i < count; ++i) nursery.start_soon(nothing);
    });
    print("ns_per_child", nanoseconds_since(start) / count);
}

covey::task<> receive_one(const covey::receive_channel<std::uint64_t>& rx) {
    co_await rx.receive();
}

covey::task<> cancel() {
    constexpr int count = 100'000;
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1);
    steady::time_point start;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (int i = 0; i < count; ++i) nursery.start_soon(receive_one, std::cref(rx));
        while (rx.statistics().tasks_waiting_receive != count) co_await covey::sleep_for(1ms);
        start = steady::now();
        nursery.cancel();
    });
    print("ns_per_cancelled_task", nanoseconds_since(start) / count);
}

covey::task<> blocked() {
    constexpr int count = 1'000'000;
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1);
    const double before = resident_bytes();
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (int i = 0; i < count; ++i) nursery.start_soon(receive_one, std::cref(rx));
        while (rx.statistics().tasks_waiting_receive != count) co_await covey::sleep_for(1ms);
        print("bytes_per_blocked_task", (resident_bytes() - before) / count);
        nursery.cancel();
    });
}

struct number {
    std::uint64_t value;
};
struct total {};

class adder : public covey::actor {
 public:
    void handle(number message) { sum_ += message.value; }
    std::uint64_t handle(total) const { return sum_; }

 private:
    std::uint64_t sum_ = 0;
};

covey::task<> tell_numbers(covey::actor_ref<adder> to, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await to.tell(number{i});
}

covey::task<double> nanoseconds_per_told_message(std::size_t mailbox) {
    constexpr std::uint64_t senders = 20;
    constexpr std::uint64_t count = 250'000;  // of each
    double taken = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto to = co_await covey::start_actor<adder>(nursery, {.mailbox = mailbox});
        const auto start = steady::now();
        co_await covey::with_nursery([&](covey::nursery& sending) {
            for (std::uint64_t i = 0; i < senders; ++i) sending.start_soon(tell_numbers, to, count);
        });
        const std::uint64_t sum = co_await to.ask(total{});
        taken = nanoseconds_since(start);
        if (sum != senders * (count * (count - 1) / 2)) std::abort();
        to.stop();
    });
    co_return taken / static_cast<double>(senders * count);
}

covey::task<> mailbox() {
    const double small = co_await nanoseconds_per_told_message(64);
    print("ns_per_message_mailbox_64", small);
    const double large = co_await nanoseconds_per_told_message(1024);
    print("ns_per_message_mailbox_1024", large);
    print("messages_per_second", 1e9 / small);
}

covey::task<> actors() {
    constexpr int count = 200'000;
    const double before = resident_bytes();
    steady::time_point end;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto start = steady::now();
        for (int i = 0; i < count; ++i)
            static_cast<void>(co_await covey::start_actor<adder>(nursery, {}));
        print("ns_per_actor_started", nanoseconds_since(start) / count);
        print("bytes_per_actor", (resident_bytes() - before) / count);
        end = steady::now();
        nursery.cancel();
    });
    print("ns_per_actor_ended", nanoseconds_since(end) / count);
}

// The values are sorted.
void print_percentiles(const std::string& name, std::vector<double>& values) {
    std::ranges::sort(values);
    print((name + "_p50").c_str(), values[values.size() / 2]);
    print((name + "_p99").c_str(), values[values.size() * 99 / 100]);
}

covey::task<> ask() {
    constexpr int count = 300'000;
    std::vector<double> taken;
    taken.reserve(count);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto to = co_await covey::start_actor<adder>(nursery, {});
        for (int i = 0; i < count; ++i) {
            const auto start = steady::now();
            const std::uint64_t sum = co_await to.ask(total{});
            taken.push_back(nanoseconds_since(start));
            if (sum != 0) std::abort();
        }
        to.stop();
    });
    print_percentiles("ns_ask", taken);
}

struct crash {};
struct is_up {};

class fragile : public covey::actor {
 public:
    void handle(crash) { throw std::runtime_error("crash"); }
    bool handle(is_up) const { return true; }
};

// Notes how long each restart has taken.
class timed : public covey::actor {
 public:
    timed(steady::time_point& crashed, std::vector<double>& taken)
        : crashed_(crashed), taken_(taken) {}

    void handle(crash) {
        crashed_ = steady::now();
        throw std::runtime_error("crash");
    }
    bool handle(is_up) const { return true; }

 protected:
    covey::task<> on_start() override {
        if (crashed_ != steady::time_point()) taken_.push_back(nanoseconds_since(crashed_));
        co_return;
    }

 private:
    steady::time_point& crashed_;
    std::vector<double>& taken_;
};

const covey::supervisor_options restarts_at_once{.intensity = 1'000'000,
                                                 .backoff = covey::backoff::none()};

template <class A>
covey::task<> crash_and_restart(const covey::actor_ref<A>& each) {
    co_await each.tell(crash{});
    co_await each.ask(is_up{});  // by the next incarnation
}

covey::task<> restart() {
    steady::time_point crashed;
    std::vector<double> taken;
    co_await covey::with_supervisor(restarts_at_once,
                                    [&](covey::supervisor& supervisor) -> covey::task<> {
                                        const auto ref = co_await covey::start_actor<timed>(
                                            supervisor, {}, std::ref(crashed), std::ref(taken));
                                        for (int i = 0; i < 20'000; ++i)
                                            co_await crash_and_restart(ref);
                                        supervisor.stop_all();
                                    });
    print_percentiles("ns_restart", taken);
}

// One in `stride` of so many children crashes and is restarted, 20,000 times or each of them once:
// the median, since a preempted thread would spoil a mean.
covey::task<double> nanoseconds_per_restart(const std::vector<covey::actor_ref<fragile>>& all,
                                            std::size_t stride) {
    const std::size_t victims = all.size() / stride;
    const std::size_t crashes = std::max<std::size_t>(victims, 20'000);
    std::vector<double> taken;
    taken.reserve(crashes);
    for (std::size_t i = 0; i < crashes; ++i) {
        const auto start = steady::now();
        co_await crash_and_restart(all[i * 7919 % victims * stride]);
        taken.push_back(nanoseconds_since(start));
    }
    std::ranges::nth_element(taken, taken.begin() + static_cast<std::ptrdiff_t>(crashes / 2));
    co_return taken[crashes / 2];
}

struct restart_costs {
    double of_few = 0;  // of the same hundred all the time: what the number of children costs
    double of_all = 0;  // and what it costs that no cache holds them
};

covey::task<restart_costs> restarts_among(std::size_t count) {
    restart_costs result;
    co_await covey::with_supervisor(
        restarts_at_once, [&](covey::supervisor& supervisor) -> covey::task<> {
            std::vector<covey::actor_ref<fragile>> all;
            for (std::size_t i = 0; i < count; ++i) {
                auto ref = co_await covey::start_actor<fragile>(supervisor, {});
                all.push_back(std::move(ref));
            }
            static_cast<void>(co_await nanoseconds_per_restart(all, 1));  // their first crash
            result.of_few = co_await nanoseconds_per_restart(all, count / 100);
            result.of_all = co_await nanoseconds_per_restart(all, 1);
            supervisor.scope().cancel();
        });
    co_return result;
}

// The median again. Who waits longest receives next, so each worker crashes when it is its turn.
covey::task<double> nanoseconds_per_restart(const covey::send_channel<crash>& work,
                                            const covey::receive_channel<is_up>& up,
                                            std::size_t crashes) {
    std::vector<double> taken;
    taken.reserve(crashes);
    for (std::size_t i = 0; i < crashes; ++i) {
        const auto start = steady::now();
        co_await work.send(crash{});
        co_await up.receive();  // from the next incarnation
        taken.push_back(nanoseconds_since(start));
    }
    std::ranges::nth_element(taken, taken.begin() + static_cast<std::ptrdiff_t>(crashes / 2));
    co_return taken[crashes / 2];
}

covey::task<> crash_when_told(covey::receive_channel<crash> work, covey::send_channel<is_up> up) {
    co_await up.send(is_up{});
    co_await work.receive();
    throw std::runtime_error("crash");
}

covey::task<double> pool_of(std::size_t count) {
    auto [tx, rx] = covey::open_memory_channel<crash>(0);
    auto [up_tx, up_rx] = covey::open_memory_channel<is_up>(count);
    double taken = 0;
    co_await covey::with_supervisor(
        restarts_at_once, [&](covey::supervisor& supervisor) -> covey::task<> {
            for (std::size_t i = 0; i < count; ++i) {
                co_await supervisor.start({.grace = covey::duration::zero()}, crash_when_told,
                                          rx.clone(), up_tx.clone());
                co_await up_rx.receive();
            }
            const std::size_t crashes = std::max<std::size_t>(count, 20'000);
            taken = co_await nanoseconds_per_restart(tx, up_rx, crashes);
            supervisor.scope().cancel();
        });
    co_return taken;
}

covey::task<> pool() {
    const double few = co_await pool_of(1'000);
    const double many = co_await pool_of(100'000);
    print("ns_restart_in_turn_of_1000", few);
    print("ns_restart_in_turn_of_100000", many);
    print("quotient_percent", 100 * many / few);
}

covey::task<> children() {
    const restart_costs few = co_await restarts_among(1'000);
    const restart_costs many = co_await restarts_among(100'000);
    print("ns_restart_of_a_hundred_in_1000", few.of_few);
    print("ns_restart_of_a_hundred_in_100000", many.of_few);
    print("quotient_percent", 100 * many.of_few / few.of_few);
    print("ns_restart_of_all_in_1000", few.of_all);
    print("ns_restart_of_all_in_100000", many.of_all);
    print("quotient_of_all_percent", 100 * many.of_all / few.of_all);
}

struct kind {
    std::string_view name;
    covey::task<> (*run)();
};
constexpr kind kinds[] = {{"message", message},   {"select", select},   {"spawn", spawn},
                          {"cancel", cancel},     {"blocked", blocked}, {"mailbox", mailbox},
                          {"actors", actors},     {"ask", ask},         {"restart", restart},
                          {"children", children}, {"pool", pool}};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "";
    const kind* const chosen = std::ranges::find(kinds, wanted, &kind::name);
    if (chosen == std::end(kinds)) {
        std::fprintf(stderr, "usage: figures KIND [WORKERS]\nkinds:");
        for (const kind& each : kinds) std::fprintf(stderr, " %s", each.name.data());
        std::fprintf(stderr, "\n");
        return 2;
    }
    const unsigned workers =
        argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 1;
    covey::run({.workers = workers}, chosen->run);
}
