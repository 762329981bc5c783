// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "address_table.hpp"
#include "memory.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace model {

// What isn't atomic: every load and store of the program, told by the compiler (hooks.cpp).
//
// What      Two accesses of different threads, one of them a write, must be ordered by what happens
//           before: else it is a data race, in whatever order they came. Making and freeing an
//           object writes all of it, its atomics too.
// Heap      A block that was freed isn't given out again in the same execution, so whoever comes
//           back to it is found. Addresses are the same in every execution.
// Rolling   Each execution begins with what was there before the first one: what it has written to
// back      variables of the program, and to blocks that are older than it, is taken back.
class plain_memory {
 public:
    plain_memory();
    plain_memory(const plain_memory&) = delete;
    plain_memory& operator=(const plain_memory&) = delete;
    ~plain_memory() { roll_back(prepared_); }

    // Blocks and writes from here on belong to an execution.
    void end_preparation() noexcept {
        kept_ = given_;
        prepared_.swap(old_);
    }
    void begin_execution();
    void end_execution();

    // True: something there has been used as an atomic.
    bool access(const thread_view& by, std::uintptr_t address, std::size_t bytes, bool writes,
                std::uint32_t place);
    void access_atomic(const thread_view& by, std::uintptr_t address, std::size_t bytes,
                       bool writes);

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment);
    // True: it is a block of ours.
    [[nodiscard]] bool owns(const void* block) const noexcept;
    [[nodiscard]] std::size_t offset(const void* block) const noexcept {
        return reinterpret_cast<std::uintptr_t>(block) - start_;
    }
    void free(const thread_view& by, void* block, std::uint32_t place);
    [[nodiscard]] std::size_t living() const noexcept { return living_; }

    // Also of a range that isn't the program's.
    void roll_back_range(void* start, std::size_t bytes);
    [[nodiscard]] bool is_in_range(std::uintptr_t address) const noexcept;
    void keep_for_roll_back(const void* address, std::size_t bytes);

 private:
    // Eight bytes: for each thread when it last read and wrote, which of them, and where.
    struct touch {
        std::uint32_t when = 0;
        std::uint32_t place = 0;
        std::uint8_t which = 0;
    };
    enum kind : std::uint8_t { plain_write, plain_read, atomic_write, atomic_read };
    struct cell {
        std::array<std::array<touch, most_threads>, 4> of;  // each kind
        bool was_atomic = false;
    };
    enum class state : std::uint8_t { none, living, freed };
    struct old_bytes {
        std::uintptr_t address;
        std::uint64_t value;
        std::uint8_t bytes;
    };
    struct range {
        std::uintptr_t start;
        std::size_t bytes;
    };
    struct block_head {
        std::size_t bytes;
        std::size_t alignment;
    };

    void check(const thread_view& by, const std::array<touch, most_threads>& before, kind was,
               kind is, std::uintptr_t granule, std::uint8_t which, std::uint32_t place);
    bool touch_range(const thread_view& by, std::uintptr_t address, std::size_t bytes, kind is,
                     std::uint32_t place);
    void check_heap(std::uintptr_t address, std::uint32_t place);
    static void roll_back(std::vector<old_bytes>& written) noexcept;
    [[nodiscard]] state& state_at(std::uintptr_t address) noexcept;

    static constexpr std::size_t arena_bytes = std::size_t(16) << 20;
    static constexpr std::size_t unit = 16;

    std::unique_ptr<std::byte[]> arena_;
    std::unique_ptr<state[]> states_;  // of each unit
    std::uintptr_t start_ = 0;
    std::size_t given_ = 0;
    std::size_t kept_ = 0;
    std::size_t living_ = 0;
    std::vector<std::size_t> freed_of_old_;  // units of older blocks that this execution freed
    address_table<cell> cells_;
    std::vector<old_bytes> old_;       // of this execution
    std::vector<old_bytes> prepared_;  // of the preparation: taken back at the end of all
    std::vector<range> ranges_;
};

}  // namespace model
