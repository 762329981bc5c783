// SPDX-License-Identifier: BSL-1.0
// soak SECONDS [SEED]: random programs, one after the other, on several workers and the machine's
// clock, for that long; with a seed the same one again and again. One that breaks a rule, or
// doesn't end, ends it all with its seed.
#include "fuzz/interpreter.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto most_for_one = 60s;  // of a program that takes milliseconds

std::atomic<std::uint64_t> running_seed = 0;
std::atomic<std::uint64_t> programs = 0;

// It is told which program doesn't end.
void watch(std::stop_token stop) {
    std::uint64_t seen = 0;
    clock_type::time_point since = clock_type::now();
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(200ms);
        if (const std::uint64_t now = programs; now != seen) {
            seen = now;
            since = clock_type::now();
        }
        if (clock_type::now() - since < most_for_one) continue;
        std::printf("seed %llu: doesn't end\n", static_cast<unsigned long long>(running_seed));
        std::fflush(stdout);
        std::abort();
    }
}

std::string run_one(std::uint64_t seed, fuzz::tally& sums) {
    running_seed = seed;
    const fuzz::program played = fuzz::read(fuzz::random_bytes(seed));
    const std::string wrong = fuzz::run_for_real(played, 2 + static_cast<unsigned>(seed % 3), sums);
    ++programs;
    return wrong.empty() ? "" : wrong + "\n" + to_string(played);
}

void report(const fuzz::tally& sums, clock_type::duration spent) {
    std::printf(
        "%lld s: %llu programs, %zu steps, %zu values received, %zu errors\n",
        static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(spent).count()),
        static_cast<unsigned long long>(programs), sums.steps, sums.received, sums.errors);
    std::fflush(stdout);
}

int soak(std::chrono::seconds length, std::uint64_t first, bool the_same) {
    const auto began = clock_type::now();
    auto reported = began;
    fuzz::tally sums;
    for (std::uint64_t seed = first; clock_type::now() - began < length; seed += the_same ? 0 : 1) {
        const std::string wrong = run_one(seed, sums);
        if (!wrong.empty()) {
            std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong.c_str());
            return 1;
        }
        if (clock_type::now() - reported < 10s) continue;
        reported = clock_type::now();
        report(sums, reported - began);
    }
    report(sums, clock_type::now() - began);
    return 0;
}

}  // namespace

int main(int count, char** words) {
    const unsigned long long seconds = count > 1 ? std::strtoull(words[1], nullptr, 10) : 0;
    if (seconds == 0 || count > 3) {
        std::fprintf(stderr, "soak SECONDS [SEED]\n");
        return 2;
    }
    const std::uint64_t seed = count > 2 ? std::strtoull(words[2], nullptr, 10) : 1;
    const std::jthread watcher(watch);
    return soak(std::chrono::seconds(seconds), seed, count > 2);
}
