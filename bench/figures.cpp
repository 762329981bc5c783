// SPDX-License-Identifier: BSL-1.0
//
// First figures of the core, each of one run of one kind: `figures KIND WORKERS` prints `M name
// value`. For medians run it several times.
//
//   message   one producer, one consumer, 64-bit ints, capacity 1024: ns per message
//   spawn     children that end at once, all in one nursery: ns per child
//   cancel    100,000 tasks blocked on a receive, cancelled and joined: ns per task
//   blocked   1,000,000 tasks blocked on a channel: bytes of resident memory per task

#include <covey/covey.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <unistd.h>

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
        while (rx.statistics().tasks_waiting_receive != count) co_await covey::checkpoint();
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
        while (rx.statistics().tasks_waiting_receive != count) co_await covey::checkpoint();
        print("bytes_per_blocked_task", (resident_bytes() - before) / count);
        nursery.cancel();
    });
}

covey::task<> run_kind(std::string_view kind) {
    if (kind == "message") co_await message();
    if (kind == "spawn") co_await spawn();
    if (kind == "cancel") co_await cancel();
    if (kind == "blocked") co_await blocked();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view kind = argc > 1 ? argv[1] : "";
    if (kind != "message" && kind != "spawn" && kind != "cancel" && kind != "blocked") {
        std::fprintf(stderr, "usage: figures message|spawn|cancel|blocked [WORKERS]\n");
        return 2;
    }
    const unsigned workers =
        argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 1;
    covey::run({.workers = workers}, run_kind, kind);
}
