// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/atomic.hpp>

#include <cstddef>
#include <cstdint>

namespace covey::detail {

class frame_pool;

struct free_block {
    free_block* next;
};

// What a pool notes about one of its slabs, apart from it: so all of a slab is blocks, its memory
// can go while the note stays, and the notes of slabs don't fall on the same cache lines.
struct alignas(64) slab {
    enum class use : std::uint8_t { none, current, usable, full };

    free_block* free = nullptr;
    std::uint32_t frees_to_look = 0;  // so many frees from now on the pool has something to do
    std::uint32_t carved = 0;         // bytes from the front that were ever made into blocks
    std::uint32_t block_bytes = 0;
    std::uint16_t blocks = 0;  // that it has room for
    std::uint8_t size_class = 0;
    use state = use::none;
    slab* previous = nullptr;  // among those of its class with free blocks
    slab* next = nullptr;
};

// The one range of addresses that slabs are cut from, reserved on first use.
//
// What      "Is this block pooled, and in which slab" is a comparison and a shift: blocks need no
//           header, and pools may be switched off while blocks of theirs are in use. A slab is
//           free, or belongs to one pool. Chunks of slabs are opened from the bottom upwards, the
//           lowest free slab is taken first, and memory is given back from the top.
// Threads   The numbers and bits are guarded by `lock_`, under which no page is touched and the
//           system is only asked to open a chunk. A slab and its note belong to whoever took it.
//           Who its pool is may be read by whoever holds a block of it.
// Lifetime  Never unmapped: threads that outlive a run free blocks.
// Rejected  Slabs mapped one by one: a header in each block, or a search, to find whose it is.
//           Asking for pages of 2 MiB: a virtual machine may have none ready, and then whoever
//           takes a slab waits milliseconds for one.
class slab_space {
 public:
    static constexpr std::size_t slab_bytes = std::size_t(64) << 10;
    static constexpr std::size_t slabs_in_chunk = 32;            // 2 MiB: opened in one call
    static constexpr std::size_t chunks = std::size_t(1) << 14;  // 32 GiB: valgrind allows no more
    static constexpr std::size_t slabs = chunks * slabs_in_chunk;
    static constexpr std::size_t chunk_bytes = slabs_in_chunk * slab_bytes;
    static constexpr std::size_t total_bytes = chunks * chunk_bytes;

    // The slab that a block is in, and whose that is.
    struct home {
        slab* note = nullptr;  // null: the block is from elsewhere
        frame_pool** owner = nullptr;
        explicit operator bool() const noexcept { return note != nullptr; }
    };
    [[nodiscard]] static home find(const void* block) noexcept {
        const std::uintptr_t start = base();
        const std::uintptr_t offset = address(block) - start;
        if (offset >= total_bytes) return {};
        const std::size_t at = offset / slab_bytes;
        return {reinterpret_cast<slab*>(start - notes_bytes) + at,
                reinterpret_cast<frame_pool**>(start - notes_bytes - owners_bytes) + at};
    }
    [[nodiscard]] static bool contains(const void* block) noexcept { return bool(find(block)); }
    [[nodiscard]] static std::byte* memory_of(const slab& note) noexcept {
        const auto at =
            static_cast<std::size_t>(&note - reinterpret_cast<const slab*>(base() - notes_bytes));
        return reinterpret_cast<std::byte*>(base() + at * slab_bytes);
    }

    // A slab for a pool; null: the system gives no more memory.
    [[nodiscard]] static slab* take(frame_pool& owner) noexcept;
    // All of its blocks are free.
    static void give_back(slab& free) noexcept;
    // Gives memory of free slabs back to the system, but for what a moderate burst needs again.
    static void trim() noexcept;

    // How many free slabs keep their memory where so many are taken.
    [[nodiscard]] static constexpr std::size_t slabs_kept(std::size_t taken) noexcept {
        constexpr std::size_t at_least = 2 * slabs_in_chunk;
        return taken / 4 < at_least ? at_least : taken / 4;
    }
    [[nodiscard]] static bool is_reserved() noexcept { return base() != nowhere; }
    struct numbers {
        std::size_t taken = 0, free_with_memory = 0;
    };
    [[nodiscard]] static numbers count() noexcept;

 private:
    static constexpr std::size_t notes_bytes = slabs * sizeof(slab);
    static constexpr std::size_t owners_bytes = slabs * sizeof(frame_pool*);
    static constexpr std::uintptr_t nowhere = std::uintptr_t(1) << 63;  // contains nothing

    static std::uintptr_t address(const void* block) noexcept {
        return reinterpret_cast<std::uintptr_t>(block);
    }
    static std::uintptr_t base() noexcept { return base_.load(lowlevel::order::relaxed); }
    static std::size_t index(const void* block) noexcept {
        return (address(block) - base()) / slab_bytes;
    }

    static bool reserve() noexcept;
    static bool open_chunk() noexcept;
    static void give_memory_back(std::size_t chunk, std::uint32_t which) noexcept;

    // Written once. Whoever holds a pooled block knows it by the way that the block came.
    static inline constinit lowlevel::atomic<std::uintptr_t> base_{nowhere};
};

}  // namespace covey::detail
