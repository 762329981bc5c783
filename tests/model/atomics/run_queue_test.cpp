// SPDX-License-Identifier: BSL-1.0
// runtime/src/run_queue.hpp under every schedule of an owner and its thieves: each task comes out
// once, and what its maker has written into it is seen by who takes it out.

#include "run_queue_tasks.hpp"

namespace {

using covey::detail::run_queue;
using model::together;
using namespace checked;

TEST_CASE("run_queue: an owner that pushes and pops, and a thief of its ring") {
    explore_all([] {
        shared_queue queue;
        shared_queue own;
        made_tasks<4> tasks;
        tasks.push(queue, 0);
        tasks.push(queue, 1);
        together(
            [&] {
                tasks.push(queue, 2);
                take(queue.pop());
                tasks.push(queue, 3);
                take(queue.pop());
                take(queue.pop());
            },
            [&] { steal_ring(queue, own); });
        drain(queue);
        tasks.expect_all_taken();
    });
}

TEST_CASE("run_queue: two thieves of a ring whose owner pops") {
    explore_all(
        [] {
            shared_queue queue;
            shared_queue first;
            shared_queue second;
            made_tasks<3> tasks;
            for (std::size_t i = 0; i != tasks.size(); ++i) tasks.push(queue, i);
            together(
                [&] {
                    take(queue.pop());
                    take(queue.pop());
                },
                [&] { steal_ring(queue, first); }, [&] { steal_ring(queue, second); });
            drain(queue);
            tasks.expect_all_taken();
        },
        2);
}

TEST_CASE("run_queue: a thief of the one in front, whose owner takes it and pushes again") {
    explore_all([] {
        shared_queue queue;
        made_tasks<3> tasks;
        tasks.push(queue, 0);
        together(
            [&] {
                take(queue.pop());
                tasks.push(queue, 1);
                tasks.push(queue, 2);
                take(queue.pop());
            },
            [&] { take(queue.steal_front()); });
        drain(queue);
        tasks.expect_all_taken();
    });
}

TEST_CASE("run_queue: two thieves of the one in front") {
    explore_all(
        [] {
            shared_queue queue;
            made_tasks<2> tasks;
            tasks.push(queue, 0);
            tasks.push(queue, 1);
            together([&] { take(queue.pop()); }, [&] { take(queue.steal_front()); },
                     [&] { take(queue.steal_front()); });
            drain(queue);
            tasks.expect_all_taken();
        },
        2);
}

TEST_CASE("run_queue: an owner that hands over, while the front and the ring are robbed") {
    explore_all(
        [] {
            shared_queue queue;
            shared_queue own;
            made_tasks<4> tasks;
            tasks.push(queue, 0);
            tasks.push(queue, 1);
            tasks.push(queue, 2);
            together(
                [&] {
                    take(queue.pop());
                    tasks[3].written = 1;
                    if (!queue.push_first(tasks[3])) tasks.push(queue, 3);
                    take(queue.pop());
                },
                [&] {
                    take(queue.steal_front());
                    steal_ring(queue, own);
                });
            drain(queue);
            tasks.expect_all_taken();
        },
        2);
}

}  // namespace
