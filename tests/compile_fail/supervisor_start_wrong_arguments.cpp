// SPDX-License-Identifier: BSL-1.0
// The function of a supervised child and its arguments have to fit.
// expect: covey: the function of a supervised child can't be called with these
#include <covey/supervisor.hpp>

covey::task<> worker(int) { co_return; }

covey::task<> start(covey::supervisor& supervisor) {
#ifndef COVEY_CONTROL
    co_await supervisor.start({}, worker, "one");
#else
    co_await supervisor.start({}, worker, 1);
#endif
}
