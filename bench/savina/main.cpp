// SPDX-License-Identifier: BSL-1.0
//
// savina [NAME ...] [--small] [--runs N] [--workers N]: runs the benchmarks, all of them if none is
// named, and prints how long they took. Fails when one doesn't find the values that it should.

#include "benchmarks.hpp"

#include <covey/run.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct options {
    std::vector<const savina::benchmark*> chosen;
    savina::scale scale = savina::scale::full;
    unsigned runs = 7;
    unsigned workers = 1;
};

std::optional<unsigned> positive(const char* text) {
    char* end = nullptr;
    const unsigned long number = std::strtoul(text, &end, 10);
    if (end == text || *end != '\0' || number == 0 || number > 10'000) return std::nullopt;
    return static_cast<unsigned>(number);
}

void choose_all(options& result) {
    for (const auto group : {savina::micro_benchmarks(), savina::concurrency_benchmarks()})
        for (const savina::benchmark& each : group) result.chosen.push_back(&each);
}

// Nothing: that makes no sense.
std::optional<options> parse(int count, char** words) {
    options result;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--small") {
            result.scale = savina::scale::small;
        } else if ((word == "--runs" || word == "--workers") && i + 1 < count) {
            const std::optional<unsigned> number = positive(words[++i]);
            if (!number) return std::nullopt;
            (word == "--runs" ? result.runs : result.workers) = *number;
        } else if (const savina::benchmark* named = savina::find(word)) {
            result.chosen.push_back(named);
        } else {
            return std::nullopt;
        }
    }
    if (result.chosen.empty()) choose_all(result);
    return result;
}

struct measured {
    double milliseconds;
    savina::values found;
};

covey::task<measured> measure(const savina::benchmark& subject, savina::scale scale) {
    using steady = std::chrono::steady_clock;
    const auto start = steady::now();
    savina::values found = co_await subject.run(scale);
    const std::chrono::duration<double, std::milli> taken = steady::now() - start;
    co_return measured{taken.count(), std::move(found)};
}

// Prints a line of the table; false: it has found something wrong.
bool run(const savina::benchmark& subject, const options& how) {
    std::vector<double> times;
    savina::values last;
    try {
        for (unsigned i = 0; i < how.runs; ++i) {
            measured each =
                covey::run({.workers = how.workers}, measure, std::ref(subject), how.scale);
            savina::compare(each.found, subject.expected_at(how.scale));
            times.push_back(each.milliseconds);
            last = std::move(each.found);
        }
    } catch (const std::exception& error) {
        std::printf("%-12s WRONG: %s\n", subject.name.data(), error.what());
        return false;
    }
    std::ranges::sort(times);
    std::printf("%-12s %10.1f %10.1f %10.1f   %s\n", subject.name.data(), times[times.size() / 2],
                times.front(), times.back(), savina::to_string(last).c_str());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const std::optional<options> how = parse(argc, argv);
    if (!how) {
        std::fprintf(stderr, "usage: savina [NAME ...] [--small] [--runs N] [--workers N]\nnames:");
        options every;
        choose_all(every);
        for (const savina::benchmark* each : every.chosen)
            std::fprintf(stderr, " %s", each->name.data());
        std::fprintf(stderr, "\n");
        return 2;
    }
    std::printf("%-12s %10s %10s %10s   %s\n", "ms", "median", "least", "most", "found");
    bool all_right = true;
    for (const savina::benchmark* each : how->chosen) {
        all_right = run(*each, *how) && all_right;
        std::fflush(stdout);
    }
    return all_right ? 0 : 1;
}
