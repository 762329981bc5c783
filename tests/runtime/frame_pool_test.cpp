// SPDX-License-Identifier: BSL-1.0
// The pool of frames and task records: what it gives, where blocks go, and what comes back.
#include "frame_pool.hpp"

#include "support/catch.hpp"
#include "support/pooled.hpp"
#include "support/run_virtual.hpp"
#include "support/usage.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/nursery.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

using covey::detail::frame_pool;
using covey::detail::slab_space;
using support::pool_switched;

namespace {

struct block {
    unsigned char* at;
    std::size_t size;
};

block allocate(std::size_t size) {
    return {static_cast<unsigned char*>(frame_pool::allocate(size)), size};
}

void free_all(std::vector<block>& blocks) {
    for (const block& each : blocks) frame_pool::free(each.at, each.size);
    blocks.clear();
}

std::vector<block> many(std::size_t count, std::size_t size) {
    std::vector<block> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(allocate(size));
    return result;
}

std::set<unsigned char*> places_of(const std::vector<block>& blocks) {
    std::set<unsigned char*> result;
    for (const block& each : blocks) result.insert(each.at);
    return result;
}

// What a thread does that holds a pool, as a worker does.
void as_worker(const std::function<void()>& work) {
    covey::lowlevel::thread([&] {
        const frame_pool::worker_life alive;
        work();
    }).join();
}

std::size_t slabs_taken() { return slab_space::count().taken; }

}  // namespace

TEST_CASE("each size has a class that holds it, and wastes little") {
    for (std::size_t size = 1; size <= frame_pool::largest; ++size) {
        const std::size_t bytes = frame_pool::bytes_of(frame_pool::class_of(size));
        const std::size_t step =
            size <= frame_pool::largest_fine ? frame_pool::fine_step : frame_pool::coarse_step;
        if (bytes < size || bytes >= size + step || bytes % 16 != 0) FAIL("size " << size);
    }
    CHECK(frame_pool::class_of(frame_pool::largest) + 1 == frame_pool::classes);
}

TEST_CASE("blocks of all sizes don't overlap, and give everything back") {
    const pool_switched on(true);
    as_worker([] {
        std::mt19937 random(1);
        std::vector<block> living;
        const std::size_t taken_before = slabs_taken();
        for (int round = 0; round < 4; ++round) {
            while (living.size() < 20'000) {
                living.push_back(allocate(1 + random() % 5000));
                const block& made = living.back();
                REQUIRE(slab_space::contains(made.at) == (made.size <= frame_pool::largest));
                REQUIRE(reinterpret_cast<std::uintptr_t>(made.at) % 16 == 0);
                std::memset(made.at, static_cast<int>(made.size % 251), made.size);
            }
            std::ranges::shuffle(living, random);
            const std::size_t stay = round < 3 ? 5000 : 0;
            while (living.size() > stay) {
                const block& gone = living.back();
                const auto value = static_cast<unsigned char>(gone.size % 251);
                const std::size_t intact =
                    static_cast<std::size_t>(std::count(gone.at, gone.at + gone.size, value));
                REQUIRE(intact == gone.size);
                frame_pool::free(gone.at, gone.size);
                living.pop_back();
            }
        }
        CHECK(slabs_taken() <= taken_before + frame_pool::classes);  // the current ones
    });
}

TEST_CASE("a worker is given the block that it has just freed") {
    const pool_switched on(true);
    as_worker([] {
        const block first = allocate(100);
        frame_pool::free(first.at, first.size);
        const block second = allocate(97);  // the same class
        CHECK(second.at == first.at);
        const block other = allocate(113);
        CHECK(other.at != first.at);
        frame_pool::free(second.at, second.size);
        frame_pool::free(other.at, other.size);
    });
}

