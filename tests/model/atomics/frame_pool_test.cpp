// SPDX-License-Identifier: BSL-1.0
// runtime/src/frame_pool.cpp: blocks that are freed by others than those who allocated them come
// back, whoever sleeps or looks away, and are not used again before their last user is gone.

#include "frame_pool.hpp"

#include "explored.hpp"

#include <covey/lowlevel/atomic.hpp>
#include <covey/testing.hpp>

#include <cstddef>

namespace {

using checked::explore_all;
using covey::detail::frame_pool;
using covey::detail::slab_space;
using covey::lowlevel::atomic;
using covey::lowlevel::order;
using model::expect;
using model::together;

constexpr std::size_t size = 64;

void* allocate() {
    void* const block = frame_pool::allocate(size);
    *static_cast<volatile long*>(block) = 1;
    return block;
}
void free(void* block) {
    *static_cast<volatile long*>(block) = 2;
    frame_pool::free(block, size);
}

// Blocks on their way from one thread to another.
struct hand {
    atomic<void*> block{nullptr};
    void give(void* given) { block.store(given, order::release); }
    void* take() { return block.exchange(nullptr, order::acquire); }
};

covey::detail::slab* slab_of_all = nullptr;

// The memory is there, with its pool: one slab for blocks of this size, which nobody holds.
void prepare() {
    covey::testing::set_frame_pool(true);
    void* const block = frame_pool::allocate(size);
    const slab_space::home home = slab_space::find(block);
    slab_of_all = home.note;
    frame_pool::free(block, size);
    frame_pool::flush();
    model::roll_back_range(home.note, 8 * sizeof(covey::detail::slab));
    model::roll_back_range(home.owner, 8 * sizeof(frame_pool*));
    model::roll_back_range(slab_space::memory_of(*home.note), 8 * slab_space::slab_bytes);
}

// A current slab counts its living blocks and one.
void expect_all_returned() {
    expect(slab_of_all->frees_to_look == 1, "every block has come back to its slab");
}

TEST_CASE("frame_pool: a block that another worker frees comes back to one that goes on") {
    explore_all(
        {.preemptions = 2},
        [] {
            hand over;
            together(
                [&] {
                    const frame_pool::worker_life worker;
                    over.give(allocate());
                    free(allocate());
                    frame_pool::flush();
                    free(allocate());
                },
                [&] {
                    const frame_pool::worker_life worker;
                    if (void* const block = over.take()) free(block);
                });
            if (void* const block = over.take()) free(block);
            expect_all_returned();
        },
        prepare);
}

TEST_CASE("frame_pool: blocks that threads free come back to a worker that sleeps") {
    explore_all(
        {.preemptions = 2},
        [] {
            hand first;
            hand second;
            together(
                [&] {
                    const frame_pool::worker_life worker;
                    first.give(allocate());
                    second.give(allocate());
                },
                [&] {
                    if (void* const block = first.take()) free(block);
                },
                [&] {
                    if (void* const block = second.take()) free(block);
                });
            if (void* const block = first.take()) free(block);
            if (void* const block = second.take()) free(block);
            expect_all_returned();
        },
        prepare);
}

TEST_CASE("frame_pool: two threads that allocate and free hold the pool in turns") {
    explore_all(
        {.preemptions = 2}, [] { together([] { free(allocate()); }, [] { free(allocate()); }); },
        prepare);
}

}  // namespace
