// SPDX-License-Identifier: BSL-1.0
//
// limits WORKLOAD THREADS: what the machine itself allows, as lines "M name value", nanoseconds
// where a name doesn't say otherwise. Two threads run on processors 0 and 1.

#include "limits.hpp"

#include <cstdio>
#include <utility>

int main(int count, char** words) {
    using namespace limits;
    static constexpr std::pair<std::string_view, void (*)()> workloads[] = {
        {"lim_atomics", atomics}, {"lim_c2c", cache_lines}, {"lim_futex", wake_ups},
        {"lim_coro", coroutines}, {"lim_call", calls},      {"lim_alloc", allocation},
        {"lim_ring", rings},      {"lim_exc", exceptions},  {"w14", wake_from_idle},
        {"w15", echo_server},     {"words", count_words},
    };
    if (count < 3) {
        std::fprintf(stderr, "usage: limits WORKLOAD THREADS\n");
        return 2;
    }
    for (const auto& [name, run] : workloads) {
        if (name != words[1]) continue;
        run();
        return 0;
    }
    bench::unsupported();
}
