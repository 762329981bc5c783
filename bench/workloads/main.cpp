// SPDX-License-Identifier: BSL-1.0
//
// covey_bench WORKLOAD WORKERS [N] [--small]: runs one workload once and prints what it measured,
// one `M name value` on each line; N: how many there are, for those that are about that.
// covey_bench --list: the workloads.
//
// Exit status: 1, with a sentence, when the workload found a wrong result; 2 when the arguments
// make no sense.

#include "workloads.hpp"

#include <covey/run.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr std::uint64_t most_workers = 256;
constexpr std::uint64_t most_things = 10'000'000;

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct options {
    const workloads::workload* subject = nullptr;
    const workloads::scaled_workload* scaled = nullptr;  // this one, or that one
    std::uint64_t n = 0;                                 // of a scaled one
    unsigned workers = 0;
    workloads::scale size = workloads::scale::full;
};

std::uint64_t parse_number(const char* what, std::string_view word, std::uint64_t most) {
    std::uint64_t result = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), result);
    if (error != std::errc() || end != word.data() + word.size() || result == 0 || result > most)
        throw usage_error(std::string(what) + " is a number from 1 to " + std::to_string(most) +
                          ", not '" + std::string(word) + "'");
    return result;
}

options parse(std::vector<std::string_view> words) {
    options result;
    if (std::erase(words, "--small") > 0) result.size = workloads::scale::small;
    if (std::ranges::count(words, "--list") > 0) throw usage_error("--list stands alone");
    for (const std::string_view word : words)
        if (word.starts_with("-")) throw usage_error("unknown option " + std::string(word));
    if (words.size() < 2) throw usage_error("a workload and a number of workers are needed");

    const std::string name(words[0]);
    result.subject = workloads::find(name);
    result.scaled = workloads::find_scaled(name);
    if (!result.subject && !result.scaled)
        throw usage_error("there is no workload '" + name + "'; --list names all");
    if (result.scaled && words.size() != 3)
        throw usage_error(name + " needs a number of workers and N, how many there are");
    if (result.subject && words.size() != 2)
        throw usage_error(name + " needs a number of workers, and nothing else");
    result.workers = static_cast<unsigned>(parse_number("WORKERS", words[1], most_workers));
    if (result.scaled) result.n = parse_number("N", words[2], most_things);
    return result;
}

void list() {
    for (const workloads::workload& each : workloads::all())
        std::printf("%-16s %s\n", each.name.data(), each.what.data());
    for (const workloads::scaled_workload& each : workloads::all_scaled())
        std::printf("%-16s %s; needs n\n", each.name.data(), each.what.data());
}

workloads::figures measure(const options& how) {
    const covey::run_options with{.workers = how.workers};
    if (how.scaled) return covey::run(with, how.scaled->run, how.n, how.size);
    return covey::run(with, how.subject->run, how.size);
}

void run(const options& how) {
    for (const workloads::figure& each : measure(how))
        std::printf("M %s %.3f\n", each.name.c_str(), each.value);
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    try {
        if (words == std::vector<std::string_view>{"--list"})
            list();
        else
            run(parse(words));
        return 0;
    } catch (const usage_error& error) {
        std::fprintf(stderr,
                     "covey_bench: %s.\nusage: covey_bench WORKLOAD WORKERS [N] [--small]\n"
                     "       covey_bench --list\n",
                     error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "covey_bench: %s\n", error.what());
        return 1;
    }
}
