// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/clock.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace covey {

namespace detail {
class watchdog_thread;
}  // namespace detail

// What a watchdog has seen.
struct watchdog_report {
    enum class kind : std::uint8_t { long_turn, stall };
    kind what = kind::long_turn;
    duration lasts = duration::zero();  // so far
    std::string task = {};              // of a long turn: its name
    std::string place = {};             // of a long turn: the last "main.cpp:12" where it waited
    std::string text = {};              // all of it, for people
};

struct watchdog_options {
    // A task that has a worker for longer than this without awaiting anything is reported, once for
    // each such turn. Meanwhile others wait, and it can't be cancelled. never: not watched.
    duration longest_turn = std::chrono::milliseconds(100);
    // A run in which no task has run for this long, and neither a deadline nor a call of
    // to_thread() will change that, is reported, once, with what each task waits for. It may still
    // go on: by a signal, a callback, or a thread that sends. So it takes a length that the program
    // is never idle for. never: not watched.
    duration longest_stall = never;
    // Called on the watchdog's thread, which then watches nothing. Null: "covey: " and the text go
    // to stderr. It must not throw.
    void (*report)(const watchdog_report& seen) = nullptr;
};

// Watches the runs that begin while it lives, on a thread of its own. All times are real ones, also
// of runs with a virtual clock; runs of testing::explore() aren't watched. One at a time: a second
// one throws std::logic_error. Throws std::invalid_argument for a length that isn't positive, and
// std::system_error when there is no thread to be had. It may end before the runs do, but not in
// its own report.
//
// Cost: it wakes four times within the shorter length. The runs notice nothing until it reports:
// then it walks over all tasks of the run, whose tree is locked meanwhile.
//
//   int main() {
//       const covey::watchdog watching;
//       covey::run(serve);
//   }
class watchdog {
 public:
    explicit watchdog(watchdog_options options);
    watchdog() : watchdog(watchdog_options{}) {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog();

 private:
    std::unique_ptr<detail::watchdog_thread> thread_;
};

}  // namespace covey
