// SPDX-License-Identifier: BSL-1.0
//
// covey_bench WORKLOAD WORKERS [--small]: runs one workload once and prints what it measured, one
// `M name value` on each line. covey_bench --list: the workloads.
//
// Exit status: 1, with a sentence, when the workload found a wrong result; 2 when the arguments
// make no sense.

#include "workloads.hpp"

#include <covey/run.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr unsigned most_workers = 256;

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct options {
    const workloads::workload* subject = nullptr;
    unsigned workers = 0;
    workloads::scale size = workloads::scale::full;
};

unsigned parse_workers(std::string_view word) {
    unsigned result = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), result);
    if (error != std::errc() || end != word.data() + word.size() || result == 0 ||
        result > most_workers)
        throw usage_error("WORKERS is a number from 1 to " + std::to_string(most_workers) +
                          ", not '" + std::string(word) + "'");
    return result;
}

const workloads::workload& parse_workload(std::string_view word) {
    if (const workloads::workload* const found = workloads::find(word)) return *found;
    throw usage_error("there is no workload '" + std::string(word) + "'; --list names all");
}

options parse(std::vector<std::string_view> words) {
    options result;
    if (std::erase(words, "--small") > 0) result.size = workloads::scale::small;
    if (std::ranges::count(words, "--list") > 0) throw usage_error("--list stands alone");
    for (const std::string_view word : words)
        if (word.starts_with("-")) throw usage_error("unknown option " + std::string(word));
    if (words.size() != 2)
        throw usage_error("a workload and a number of workers are needed, and nothing else");
    result.subject = &parse_workload(words[0]);
    result.workers = parse_workers(words[1]);
    return result;
}

void list() {
    for (const workloads::workload& each : workloads::all())
        std::printf("%-9s %s\n", each.name.data(), each.what.data());
}

void run(const options& how) {
    const workloads::figures found =
        covey::run({.workers = how.workers}, how.subject->run, how.size);
    for (const workloads::figure& each : found)
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
                     "covey_bench: %s.\nusage: covey_bench WORKLOAD WORKERS [--small]\n"
                     "       covey_bench --list\n",
                     error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "covey_bench: %s\n", error.what());
        return 1;
    }
}
