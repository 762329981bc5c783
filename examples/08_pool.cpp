// SPDX-License-Identifier: BSL-1.0
// A pool of workers on clones of one receiving end. A worker that fails is started again on another
// clone; when the producer has closed, the pool ends by itself, and every job is accounted for.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

covey::task<> hand_out(covey::send_channel<int> jobs) {
    for (int job = 1; job <= 12; ++job) co_await jobs.send(job);
    say("handed out everything");
}

covey::task<> work(std::string name, covey::receive_channel<int> jobs,
                   covey::send_channel<int> results) {
    while (auto job = co_await jobs.next()) {
        co_await covey::sleep_for(1s);
        if (*job == 5 || *job == 6) throw std::runtime_error(fmt::format("job {} is bad", *job));
        say(fmt::format("{} has done job {}", name, *job));
        co_await results.send(*job);
    }
    say(fmt::format("{} goes home", name));
}

covey::task<> count(covey::receive_channel<int> results) {
    int done = 0;
    while (co_await results.next()) ++done;
    say(fmt::format("{} jobs done, {} lost", done, 12 - done));
}

covey::task<> run_pool(covey::receive_channel<int> jobs, covey::send_channel<int> results) {
    const covey::supervisor_options options = {
        .backoff = {.first = 500ms, .jitter = 0},
        .budget = covey::budget_scope::child,
        .stop_order = covey::stop_order::together,
    };
    co_await covey::with_supervisor(options, [&](covey::supervisor& pool) -> covey::task<> {
        for (const char* name : {"Ada", "Ben", "Cleo", "Dan"}) {
            co_await pool.start({.name = name}, work, std::string(name), jobs.clone(),
                                results.clone());
        }
        jobs.close();     // what is left open are the workers' prototypes,
        results.close();  // and what was cloned from them
    });
    say("the pool has ended");
}

covey::task<> produce_and_work() {
    auto [jobs_in, jobs] = covey::open_memory_channel<int>(0);
    auto [results_in, results] = covey::open_memory_channel<int>(0);
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(hand_out, std::move(jobs_in));
        nursery.start_soon(run_pool, std::move(jobs), std::move(results_in));
        nursery.start_soon(count, std::move(results));
    });
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, produce_and_work);
}
