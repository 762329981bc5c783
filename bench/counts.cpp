// SPDX-License-Identifier: BSL-1.0
//
// covey_counts OPERATION COUNT: does one operation so many times on one worker and prints
// `allocations N`, the calls of malloc of the whole process. tools/counts.sh runs it twice, with
// different counts, under a tool that counts instructions, and takes the differences.
// covey_counts --list: the operations.

#include <covey/covey.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#ifndef __GLIBC__
#error "covey_counts counts what glibc's malloc is asked for: build it with glibc"
#endif

// operator new and everything else that allocates comes through one of these.
namespace {
std::atomic<std::uint64_t> allocations{0};
void count_allocation() { allocations.fetch_add(1, std::memory_order_relaxed); }
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    count_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
    count_allocation();
    return __libc_calloc(number, size);
}
void* realloc(void* block, std::size_t size) {
    count_allocation();
    return __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    count_allocation();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
    count_allocation();
    *block = __libc_memalign(alignment, size);
    return *block == nullptr ? ENOMEM : 0;
}
}

namespace {

using namespace std::chrono_literals;

using numbers_out = covey::send_channel<std::uint64_t>;
using numbers_in = covey::receive_channel<std::uint64_t>;

constexpr std::uint64_t children_of_a_nursery = 100;

void expect(bool holds) {
    if (!holds) throw std::runtime_error("covey_counts: an operation gave a wrong result");
}

covey::task<> nothing() { co_return; }
covey::task<std::uint64_t> give_back(std::uint64_t number) { co_return number; }

// A yield, and being resumed.
covey::task<> checkpoint(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await covey::checkpoint();
}

// One coroutine awaits another.
covey::task<> call(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t number = co_await give_back(i);
        expect(number == i);
    }
}

covey::task<> produce(numbers_out tx, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await tx.send(i);
}

// A send and a receive through a channel of 64.
covey::task<> message(std::uint64_t count) {
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(64);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(produce, std::move(tx), count);
        std::uint64_t received = 0;
        while (const auto number = co_await rx.next()) expect(*number == received++);
        expect(received == count);
    });
}

covey::task<> echo(numbers_in requests, numbers_out replies) {
    while (const auto number = co_await requests.next()) co_await replies.send(*number);
}

// There and back over two channels without a buffer.
covey::task<> round_trip(std::uint64_t count) {
    auto [request_tx, request_rx] = covey::open_memory_channel<std::uint64_t>(0);
    auto [reply_tx, reply_rx] = covey::open_memory_channel<std::uint64_t>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(echo, std::move(request_rx), std::move(reply_tx));
        for (std::uint64_t i = 0; i < count; ++i) {
            co_await request_tx.send(i);
            const std::uint64_t reply = co_await reply_rx.receive();
            expect(reply == i);
        }
        request_tx.close();
    });
}

// The same where the receiver would take a value from another channel as well.
covey::task<> chosen(std::uint64_t count) {
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(64);
    auto [never_tx, never_rx] = covey::open_memory_channel<std::uint64_t>(64);
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(produce, std::move(tx), count);
        for (std::uint64_t received = 0; received < count; ++received) {
            const auto which =
                co_await covey::select(covey::receive_from(rx), covey::receive_from(never_rx));
            expect(which.index() == 0);
        }
    });
}

// A nursery without children.
covey::task<> nursery(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await covey::with_nursery([](covey::nursery&) {});
}

// A child that ends at once, in a nursery of a hundred.
covey::task<> child(std::uint64_t count) {
    for (std::uint64_t begun = 0; begun < count; begun += children_of_a_nursery)
        co_await covey::with_nursery([](covey::nursery& nursery) {
            for (std::uint64_t i = 0; i < children_of_a_nursery; ++i) nursery.start_soon(nothing);
        });
}

// A child with a result, awaited before the next one is started.
covey::task<> awaited_child(std::uint64_t count) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t number = co_await nursery.spawn(give_back, i);
            expect(number == i);
        }
    });
}

covey::task<> receive_one(const numbers_in& rx) { static_cast<void>(co_await rx.receive()); }

// A child that is started, blocks on a channel, is cancelled and joined, with ninety-nine others.
covey::task<> cancelled_child(std::uint64_t count) {
    auto [tx, rx] = covey::open_memory_channel<std::uint64_t>(1);
    for (std::uint64_t begun = 0; begun < count; begun += children_of_a_nursery)
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (std::uint64_t i = 0; i < children_of_a_nursery; ++i)
                nursery.start_soon(receive_one, std::cref(rx));
            co_await covey::checkpoint();
            expect(rx.statistics().tasks_waiting_receive == children_of_a_nursery);
            nursery.cancel();
        });
}

// A time limit around a checkpoint.
covey::task<> time_limit(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const bool in_time = co_await covey::move_on_after(1h, covey::checkpoint());
        expect(in_time);
    }
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

// A message told to an actor, and handled.
covey::task<> tell(std::uint64_t count) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto to = co_await covey::start_actor<adder>(nursery, {});
        for (std::uint64_t i = 0; i < count; ++i) co_await to.tell(number{1});
        const std::uint64_t sum = co_await to.ask(total{});
        expect(sum == count);
        to.stop();
    });
}

// A question to an actor, and its answer.
covey::task<> ask(std::uint64_t count) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto to = co_await covey::start_actor<adder>(nursery, {});
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t sum = co_await to.ask(total{});
            expect(sum == 0);
        }
        to.stop();
    });
}

struct operation {
    std::string_view name;
    covey::task<> (*run)(std::uint64_t count);
};
constexpr operation operations[] = {{"checkpoint", checkpoint},
                                    {"call", call},
                                    {"message", message},
                                    {"round_trip", round_trip},
                                    {"select", chosen},
                                    {"nursery", nursery},
                                    {"child", child},
                                    {"awaited_child", awaited_child},
                                    {"cancelled_child", cancelled_child},
                                    {"time_limit", time_limit},
                                    {"tell", tell},
                                    {"ask", ask}};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "";
    if (wanted == "--list") {
        for (const operation& each : operations) std::printf("%s\n", each.name.data());
        return 0;
    }
    const auto* const chosen = std::ranges::find(operations, wanted, &operation::name);
    const std::uint64_t count = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (chosen == std::end(operations) || count == 0 || count % children_of_a_nursery != 0) {
        std::fprintf(stderr,
                     "usage: covey_counts OPERATION COUNT, a multiple of %llu\n"
                     "       covey_counts --list\n",
                     static_cast<unsigned long long>(children_of_a_nursery));
        return 2;
    }
    covey::run({.workers = 1}, chosen->run, count);
    std::printf("allocations %llu\n", static_cast<unsigned long long>(allocations.load()));
    return 0;
}
