// SPDX-License-Identifier: BSL-1.0
#include "slab_space.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <sys/mman.h>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

// One bit for each slab of a chunk.
struct chunk_bits {
    std::uint32_t free = 0;
    std::uint32_t with_memory = 0;  // it may have pages of its own
};
constexpr std::uint32_t all_of_chunk = ~std::uint32_t(0);

constinit lowlevel::spin_lock lock;
// Guarded by the lock:
constinit chunk_bits bits[slab_space::chunks];
constinit std::size_t opened = 0;      // chunks, from the bottom
constinit std::size_t first_free = 0;  // no chunk below has a free slab
constinit std::size_t taken = 0;
constinit bool refused = false;  // no range of addresses: there are no slabs
// Changed under the lock.
constinit lowlevel::atomic<std::size_t> free_with_memory{0};

void change_free_with_memory(std::ptrdiff_t by) noexcept {
    const std::size_t now = free_with_memory.load(order::relaxed);
    free_with_memory.store(now + static_cast<std::size_t>(by), order::relaxed);
}

// A program that takes more slabs is large: a slab will be used to its end.
constexpr std::size_t small_program = 2 * slab_space::slabs_in_chunk;

// All pages of a slab in one call instead of a fault for each, where the system can (Linux 5.14).
void populate(void* slab) noexcept {
    constexpr int populate_write = 23;  // MADV_POPULATE_WRITE; C libraries learnt the name later
    static_cast<void>(::madvise(slab, slab_space::slab_bytes, populate_write));
}

}  // namespace

slab* slab_space::take(frame_pool& owner) noexcept {
    std::size_t at = 0;
    bool has_memory = false;
    {
        const locked held(lock);
        while (first_free != opened && bits[first_free].free == 0) ++first_free;
        if (first_free == opened && !open_chunk()) return nullptr;
        chunk_bits& chunk = bits[first_free];
        const std::uint32_t warm = chunk.free & chunk.with_memory;
        has_memory = warm != 0;
        const int which = std::countr_zero(has_memory ? warm : chunk.free);
        if (has_memory) change_free_with_memory(-1);
        chunk.free &= ~(std::uint32_t(1) << which);
        chunk.with_memory |= std::uint32_t(1) << which;
        ++taken;
        at = first_free * slabs_in_chunk + static_cast<std::size_t>(which);
    }
    void* const memory = reinterpret_cast<void*>(base() + at * slab_bytes);
    if (!has_memory && at >= small_program) populate(memory);
    const home found = find(memory);
    *found.owner = &owner;
    return ::new (static_cast<void*>(found.note)) slab();
}

void slab_space::give_back(slab& free) noexcept {
    const std::size_t at = index(memory_of(free));
    const std::size_t chunk = at / slabs_in_chunk;
    const locked held(lock);
    bits[chunk].free |= std::uint32_t(1) << at % slabs_in_chunk;
    first_free = std::min(first_free, chunk);
    change_free_with_memory(+1);
    --taken;
}

// The slabs whose memory goes count as taken by this function meanwhile.
void slab_space::trim() noexcept {
    if (free_with_memory.load(order::relaxed) <= slabs_kept(0)) return;
    std::size_t chunk = 0;
    {
        const locked held(lock);
        chunk = opened;
    }
    while (chunk-- != 0) {
        std::uint32_t which = 0;
        {
            const locked held(lock);
            if (free_with_memory.load(order::relaxed) <= slabs_kept(taken)) return;
            which = bits[chunk].free & bits[chunk].with_memory;
            bits[chunk].free &= ~which;
            bits[chunk].with_memory &= ~which;
            change_free_with_memory(-std::popcount(which));
        }
        if (which == 0) continue;
        give_memory_back(chunk, which);
        const locked held(lock);
        bits[chunk].free |= which;
        first_free = std::min(first_free, chunk);
    }
}

slab_space::numbers slab_space::count() noexcept {
    const locked held(lock);
    return {taken, free_with_memory.load(order::relaxed)};
}

// Neighbours in one call: a chunk of which nothing is used goes back as the one page that it is.
void slab_space::give_memory_back(std::size_t chunk, std::uint32_t which) noexcept {
    while (which != 0) {
        const auto first = static_cast<unsigned>(std::countr_zero(which));
        const auto length = static_cast<unsigned>(std::countr_one(which >> first));
        const std::uint32_t run =
            length == slabs_in_chunk ? all_of_chunk : ((std::uint32_t(1) << length) - 1) << first;
        void* const memory =
            reinterpret_cast<void*>(base() + chunk * chunk_bytes + first * slab_bytes);
        // Refused: the memory stays, that is all.
        static_cast<void>(::madvise(memory, length * slab_bytes, MADV_DONTNEED));
        which &= ~run;
    }
}

bool slab_space::reserve() noexcept {
    if (refused) return false;
    refused = true;
    constexpr std::size_t records = notes_bytes + owners_bytes;
    constexpr std::size_t length = records + total_bytes + chunk_bytes;
    void* const mapped =
        ::mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return false;
    const std::uintptr_t aligned =
        (address(mapped) + records + chunk_bytes - 1) / chunk_bytes * chunk_bytes;
    void* const first_record = reinterpret_cast<void*>(aligned - records);
    if (::mprotect(first_record, records, PROT_READ | PROT_WRITE) != 0) {
        ::munmap(mapped, length);
        return false;
    }
    base_.store(aligned, order::relaxed);
    refused = false;
    return true;
}

bool slab_space::open_chunk() noexcept {
    if (opened == chunks || (base() == nowhere && !reserve())) return false;
    void* const memory = reinterpret_cast<void*>(base() + opened * chunk_bytes);
    if (::mprotect(memory, chunk_bytes, PROT_READ | PROT_WRITE) != 0) return false;
    bits[opened].free = all_of_chunk;
    ++opened;
    return true;
}

}  // namespace covey::detail
