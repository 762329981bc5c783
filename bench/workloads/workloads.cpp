// SPDX-License-Identifier: BSL-1.0
#include "workloads.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace workloads {

namespace {

constexpr std::array table{
    workload{"w1", "round trips of two tasks over two rendezvous channels", round_trips},
    workload{"w2", "1 producer, 1 consumer, capacity 1024", one_to_one},
    workload{"w2_64", "1 producer, 1 consumer, capacity 64", one_to_one_64},
    workload{"w3", "4 producers, 4 consumers, clones of one channel of 1024", many_to_many},
    workload{"w4", "source, 4 workers that hash, sink; channels of 64", shared_work},
    workload{"w4_batches", "the same in batches of 256", shared_batches},
    workload{"w5", "1,000,000 trivial children of one nursery", many_children},
    workload{"w5b", "1,000,000 trivial children, each awaited before the next", one_by_one},
    workload{"w6", "a 10-ary tree of 1,111,111 tasks, summed up", skynet},
    workload{"w7", "a token in a ring of 503 tasks", ring_of_tasks},
    workload{"w8", "cancel 100,000 blocked tasks and wait for them", cancel_blocked},
    workload{"w9a", "1,000,000 time limits that never expire", time_limits},
    workload{"w9b", "100,000 sleeps of 0 to 500 ms", sleepers},
    workload{"w10", "20 senders, one actor", crowded_mailbox},
    workload{"w11", "a tree of 524,287 actors, all alive at once", tree_of_actors},
    workload{"w12", "questions of one actor to another", questions},
    workload{"w13_100k", "memory of 100,000 tasks that wait for a channel each", blocked_100k},
    workload{"w13_1m", "memory of 1,000,000 tasks that wait for a channel each", blocked_1m},
    workload{"w14", "1,000 tasks idle for 3 s; then an ordinary thread sends", idle_and_woken},
    workload{"words", "wordcrunch over /usr/include; one worker has one processor", words},
};

constexpr std::array scaled_table{
    scaled_workload{"scale_tasks", "n tasks at once, each scheduled twice", scale_tasks},
    scaled_workload{"scale_channels", "a value through each of n channels", scale_channels},
    scaled_workload{"scale_timers", "a time limit while n tasks sleep", scale_timers},
};

template <class T, std::size_t N>
const T* find_in(const std::array<T, N>& where, std::string_view name) {
    const auto found = std::ranges::find(where, name, &T::name);
    return found == where.end() ? nullptr : &*found;
}

}  // namespace

std::span<const workload> all() { return table; }
std::span<const scaled_workload> all_scaled() { return scaled_table; }

const workload* find(std::string_view name) { return find_in(table, name); }
const scaled_workload* find_scaled(std::string_view name) { return find_in(scaled_table, name); }

void throw_wrong_result(std::string_view what, std::uint64_t found, std::uint64_t expected) {
    throw wrong_result(std::string(what) + ": " + std::to_string(found) + " instead of " +
                       std::to_string(expected));
}

}  // namespace workloads
