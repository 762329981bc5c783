// SPDX-License-Identifier: BSL-1.0
#include "bank_transactions.hpp"
#include "benchmarks.hpp"
#include "bounded_buffer.hpp"
#include "cigarette_smokers.hpp"
#include "concurrent_dictionary.hpp"
#include "concurrent_sorted_list.hpp"
#include "dining_philosophers.hpp"
#include "logistic_map.hpp"
#include "sleeping_barber.hpp"

#include <array>

namespace savina {

namespace {

template <class Sizes>
Sizes choose(scale which, Sizes small) {
    return which == scale::full ? Sizes{} : small;
}

// The values at full size are the suite's, but for the whole numbers of money: they are the floors
// of the suite's 9384.08175 in millionths, transfer by transfer. Small values that depend on random
// numbers or on rounding come from a program of its own, in another language.
const std::array all{
    benchmark{.name = "concdict",
              .run =
                  [](scale which) {
                      return concdict::concurrent_dictionary(choose<concdict::sizes>(
                          which, {.workers = 5, .requests = 200, .keys = 1'000}));
                  },
              .expected = {{"writes", 19'848},
                           {"reads", 180'152},
                           {"misses", 0},
                           {"written keys", 19'469},
                           {"size", 524'287}},
              .expected_small = {{"writes", 106},
                                 {"reads", 894},
                                 {"misses", 0},
                                 {"written keys", 102},
                                 {"size", 1'000}}},
    benchmark{.name = "concsll",
              .run =
                  [](scale which) {
                      return concsll::concurrent_sorted_list(
                          choose<concsll::sizes>(which, {.workers = 5, .requests = 200}));
                  },
              .expected = {{"inserts", 16'126},
                           {"lookups", 143'864},
                           {"length queries", 10},
                           {"final length", 16'126}},
              .expected_small = {{"inserts", 102},
                                 {"lookups", 895},
                                 {"length queries", 3},
                                 {"final length", 102}}},
    benchmark{.name = "bndbuffer",
              .run =
                  [](scale which) {
                      return bndbuffer::bounded_buffer(
                          choose<bndbuffer::sizes>(which, {.buffer = 6,
                                                           .producers = 4,
                                                           .consumers = 3,
                                                           .items = 40,
                                                           .producing = 1,
                                                           .consuming = 1}));
                  },
              .expected = {{"items consumed", 40'000}, {"producers done", 40}},
              .expected_small = {{"items consumed", 160}, {"producers done", 4}}},
    benchmark{.name = "philosopher",
              .run =
                  [](scale which) {
                      return philosopher::dining_philosophers(
                          choose<philosopher::sizes>(which, {.philosophers = 5, .meals = 40}));
                  },
              .expected = {{"meals", 200'000}},
              .expected_small = {{"meals", 200}}},
    benchmark{.name = "barber",
              .run =
                  [](scale which) {
                      return barber::sleeping_barber(choose<barber::sizes>(
                          which,
                          {.customers = 60, .waiting_room = 3, .production = 5, .haircut = 50}));
                  },
              .expected = {{"haircuts", 5'000}},
              .expected_small = {{"haircuts", 60}}},
    benchmark{.name = "cigsmok",
              .run =
                  [](scale which) {
                      return cigsmok::cigarette_smokers(
                          choose<cigsmok::sizes>(which, {.rounds = 50, .smokers = 20}));
                  },
              .expected = {{"rounds", 1'000}, {"distinct smokers", 100}},
              .expected_small = {{"rounds", 50}, {"distinct smokers", 10}}},
    benchmark{.name = "logmap",
              .run =
                  [](scale which) {
                      return logmap::logistic_map(
                          choose<logmap::sizes>(which, {.series = 4, .terms = 100}));
                  },
              .expected = {{"sum", 6.38783514460412},
                           {"series 0", 0},
                           {"series 1", 0.4102882859812073},
                           {"last series", 0.8309995161906767}},
              .expected_small = {{"sum", 1.28893373024145},
                                 {"series 0", 0},
                                 {"series 1", 0.4102818105896322},
                                 {"last series", 0.4051832595157495}}},
    benchmark{.name = "banking",
              .run =
                  [](scale which) {
                      return banking::bank_transactions(
                          choose<banking::sizes>(which, {.accounts = 50, .transfers = 500}));
                  },
              .expected = {{"replies", 50'000},
                           {"money", 1e15},
                           {"moved", 9'384'057'007},
                           {"sources", 800}},
              .expected_small =
                  {{"replies", 500}, {"money", 5e13}, {"moved", 56'187'536}, {"sources", 40}}},
};

}  // namespace

std::span<const benchmark> concurrency_benchmarks() { return all; }

const benchmark* find(std::string_view name) {
    for (const auto group : {micro_benchmarks(), concurrency_benchmarks()})
        for (const benchmark& each : group)
            if (each.name == name) return &each;
    return nullptr;
}

}  // namespace savina
