// SPDX-License-Identifier: BSL-1.0
// A child's options are what comes first, or are left out.
// expect: covey: the options of a supervised child come first
#include <covey/supervisor.hpp>

covey::task<> worker(int) { co_return; }

covey::task<> start(covey::supervisor& supervisor) {
#ifndef COVEY_CONTROL
    co_await supervisor.start(worker, 1, covey::child_options{});
#else
    co_await supervisor.start(covey::child_options{}, worker, 1);
    co_await supervisor.start(worker, 1);
#endif
}
