// SPDX-License-Identifier: BSL-1.0
// The queue with a ring of four places (CMakeLists.txt changes the number): small enough for its
// positions to come round in every schedule.

#include "run_queue_tasks.hpp"

namespace {

using covey::detail::ready_chain;
using covey::detail::run_queue;
using model::expect;
using model::together;
using namespace checked;

static_assert(run_queue::capacity == 4);

// A slot is written again while a thief still looks at it.
TEST_CASE("run_queue: a full ring, whose places are used again") {
    explore_all(
        [] {
            shared_queue queue;
            shared_queue own;
            made_tasks<8> tasks;
            for (std::size_t i = 0; i != 5; ++i) tasks.push(queue, i);
            together(
                [&] {
                    take(queue.pop());
                    for (std::size_t i = 5; i != tasks.size(); ++i) {
                        take(queue.pop());
                        tasks.push(queue, i);
                    }
                },
                [&] { steal_ring(queue, own); });
            drain(queue);
            tasks.expect_all_taken();
        },
        2);
}

TEST_CASE("run_queue: a full ring whose older half is spilled while it is robbed") {
    explore_all(
        [] {
            shared_queue queue;
            shared_queue own;
            made_tasks<6> tasks;
            for (std::size_t i = 0; i != 5; ++i) tasks.push(queue, i);
            together(
                [&] {
                    tasks[5].written = 1;
                    if (queue.push(tasks[5])) return;
                    ready_chain spilled;
                    queue.spill_half(spilled);
                    tasks.push(queue, 5);
                    while (covey::detail::task_record* found = spilled.take()) take(found);
                },
                [&] { steal_ring(queue, own); });
            drain(queue);
            tasks.expect_all_taken();
        },
        2);
}

}  // namespace
