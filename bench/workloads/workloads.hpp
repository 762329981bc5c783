// SPDX-License-Identifier: BSL-1.0
#pragma once

// The workloads that covey and its peers are compared by. Each is written as a user of covey would
// write it, checks what it computed (wrong_result), and gives figures under the names that the
// programs of bench/peers print, so that they can be paired.

#include <covey/task.hpp>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace workloads {

enum class scale { full, small };

struct figure {
    std::string name;  // "ns": nanoseconds per operation
    double value;
};
using figures = std::vector<figure>;

struct workload {
    std::string_view name;
    std::string_view what;
    covey::task<figures> (*run)(scale);
};

std::span<const workload> all();

// What one costs when there are n of them.
struct scaled_workload {
    std::string_view name;
    std::string_view what;
    covey::task<figures> (*run)(std::uint64_t n, scale);
};

std::span<const scaled_workload> all_scaled();

// Null: there is none of that name.
const workload* find(std::string_view name);
const scaled_workload* find_scaled(std::string_view name);

class wrong_result : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

[[noreturn]] void throw_wrong_result(std::string_view what, std::uint64_t found,
                                     std::uint64_t expected);

// Throws wrong_result, which names what was found and what should have been.
inline void expect_equal(std::string_view what, std::uint64_t found, std::uint64_t expected) {
    if (found != expected) throw_wrong_result(what, found, expected);
}

// pipelines.cpp: values that go through channels
covey::task<figures> round_trips(scale size);     // w1
covey::task<figures> one_to_one(scale size);      // w2
covey::task<figures> one_to_one_64(scale size);   // w2_64
covey::task<figures> many_to_many(scale size);    // w3
covey::task<figures> shared_work(scale size);     // w4
covey::task<figures> shared_batches(scale size);  // w4_batches
covey::task<figures> ring_of_tasks(scale size);   // w7
// spawning.cpp: tasks that come and go
covey::task<figures> many_children(scale size);  // w5
covey::task<figures> one_by_one(scale size);     // w5b
covey::task<figures> skynet(scale size);         // w6
// cancelling.cpp
covey::task<figures> cancel_blocked(scale size);  // w8
// timers.cpp
covey::task<figures> time_limits(scale size);  // w9a
covey::task<figures> sleepers(scale size);     // w9b
// actors.cpp
covey::task<figures> crowded_mailbox(scale size);  // w10
covey::task<figures> tree_of_actors(scale size);   // w11
covey::task<figures> questions(scale size);        // w12
// memory.cpp
covey::task<figures> blocked_100k(scale size);  // w13_100k
covey::task<figures> blocked_1m(scale size);    // w13_1m
// idle.cpp
covey::task<figures> idle_and_woken(scale size);  // w14
// words.cpp
covey::task<figures> words(scale size);
// scaling.cpp
covey::task<figures> scale_tasks(std::uint64_t n, scale size);
covey::task<figures> scale_channels(std::uint64_t n, scale size);
covey::task<figures> scale_timers(std::uint64_t n, scale size);

}  // namespace workloads