TEST_CASE("a pool that is switched off gives nothing, and takes back what it gave") {
    const pool_switched on(true);
    as_worker([] {
        const std::size_t taken_before = slabs_taken();
        std::vector<block> pooled = many(10'000, 200);
        const std::size_t taken = slabs_taken();
        CHECK(taken > taken_before + 10);
        {
            const pool_switched off(false);
            const block plain = allocate(200);
            CHECK_FALSE(slab_space::contains(plain.at));
            frame_pool::free(plain.at, plain.size);
            free_all(pooled);
        }
        CHECK(slabs_taken() <= taken_before + 1);
        const block again = allocate(200);
        CHECK(slab_space::contains(again.at));
        frame_pool::free(again.at, again.size);
    });
    CHECK_FALSE(covey::testing::set_frame_pool(false) == false);
    CHECK_FALSE(covey::testing::set_frame_pool(true));
}

TEST_CASE("what others free comes back in batches, and at the latest when they flush") {
    const pool_switched on(true);
    as_worker([] {
        std::vector<block> mine = many(1000, 320);  // some slabs and a part
        const std::set<unsigned char*> places = places_of(mine);
        const std::size_t taken = slabs_taken();
        as_worker([&] {
            free_all(mine);
            CHECK(slabs_taken() == taken);  // this thread holds the pool that they belong to
        });
        std::vector<block> again = many(1000, 320);
        // All but what was left of the last slab when the first blocks were made.
        const auto old = static_cast<std::size_t>(std::ranges::count_if(
            again, [&](const block& each) { return places.contains(each.at); }));
        CHECK(old >= 1000 - slab_space::slab_bytes / 320);
        CHECK(slabs_taken() == taken);
        free_all(again);
    });
}

TEST_CASE("what is freed after its thread has parked or ended, goes back at once") {
    const pool_switched on(true);
    const std::size_t taken_before = slabs_taken();
    std::vector<block> left;
    as_worker([&] { left = many(10'000, 640); });
    CHECK(slabs_taken() > taken_before + 90);
    SECTION("by a worker") {
        as_worker([&] { free_all(left); });
    }
    SECTION("by another thread") { free_all(left); }
    SECTION("by several that never held a pool") {
        const std::vector<block> half(left.begin() + 5000, left.end());
        left.resize(5000);
        covey::lowlevel::thread([&half] {
            for (const block& each : half) frame_pool::free(each.at, each.size);
        }).join();
        free_all(left);
    }
    SECTION("while the worker that had it is parked") {
        as_worker([&] {
            std::vector<block> own = many(10'000, 640);
            frame_pool::flush();  // as before parking
            covey::lowlevel::thread([&] { free_all(own); }).join();
            CHECK(slabs_taken() < taken_before + 110);
        });
        free_all(left);
    }
    CHECK(slabs_taken() <= taken_before + 1);
}

TEST_CASE("threads that aren't workers have no pool of their own: they borrow") {
    const pool_switched on(true);
    std::vector<block> made;
    for (int i = 0; i < 100; ++i)
        covey::lowlevel::thread([&] { made.push_back(allocate(400)); }).join();
    CHECK(places_of(made).size() == 100);
    std::set<std::size_t> slabs;
    for (const block& each : made)
        slabs.insert(reinterpret_cast<std::uintptr_t>(each.at) / slab_space::slab_bytes);
    CHECK(slabs.size() <= 2);
    free_all(made);
}

TEST_CASE("free slabs keep the memory that a moderate burst needs, and no more") {
    const pool_switched on(true);
    as_worker([] {
        frame_pool::flush();
        constexpr std::size_t megabyte = 1 << 20;
        std::vector<block> burst(100'000);  // itself not counted
        const std::size_t before = support::resident_bytes();
        for (block& each : burst) {
            each = allocate(1000);
            *each.at = 1;
        }
        // 96 MB, but for the slabs that kept their memory from before.
        CHECK(support::resident_bytes() > before + 80 * megabyte);
        free_all(burst);
        CHECK(slab_space::count().free_with_memory > 1400);
        frame_pool::flush();
        CHECK(slab_space::count().free_with_memory <= slab_space::slabs_kept(slabs_taken()));
        if (!support::is_sanitized) CHECK(support::resident_bytes() < before + 8 * megabyte);

        // Slabs without memory are as good as new.
        burst = many(100'000, 1000);
        for (const block& each : burst) std::memset(each.at, 1, each.size);
        free_all(burst);
    });
}

namespace {

covey::task<> wait_for(covey::event& go) { co_await go.wait(); }

}  // namespace

TEST_CASE("memory goes back after a burst of blocked tasks, while the run goes on") {
    const pool_switched on(true);
    constexpr int count = support::is_sanitized ? 100'000 : 1'000'000;
    constexpr std::size_t megabyte = 1 << 20;
    support::run_virtual([]() -> covey::task<> {
        co_await covey::testing::wait_all_tasks_blocked();
        const std::size_t before = support::resident_bytes();
        const std::size_t taken_before = slabs_taken();
        covey::event go;
        std::size_t most = 0;
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (int i = 0; i < count; ++i) nursery.start_soon(wait_for, std::ref(go));
            co_await covey::testing::wait_all_tasks_blocked();
            most = support::resident_bytes();
            go.set();
        });
        CHECK(most > before + count * std::size_t(200));
        co_await covey::testing::wait_all_tasks_blocked();  // the worker had nothing to do
        const std::size_t after = support::resident_bytes();
        INFO("before " << before / megabyte << ", most " << most / megabyte << ", after "
                       << after / megabyte << " MiB");
        if (!support::is_sanitized) CHECK(after < before + 24 * megabyte);
        CHECK(slabs_taken() < taken_before + 10);
        CHECK(slab_space::count().free_with_memory <= slab_space::slabs_kept(slabs_taken()));
    });
}

TEST_CASE("a task of a strict alignment isn't pooled, and is aligned") {
    const pool_switched on(true);
    struct alignas(128) strict {
        int value = 3;
    };
    support::run_virtual([]() -> covey::task<> {
        bool aligned = true;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 20; ++i)
                nursery.start_soon([&aligned, what = strict()] {
                    const auto at = reinterpret_cast<std::uintptr_t>(&what);
                    aligned = aligned && at % 128 == 0 && what.value == 3;
                });
        });
        CHECK(aligned);
    });
}

#if !COVEY_UNDER_ASAN && !COVEY_UNDER_TSAN

namespace {

// What fn returns, in a process that may have so much of a resource beyond what it has.
int under_limit(__rlimit_resource resource, std::size_t more, const std::function<int()>& fn) {
    const pid_t child = fork();
    if (child == 0) {
        std::size_t kilobytes = 0;
        if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
            const char* const wanted = resource == RLIMIT_AS ? "VmSize: %zu" : "VmData: %zu";
            char line[256];
            while (std::fgets(line, sizeof(line), file) != nullptr)
                if (std::sscanf(line, wanted, &kilobytes) == 1) break;
            std::fclose(file);
        }
        const rlimit limit{kilobytes * 1024 + more, kilobytes * 1024 + more};
        if (kilobytes == 0 || setrlimit(resource, &limit) != 0) _exit(100);
        _exit(fn());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

}  // namespace

TEST_CASE("bad_alloc where memory ends, and nothing is lost") {
    constexpr std::size_t megabyte = 1 << 20;
    const pool_switched on(true);
    const auto fill_twice = [] {
        const frame_pool::worker_life alive;
        // Apart from the memory that is to end.
        static unsigned char* found[4'000'000];
        std::size_t counts[2] = {};
        for (std::size_t& count : counts) {
            try {
                for (;;) {
                    if (count == std::size(found)) return 1;
                    found[count] = static_cast<unsigned char*>(frame_pool::allocate(500));
                    *found[count] = 1;
                    ++count;
                }
            } catch (const std::bad_alloc&) {
            }
            for (std::size_t i = 0; i < count; ++i) frame_pool::free(found[i], 500);
        }
        const auto [first, second] = std::pair(counts[0], counts[1]);
        if (first < 20 * megabyte / 500) return 2;
        return second < first - first / 20 ? 3 : 0;
    };
    CHECK(under_limit(RLIMIT_DATA, 100 * megabyte, fill_twice) == 0);
}

TEST_CASE("a system that refuses the range of addresses gets a program without pools") {
    constexpr std::size_t megabyte = 1 << 20;
    const pool_switched on(true);
    const auto run = [] {
        bool pooled = true;
        covey::run({.workers = 1}, [&]() -> covey::task<> {
            co_await covey::with_nursery([](covey::nursery& nursery) {
                for (int i = 0; i < 1000; ++i)
                    nursery.start_soon([]() -> covey::task<> { co_await covey::checkpoint(); });
            });
            const block some = allocate(100);
            pooled = slab_space::contains(some.at);
            frame_pool::free(some.at, some.size);
        });
        return pooled ? 1 : 0;
    };
    if (slab_space::is_reserved()) {
        WARN("not looked at: the range is there already; run this test alone, as ctest does");
        return;
    }
    CHECK(under_limit(RLIMIT_AS, 256 * megabyte, run) == 0);
}

#endif
