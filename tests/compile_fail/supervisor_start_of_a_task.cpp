// SPDX-License-Identifier: BSL-1.0
// A task object runs once; a supervised child may run many times.
// expect: started from a function and its arguments, not
#include <covey/supervisor.hpp>

covey::task<> worker(int) { co_return; }

covey::task<> start(covey::supervisor& supervisor) {
#ifndef COVEY_CONTROL
    co_await supervisor.start({}, worker(1));
#else
    co_await supervisor.start({}, worker, 1);
#endif
}
