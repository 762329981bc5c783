// SPDX-License-Identifier: BSL-1.0
// A pipeline whose workers are other programs, which know CAF only. One of them is killed half way;
// what it was at goes to the others, and the result is exact. docs/guide/caf.md tells the story.
//
//     pipeline WORKER     the path of the program worker.cpp
#include "child_program.hpp"

#include <covey/caf.hpp>
#include <covey/channel.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/to_thread.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int last_number = 1'000'000;
constexpr int numbers_per_job = 10'000;

struct job {
    int from, to;
};
using remote_worker = std::unique_ptr<child_program>;

covey::task<> hand_out(covey::send_channel<job> jobs) {
    for (int from = 0; from < last_number; from += numbers_per_job)
        co_await jobs.emplace(from, from + numbers_per_job);
}

// Takes job after job to one of the programs. What it hasn't answered when it dies goes back.
covey::task<> work(covey::caf_host& host, std::uint16_t port, covey::receive_channel<job> jobs,
                   covey::send_channel<job> back, covey::send_channel<int> results) {
    const auto worker = co_await host.connect({.port = port}, 10s);
    while (const auto next = co_await jobs.next()) {
        std::optional<int> primes;
        try {
            primes = co_await host.request<int>(worker, 60s, next->from, next->to);
        } catch (const covey::caf_error&) {
            fmt::print("a worker has died\n");
        }
        if (!primes) {
            co_await back.send(*next);
            co_return;
        }
        co_await results.send(*primes);
    }
}

covey::task<int> add_up(covey::receive_channel<int> results, child_program& victim) {
    int sum = 0;
    for (int left = last_number / numbers_per_job; left != 0; --left) {
        if (left == last_number / numbers_per_job / 2) victim.kill();
        sum += co_await results.receive();
    }
    co_return sum;
}

covey::task<> count_primes(covey::caf_host& host, std::vector<remote_worker>& workers) {
    auto [jobs_in, jobs] = covey::open_memory_channel<job>(0);
    auto [back, returned] = covey::open_memory_channel<job>(workers.size());
    auto [results_in, results] = covey::open_memory_channel<int>(0);
    const int sum = co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<int> {
        nursery.start_soon(hand_out, jobs_in.clone());
        nursery.start_service([&]() -> covey::task<> {
            while (const auto again = co_await returned.next()) co_await jobs_in.send(*again);
        });
        for (remote_worker& each : workers) {
            const std::string port = co_await covey::to_thread([&] { return each->read_line(); });
            nursery.start_soon(work, std::ref(host), static_cast<std::uint16_t>(std::stoul(port)),
                               jobs.clone(), back.clone(), results_in.clone());
        }
        const int total = co_await add_up(std::move(results), *workers[1]);
        nursery.cancel();  // the others wait for jobs that don't come
        co_return total;
    });
    fmt::print("{} primes below {}\n", sum, last_number);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: {} WORKER    (the program of worker.cpp)\n", argv[0]);
        return 2;
    }
    std::vector<remote_worker> workers;
    for (int i = 0; i != 3; ++i)
        workers.push_back(std::make_unique<child_program>(std::vector<std::string>{argv[1]}));
    covey::run([&]() -> covey::task<> {
        co_await covey::with_caf({.network = covey::caf_network{}}, [&](covey::caf_host& host) {
            return count_primes(host, workers);
        });
    });
}
