// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "address_table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace model {

inline constexpr unsigned most_threads = 5;

// The orders of C++, by the numbers that compilers give them.
enum class memory_order : int { relaxed, consume, acquire, release, acq_rel, seq_cst };
[[nodiscard]] const char* to_text(memory_order order) noexcept;
[[nodiscard]] bool is_acquire(memory_order order) noexcept;
[[nodiscard]] bool is_release(memory_order order) noexcept;

// What a thread knows, and what a store passes on to those who acquire it.
struct view {
    // Of each thread: up to where what it has done happens before this. For data races.
    std::array<std::uint32_t, most_threads> clock{};
    // Of each location: the oldest store that may still be read. For stale reads.
    std::vector<std::uint32_t> seen;

    [[nodiscard]] std::uint32_t oldest(std::size_t location) const noexcept {
        return location < seen.size() ? seen[location] : 0;
    }
    void raise(std::size_t location, std::uint32_t store);
    void join(const view& other);
    void join_seen(const view& other);
    void clear();
};

// The part of a thread that memory knows.
struct thread_view {
    unsigned id = 0;
    view now;
    view acquirable;  // of what was read without acquiring, for a fence
    view released;    // by the last fence, for stores without release
    bool has_fence = false;
    std::vector<std::size_t> looked_at;  // locations read since the last pause
    // Of each location: the old store that was read last, and how often.
    struct old_read {
        std::size_t store = 0;
        unsigned times = 0;
    };
    std::vector<old_read> old_reads;

    void tick() noexcept { ++now.clock[id]; }
};

struct access {
    const void* address;
    std::size_t bytes;
    memory_order order;
};

// What atomics hold.
//
// What      Each location keeps the stores of this execution, in the order in which they were made:
//           that is its modification order. A load may read any store that is not older than the
//           thread's view, a read-modify-write the newest one. A release store carries the view of
//           its thread, an acquiring load joins it; a read-modify-write passes on what it has read.
//           Sequentially consistent operations meet in one more view, each at its location, fences
//           at all of them. So no load sees a store that is made later (no load buffering), and no
//           store becomes older than one that was made before it. What was stored is seen after
//           a while: a thread reads an old store a few times, then a newer one.
// Choices   Which store is read.
class memory {
 public:
    void begin_execution();

    [[nodiscard]] std::uint64_t load(thread_view& by, access what);
    void store(thread_view& by, access what, std::uint64_t value);
    // What stood there; `change` gives what is to stand.
    template <class Change>
    std::uint64_t modify(thread_view& by, access what, Change change) {
        const std::uint64_t before = newest(by, what);
        replace(by, what, change(before));
        return before;
    }
    // Fails when another value is read, which may be an old one.
    bool compare_exchange(thread_view& by, access what, std::uint64_t& expected,
                          std::uint64_t desired, memory_order failure);
    // Without a step of its own: what a lock looks at before it is taken.
    [[nodiscard]] std::uint64_t peek(access what);

    void fence(thread_view& by, memory_order order);
    // Of every thread, as membarrier() does.
    void fence_all(thread_view* threads, unsigned count);

    // What the thread has looked at since it did this last is not read in an old state any more: a
    // loop doesn't wait for ever for a store that was made.
    void see_what_was_looked_at(thread_view& by);
    // A plain store to where an atomic was: an atomic that is made there is another one.
    void forget(std::uintptr_t address);
    [[nodiscard]] std::uint64_t stores() const noexcept { return stores_; }

 private:
    struct stored {
        std::uint64_t value;
        view carried;
    };
    struct location {
        std::vector<stored> stores;
        std::size_t used = 0;  // of those
    };

    std::size_t find(access what);
    [[nodiscard]] std::size_t pick(std::size_t candidates);
    void note_old(thread_view& by, std::size_t at, std::size_t store);
    void read(thread_view& by, std::size_t at, std::size_t store, memory_order order);
    [[nodiscard]] std::uint64_t newest(thread_view& by, access what);
    void replace(thread_view& by, access what, std::uint64_t value);
    void add(thread_view& by, std::size_t at, access what, std::uint64_t value,
             const view* continued);
    [[nodiscard]] std::size_t oldest_readable(const thread_view& by, std::size_t at,
                                              memory_order order) const noexcept;

    address_table<std::uint32_t> by_address_;  // its number and one
    std::vector<location> locations_;
    std::size_t used_ = 0;  // of those
    view in_order_;         // of sequentially consistent operations
    std::uint64_t stores_ = 0;
};

}  // namespace model
