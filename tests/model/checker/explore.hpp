// SPDX-License-Identifier: BSL-1.0
#pragma once

// A model checker for programs of a few threads: runs the program again and again, until every
// schedule within the bounds has been tried, or one is found that goes wrong.
//
// What      Threads, atomics, mutexes and conditions are those of <covey/lowlevel/atomic.hpp> and
//           <covey/lowlevel/thread.hpp>, of which this folder has its own (include/). What is
//           compiled against these two, and with the checks of hooks.cpp, is what is checked.
// Finds     A failed expect(), a data race, a use after free, a double free, a deadlock (a lost
//           wake-up is one), threads that go round in circles, and whatever covey asserts.
// Bounds    See `options`, and docs/design/verification.md for what the model leaves out.

#include <cstddef>
#include <cstdint>
#include <string>

namespace model {

struct options {
    // How often a thread that could go on is interrupted by another one; 0 random: all schedules
    // with at most so many.
    unsigned preemptions = 2;
    // That many schedules by lot instead of all of them.
    std::uint64_t random = 0;
    std::uint64_t seed = 1;
    // More is no small program: the report isn't complete.
    std::uint64_t most_schedules = 2'000'000;
    // Of one thread, until another one has its turn for nothing.
    unsigned most_steps_alone = 100;
    // Of one execution: more is a loop that doesn't end.
    unsigned most_steps = 20'000;
    // When the time of a timed wait is up. Never: so that an alarm doesn't make good a lost
    // wake-up.
    enum class timeouts : std::uint8_t { never, when_nothing_else_can_happen, at_any_time };
    timeouts time_is_up = timeouts::never;
    // Blocks that the program leaves behind are a failure.
    bool leaks_fail = false;
    // The one schedule to repeat, as a report names it.
    std::string replay = {};
};

struct report {
    bool failed = false;
    bool complete = false;  // every schedule within the bounds was tried
    std::uint64_t schedules = 0;
    std::uint64_t steps = 0;  // of all of them
    double seconds = 0;
    std::string what;    // went wrong
    std::string trace;   // of that execution: each step of each thread
    std::string replay;  // for options::replay

    // One line, or what went wrong with its trace.
    [[nodiscard]] std::string text() const;
};

// Runs `program` under one schedule after the other. It runs as thread 0, makes what it needs,
// starts threads and joins them. What `prepare` makes is there in each execution as it was left.
[[nodiscard]] report explore(const options& wanted, void (*program)(void*), void* with,
                             void (*prepare)() = nullptr);
template <class Program>
[[nodiscard]] report explore(const options& wanted, Program program, void (*prepare)() = nullptr) {
    return explore(wanted, [](void* it) { (*static_cast<Program*>(it))(); }, &program, prepare);
}

// Inside of a program:

// What has to hold. Ends the execution if it doesn't.
void expect(bool condition, const char* sentence);
// One of 0 .. count - 1: each is tried.
[[nodiscard]] unsigned choose(unsigned count);
// What it is called in a trace.
void name(const void* start, std::size_t bytes, const char* called);
template <class T>
void name(const T& object, const char* called) {
    name(&object, sizeof object, called);
}
// The calling thread, from 0.
[[nodiscard]] unsigned this_thread() noexcept;
// For what isn't the program's own memory, in prepare(): see plain_memory.
void roll_back_range(void* start, std::size_t bytes);

// Runs all of them, each on a thread of its own, and returns when they have ended.
template <class... Bodies>
void together(Bodies... bodies);

}  // namespace model

#include "together.hpp"
