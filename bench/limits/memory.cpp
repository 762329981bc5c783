// SPDX-License-Identifier: BSL-1.0
#include "rings.hpp"

#include <cstdlib>

namespace limits {

namespace {

constexpr std::size_t size = 128;

void* allocate() {
    void* result = std::malloc(size);
    keep(result);
    return result;
}

void freed_elsewhere() {
    static spsc_ring ring;
    static thread_local void* block = nullptr;
    // The ring carries addresses; pass() counts the values that it gave.
    pass(
        "malloc_here_free_there", 3'000'000,
        [](u64) {
            if (!block) block = allocate();
            if (!ring.push(reinterpret_cast<u64>(block))) return false;
            block = nullptr;
            return true;
        },
        [number = u64{0}](u64& value) mutable {
            u64 address = 0;
            if (!ring.pop(address)) return false;
            std::free(reinterpret_cast<void*>(address));
            value = ++number;
            return true;
        });
}

}  // namespace

void allocation() {
    {
        pin(0);
        measure("malloc_and_free", 50'000'000, [] { std::free(allocate()); });
        constexpr u64 rounds = 20'000;
        std::vector<void*> blocks(1'000);
        const u64 start = now();
        for (u64 i = 0; i < rounds; ++i) {
            for (void*& each : blocks) each = allocate();
            for (void* each : blocks) std::free(each);
        }
        per_operation(start, rounds * blocks.size(), "malloc_and_free_batches_of_1000");
    }
    std::vector<void*> blocks(1'000'000);
    u64 start = now();
    for (void*& each : blocks) each = allocate();
    per_operation(start, blocks.size(), "malloc_fresh");
    start = now();
    for (void* each : blocks) std::free(each);
    per_operation(start, blocks.size(), "free_all");
    freed_elsewhere();
}

}  // namespace limits
