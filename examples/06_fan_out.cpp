// SPDX-License-Identifier: BSL-1.0
// Fan-out: jobs go to three workers, each with a clone of the receiving end, and the results come
// back through clones of another channel's sending end. Six seconds of work take two.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

struct result {
    int job;
    int answer;
};

covey::task<> hand_out(covey::send_channel<int> jobs) {
    for (int job = 1; job <= 6; ++job) co_await jobs.send(job);
}

covey::task<> work(covey::receive_channel<int> jobs, covey::send_channel<result> results) {
    while (auto job = co_await jobs.next()) {
        co_await covey::sleep_for(1s);
        co_await results.emplace(*job, *job * *job);
    }
}

covey::task<int> add_up(covey::receive_channel<result> results) {
    int sum = 0;
    while (auto each = co_await results.next()) {
        say(fmt::format("job {} gave {}", each->job, each->answer));
        sum += each->answer;
    }
    co_return sum;
}

covey::task<> fan_out() {
    auto [jobs_in, jobs] = covey::open_memory_channel<int>(0);
    auto [results_in, results] = covey::open_memory_channel<result>(3);
    const int sum = co_await covey::with_nursery([&](covey::nursery& nursery) {
        nursery.start_soon(hand_out, std::move(jobs_in));
        for (int worker = 0; worker < 3; ++worker)
            nursery.start_soon(work, jobs.clone(), results_in.clone());
        results_in.close();  // what is left open are the workers' clones
        return add_up(std::move(results));
    });
    say(fmt::format("together {}", sum));
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, fan_out);
}
