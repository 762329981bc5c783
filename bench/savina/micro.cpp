// SPDX-License-Identifier: BSL-1.0
#include "benchmarks.hpp"
#include "big.hpp"
#include "chameneos.hpp"
#include "counting.hpp"
#include "fibonacci.hpp"
#include "fork_join_creation.hpp"
#include "fork_join_throughput.hpp"
#include "ping_pong.hpp"
#include "thread_ring.hpp"

#include <array>

namespace savina {

namespace {

template <class Sizes>
Sizes choose(scale which, Sizes small) {
    return which == scale::full ? Sizes{} : small;
}

// The values at full size are the suite's. The small ones follow from the sizes: rounds, messages,
// actors * messages, 2 * meetings, actors * pings; F(12) = 144 with 2 * 144 - 1 calls.
const std::array all{
    benchmark{.name = "pingpong",
              .run =
                  [](scale which) {
                      return pingpong::ping_pong(choose<pingpong::sizes>(which, {.rounds = 300}));
                  },
              .expected = {{"pongs", 40'000}},
              .expected_small = {{"pongs", 300}}},
    benchmark{.name = "count",
              .run =
                  [](scale which) {
                      return count::counting(choose<count::sizes>(which, {.messages = 1'000}));
                  },
              .expected = {{"counted", 1'000'000}},
              .expected_small = {{"counted", 1'000}}},
    benchmark{.name = "fjthrput",
              .run =
                  [](scale which) {
                      return fjthrput::fork_join_throughput(
                          choose<fjthrput::sizes>(which, {.messages = 100, .actors = 7}));
                  },
              .expected = {{"jobs", 600'000}},
              .expected_small = {{"jobs", 700}}},
    benchmark{.name = "fjcreate",
              .run =
                  [](scale which) {
                      return fjcreate::fork_join_creation(
                          choose<fjcreate::sizes>(which, {.actors = 200}));
                  },
              .expected = {{"completions", 40'000}},
              .expected_small = {{"completions", 200}}},
    benchmark{.name = "threadring",
              .run =
                  [](scale which) {
                      return threadring::thread_ring(
                          choose<threadring::sizes>(which, {.actors = 7, .hops = 500}));
                  },
              .expected = {{"hops", 100'000}},
              .expected_small = {{"hops", 500}}},
    benchmark{.name = "chameneos",
              .run =
                  [](scale which) {
                      return chameneos::chameneos(
                          choose<chameneos::sizes>(which, {.creatures = 7, .meetings = 200}));
                  },
              .expected = {{"sum of meetings", 400'000}},
              .expected_small = {{"sum of meetings", 400}}},
    benchmark{.name = "big",
              .run =
                  [](scale which) {
                      return big::big(choose<big::sizes>(which, {.actors = 8, .pings = 60}));
                  },
              .expected = {{"pings", 2'400'000}, {"pongs", 2'400'000}},
              .expected_small = {{"pings", 480}, {"pongs", 480}}},
    benchmark{
        .name = "fib",
        .run = [](scale which) { return fib::fibonacci(choose<fib::sizes>(which, {.n = 12})); },
        .expected = {{"result", 75'025}, {"actors", 150'049}},
        .expected_small = {{"result", 144}, {"actors", 287}}},
};

}  // namespace

std::span<const benchmark> micro_benchmarks() { return all; }

}  // namespace savina
