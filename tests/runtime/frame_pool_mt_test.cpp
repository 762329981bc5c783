// SPDX-License-Identifier: BSL-1.0
// Blocks that are freed where they weren't allocated, by workers that come, park and go.
#include "frame_pool.hpp"
#include "support/catch.hpp"
#include "support/pooled.hpp"
#include "support/run_virtual.hpp"
#include "support/usage.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/to_thread.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using covey::detail::frame_pool;
using covey::detail::slab_space;

namespace {

constexpr std::size_t factor = support::is_sanitized ? 1 : 8;

struct block {
    unsigned char* at;
    std::size_t size;
    unsigned char value;

    static block make(std::mt19937& random) {
        // Few classes, so that slabs fill; now and then any size.
        const std::size_t size = random() % 16 == 0 ? 1 + random() % 5000 : 80 * (1 + random() % 4);
        const block made{static_cast<unsigned char*>(frame_pool::allocate(size)), size,
                         static_cast<unsigned char>(random())};
        std::memset(made.at, made.value, size);
        return made;
    }
    // Whether nobody else has written to it.
    [[nodiscard]] bool end() const {
        const bool intact = std::all_of(at, at + size, [this](auto c) { return c == value; });
        frame_pool::free(at, size);
        return intact;
    }
};

// Where blocks change hands.
class exchange {
 public:
    // Leaves these, and takes others in their place.
    void swap(std::vector<block>& blocks) {
        const std::lock_guard held(lock_);
        blocks_.swap(blocks);
    }

 private:
    std::mutex lock_;
    std::vector<block> blocks_;
};

}  // namespace

TEST_CASE("blocks that change hands are whole, and memory goes back: workers and others (_mt)") {
    const support::pool_switched on(true);
    const std::size_t taken_before = slab_space::count().taken;
    constexpr unsigned threads = 4;
    exchange hands[3];
    std::atomic<int> broken{0};
    const auto work = [&](unsigned seed, bool is_worker) {
        std::mt19937 random(seed);
        std::vector<block> living;
        const auto live = [&](std::size_t steps) {
            for (std::size_t i = 0; i < steps; ++i) {
                if (living.size() < 400 && random() % 2 == 0) {
                    living.push_back(block::make(random));
                } else if (!living.empty()) {
                    std::swap(living[random() % living.size()], living.back());
                    if (!living.back().end()) ++broken;
                    living.pop_back();
                }
                if (random() % 64 == 0) hands[random() % std::size(hands)].swap(living);
                if (is_worker && random() % 256 == 0) frame_pool::flush();  // it parks
            }
        };
        for (std::size_t lives = 0; lives < 4 * factor; ++lives) {
            if (is_worker) {
                const frame_pool::worker_life alive;
                live(3000);
            } else {
                live(1000);
            }
        }
        for (const block& each : living)
            if (!each.end()) ++broken;
    };
    {
        std::vector<std::thread> all;
        for (unsigned i = 0; i < threads; ++i) all.emplace_back(work, i + 1, i + 1 < threads);
        for (std::thread& each : all) each.join();
    }
    for (exchange& each : hands) {
        std::vector<block> left;
        each.swap(left);
        for (const block& one : left)
            if (!one.end()) ++broken;
    }
    CHECK(broken == 0);
    // What stays are the current slabs of at most so many pools: each thread holds its own, and
    // another's while it returns blocks.
    CHECK(slab_space::count().taken <= taken_before + 2 * threads * frame_pool::classes);
}

TEST_CASE("returned blocks meet an owner that parks: none is left on its stack (_mt)") {
    const support::pool_switched on(true);
    const std::size_t taken_before = slab_space::count().taken;
    constexpr std::size_t blocks = 300;  // of 1024 bytes: 5 slabs
    std::vector<void*> made(blocks);
    std::atomic<int> turn{0};  // odd: the other frees
    constexpr int rounds = 500 * static_cast<int>(factor);
    std::thread other([&] {
        const frame_pool::worker_life alive;
        for (int round = 0; round < rounds; ++round) {
            while (turn.load() != 2 * round + 1) std::this_thread::yield();
            for (void* each : made) frame_pool::free(each, 1024);
            frame_pool::flush();
            turn.store(2 * round + 2);
        }
    });
    std::size_t most_left = 0;
    {
        const frame_pool::worker_life alive;
        for (int round = 0; round < rounds; ++round) {
            for (void*& each : made) each = frame_pool::allocate(1024);
            turn.store(2 * round + 1);
            for (int spin = round % 512; spin != 0; --spin) static_cast<void>(turn.load());
            frame_pool::flush();
            while (turn.load() != 2 * round + 2) std::this_thread::yield();
            most_left = std::max(most_left, slab_space::count().taken);
        }
    }
    other.join();
    // Nobody held the pool: all has gone back but the current slab.
    CHECK(most_left <= taken_before + 2);
}

TEST_CASE("children started by foreign threads and run by several workers use the pool (_mt)") {
    const support::pool_switched on(true);
    constexpr int count = 2000 * static_cast<int>(factor);
    std::atomic<int> ran{0};
    support::run_checked({.workers = 3}, [&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            const auto start_many = [&ran, handle = nursery.handle()] {
                for (int i = 0; i < count; ++i)
                    handle.start_soon([&ran]() -> covey::task<> {
                        co_await covey::checkpoint();
                        ++ran;
                    });
            };
            for (int i = 0; i < 2; ++i)
                nursery.start_soon(
                    [start_many]() -> covey::task<> { co_await covey::to_thread(start_many); });
            start_many();
            co_return;
        });
    });
    CHECK(ran == 3 * count);
    CHECK(slab_space::count().taken <= 8 * frame_pool::classes);
}
