// SPDX-License-Identifier: BSL-1.0
// A parameter that refers to a temporary made for the call dangles when the child runs.
// expect: covey: a parameter of the coroutine refers to a temporary that is made
#include <covey/supervisor.hpp>

#include <string>

covey::task<> worker(const std::string&) { co_return; }

covey::task<> start(covey::supervisor& supervisor) {
#ifndef COVEY_CONTROL
    co_await supervisor.start({}, worker, "text");
#else
    co_await supervisor.start({}, worker, std::string("text"));
#endif
}
