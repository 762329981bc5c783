// SPDX-License-Identifier: BSL-1.0
//
// The demo as a workload: wordcrunch over the system's headers.

#include "measure.hpp"

#include <covey/inspect.hpp>

#include <sched.h>
#include <wordcrunch/pipeline.hpp>

namespace workloads {

namespace {

// One worker has one processor, and so have the threads that read for it.
void stay_on_one_processor() {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(0, &processors);
    if (sched_setaffinity(0, sizeof processors, &processors) != 0)
        throw std::runtime_error("words: this process may not choose its processor");
}

}  // namespace

covey::task<figures> words(scale size) {
    wordcrunch::options wanted;
    wanted.paths = {size == scale::full ? "/usr/include" : "/usr/include/linux"};
    wanted.workers = covey::current_statistics().workers;
    if (wanted.workers == 1) stay_on_one_processor();
    const stopwatch watch;
    const wordcrunch::crunch_result result = co_await wordcrunch::crunch(wanted);
    const double taken = watch.nanoseconds() / 1e6;
    if (result.total_words == 0) throw wrong_result("words: there are none below /usr/include");
    co_return figures{{"ms", taken},
                      {"words", static_cast<double>(result.total_words)},
                      {"distinct", static_cast<double>(result.words.distinct())}};
}

}  // namespace workloads
