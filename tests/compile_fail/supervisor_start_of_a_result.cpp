// SPDX-License-Identifier: BSL-1.0
// Nobody would receive what a supervised child returns.
// expect: what a supervised child returns would be lost: return
#include <covey/supervisor.hpp>

#ifndef COVEY_CONTROL
covey::task<int> worker() { co_return 1; }
#else
covey::task<> worker() { co_return; }
#endif

covey::task<> start(covey::supervisor& supervisor) { co_await supervisor.start({}, worker); }
