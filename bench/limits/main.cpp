// SPDX-License-Identifier: BSL-1.0
//
// limits WORKLOAD THREADS: what the machine itself allows, as lines "M name value", nanoseconds
// where a name doesn't say otherwise. Two threads run on processors 0 and 1.

#include "limits.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace {

template <void (*Run)()>
void of_the_machine(int /*threads*/) {
    Run();
}

}  // namespace

int main(int count, char** words) {
    using namespace limits;
    static constexpr std::pair<std::string_view, void (*)(int threads)> workloads[] = {
        {"lim_atomics", of_the_machine<atomics>},
        {"lim_c2c", of_the_machine<cache_lines>},
        {"lim_futex", of_the_machine<wake_ups>},
        {"lim_coro", of_the_machine<coroutines>},
        {"lim_call", of_the_machine<calls>},
        {"lim_alloc", of_the_machine<allocation>},
        {"lim_ring", of_the_machine<rings>},
        {"lim_exc", of_the_machine<exceptions>},
        {"w4", shared_work},
        {"w14", of_the_machine<wake_from_idle>},
        {"w15", of_the_machine<echo_server>},
        {"words", of_the_machine<count_words>},
    };
    if (count < 3) {
        std::fprintf(stderr, "usage: limits WORKLOAD THREADS\n");
        return 2;
    }
    for (const auto& [name, run] : workloads) {
        if (name != words[1]) continue;
        run(std::atoi(words[2]));
        return 0;
    }
    bench::unsupported();
}
