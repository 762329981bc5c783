// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "slab_space.hpp"

#include <covey/lowlevel/atomic.hpp>

#include <cstddef>
#include <cstdint>
#include <new>

namespace covey::detail {

// Blocks for coroutine frames and task records, recycled by size class.
//
// What      A pool has slabs; a slab has blocks of one class, and a list of the free ones. To
//           allocate takes the first of the class's current slab, to free puts the block first in
//           the list of its slab. What is too large for a class, and everything where the system
//           gives no slabs, comes from operator new.
// Threads   A pool belongs to the thread that holds it: a worker from its first allocation until it
//           parks or ends, any other thread for one operation. The holder alone touches the pool's
//           slabs and lists, without atomics. Whoever frees a block of another's pool puts it on
//           that pool's stack, `returned_`, by one compare-exchange for up to 32 blocks; the holder
//           takes all of them by one exchange, so no block can be mistaken for another. If nobody
//           holds the pool, whoever returned the blocks holds it for as long as it takes to put
//           them in place: so memory goes back from the pools of those who sleep or are gone.
// Invariant Blocks on the stack of a pool have a holder who will look: `let_go` looks again after
//           it has let go, and `return_blocks` looks for a holder after it has put them there.
// Lifetime  Pools are never freed; one that nobody holds is anybody's. A block may be freed by any
//           thread at any time.
// Rejected  A stack for each class: a worker that lacks one class would leave the others where they
//           are. Pools that stay with a thread until it ends: they need a destructor for the
//           thread, and what others return to one that sleeps stays until it wakes. A lock for each
//           slab, or a count of its blocks that others lower: a read-modify-write for each block.
class frame_pool {
 public:
    // Throws std::bad_alloc.
    [[nodiscard]] static void* allocate(std::size_t size) {
        if (frame_pool* const mine = held_here_; mine != nullptr && size <= largest) [[likely]] {
            slab& from = *mine->current_[class_of(size)];
            if (free_block* const found = from.free; found != nullptr) [[likely]] {
                from.free = found->next;
                ++from.frees_to_look;
                return found;
            }
        }
        return allocate_slowly(size);
    }
    // With the size that it was allocated with.
    static void free(void* block, std::size_t size) noexcept {
        const slab_space::home home = slab_space::find(block);
        if (!home) [[unlikely]]
            return free_large(block, size);
        frame_pool* const mine = held_here_;
        if (*home.owner != mine) [[unlikely]]
            return free_elsewhere(block, **home.owner);
        mine->put_in_place(block, *home.note);
    }

    // The calling worker parks, or takes a breath: gives away what it has freed of others, and what
    // memory is not needed. Costs some 20 ns if there is nothing to do.
    static void flush() noexcept;

    // The life of a worker. It holds a pool while it runs.
    class worker_life {
     public:
        worker_life() noexcept;
        worker_life(const worker_life&) = delete;
        worker_life& operator=(const worker_life&) = delete;
        ~worker_life();
    };

    // See testing::set_frame_pool. At once for the calling thread, for others when they park.
    static bool switch_on(bool on) noexcept;

    // How many bytes a class of blocks has; what is larger than all isn't pooled.
    static constexpr std::size_t largest_fine = 1024;
    static constexpr std::size_t fine_step = 16;
    static constexpr std::size_t largest = 4096;
    static constexpr std::size_t coarse_step = 256;
    static constexpr std::size_t fine_classes = largest_fine / fine_step + 1;
    static constexpr std::size_t classes = fine_classes + (largest - largest_fine) / coarse_step;
    [[nodiscard]] static constexpr std::size_t class_of(std::size_t size) noexcept {
        if (size <= largest_fine) [[likely]]
            return (size + fine_step - 1) / fine_step;
        return fine_classes - 1 + (size - largest_fine + coarse_step - 1) / coarse_step;
    }
    [[nodiscard]] static constexpr std::size_t bytes_of(std::size_t size_class) noexcept {
        if (size_class == 0) return fine_step;
        if (size_class < fine_classes) return size_class * fine_step;
        return largest_fine + (size_class - fine_classes + 1) * coarse_step;
    }

    static constexpr std::size_t batch_blocks = 32;

 private:
    // Blocks of one other pool, on their way to it.
    struct batch {
        frame_pool* to = nullptr;
        free_block* first = nullptr;
        free_block* last = nullptr;
        std::size_t count = 0;
    };

    explicit frame_pool() noexcept;

    [[nodiscard, gnu::noinline]] static void* allocate_slowly(std::size_t size);
    [[gnu::noinline]] static void free_elsewhere(void* block, frame_pool& owner) noexcept;
    [[gnu::noinline]] static void free_large(void* block, std::size_t size) noexcept;

    // A pool that the caller holds from now on; null: there is none, or they are switched off.
    [[nodiscard]] static frame_pool* hold_one() noexcept;
    [[nodiscard]] static frame_pool* of_this_worker() noexcept;
    [[nodiscard]] bool try_to_hold() noexcept;
    void let_go() noexcept;

    // By the holder.
    [[nodiscard]] void* take_block(std::size_t size_class) noexcept;
    [[nodiscard]] bool find_slab(std::size_t size_class) noexcept;
    void put_in_place(void* block) noexcept { put_in_place(block, *slab_space::find(block).note); }
    void put_in_place(void* block, slab& home) noexcept {
        home.free = ::new (block) free_block{home.free};
        if (--home.frees_to_look == 0) [[unlikely]]
            look_at(home);
    }
    [[gnu::noinline]] void look_at(slab& changed) noexcept;
    void collect() noexcept;
    void make_current(slab& chosen) noexcept;
    void add_usable(slab& added) noexcept;
    void remove_usable(slab& removed) noexcept;
    void send(frame_pool& owner, free_block& freed) noexcept;
    void send_now(batch& full) noexcept;

    // By anybody.
    void return_blocks(free_block& first, free_block& last) noexcept;

    // constinit and this model: one instruction to read, in a shared library too.
    [[gnu::tls_model("initial-exec")]] static constinit thread_local frame_pool* held_here_;

    slab* current_[classes];
    slab* usable_[classes] = {};  // the first of each list
    static constexpr std::size_t batches = 8;
    batch outgoing_[batches];
    std::size_t number_ = 0;
    frame_pool* next_ = nullptr;  // in the list of all pools

    alignas(64) lowlevel::atomic<free_block*> returned_{nullptr};
    lowlevel::atomic<bool> held_{true};
};

}  // namespace covey::detail
