// SPDX-License-Identifier: BSL-1.0
#include "frame_pool.hpp"

#include <covey/detail/promise.hpp>
#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/pooled.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/testing.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace covey {

namespace detail {

using lowlevel::order;

namespace {

// Sanitizers see a use after free only where memory really is freed.
constinit lowlevel::atomic<bool> is_on{!COVEY_UNDER_ASAN && !COVEY_UNDER_TSAN};
constinit lowlevel::atomic<frame_pool*> all_pools{nullptr};  // the latest; none leaves the list

constinit thread_local frame_pool* held_before = nullptr;  // a hint: its slabs may be in the cache
constinit thread_local bool is_worker = false;

// The slab of pools that have none: full, and never written.
constinit slab no_slab;

}  // namespace

constinit thread_local frame_pool* frame_pool::held_here_ = nullptr;

frame_pool::frame_pool() noexcept { std::ranges::fill(current_, &no_slab); }

// ---------------------------------------------------------------------------------- allocating

void* frame_pool::allocate_slowly(std::size_t size) {
    if (size > largest) return ::operator new(size);
    frame_pool* const mine = of_this_worker();
    frame_pool* const pool = mine != nullptr ? mine : hold_one();
    if (pool == nullptr) return ::operator new(size);
    void* const block = pool->take_block(class_of(size));
    if (pool != mine) pool->let_go();
    if (block != nullptr) return block;
    if (!slab_space::is_reserved()) switch_on(false);  // the range of addresses is refused for good
    return ::operator new(size);
}

// Null: the system gives no slab.
void* frame_pool::take_block(std::size_t size_class) noexcept {
    if (current_[size_class]->free == nullptr) collect();
    while (current_[size_class]->free == nullptr)
        if (!find_slab(size_class)) return nullptr;
    slab& from = *current_[size_class];
    free_block* const found = from.free;
    from.free = found->next;
    ++from.frees_to_look;
    return found;
}

namespace {

// Makes a page's worth of blocks: a slab that is never filled touches no more memory than it needs.
bool carve(slab& from) noexcept {
    constexpr std::size_t at_once = 4096;
    const std::size_t left = from.blocks - from.carved / std::max(1U, from.block_bytes);
    if (left == 0) return false;
    const std::size_t count = std::min(left, std::max<std::size_t>(1, at_once / from.block_bytes));
    std::byte* const start = slab_space::memory_of(from) + from.carved;
    for (std::size_t i = count; i-- != 0;)
        from.free = ::new (static_cast<void*>(start + i * from.block_bytes)) free_block{from.free};
    from.carved += static_cast<std::uint32_t>(count * from.block_bytes);
    return true;
}

}  // namespace

// Gives the class a current slab with a free block.
bool frame_pool::find_slab(std::size_t size_class) noexcept {
    slab& spent = *current_[size_class];
    if (&spent != &no_slab) {
        if (carve(spent)) return true;
        spent.state = slab::use::full;
        spent.frees_to_look = 1;
        current_[size_class] = &no_slab;
    }
    if (slab* const usable = usable_[size_class]; usable != nullptr) {
        remove_usable(*usable);
        make_current(*usable);
        return true;
    }
    slab* const fresh = slab_space::take(*this);
    if (fresh == nullptr) return false;
    fresh->size_class = static_cast<std::uint8_t>(size_class);
    fresh->block_bytes = static_cast<std::uint32_t>(bytes_of(size_class));
    fresh->blocks = static_cast<std::uint16_t>(slab_space::slab_bytes / fresh->block_bytes);
    make_current(*fresh);
    return carve(*fresh);
}

// ------------------------------------------------------------------------------- slabs of a pool
//
// frees_to_look is: of a full slab 1, since its first free block makes it usable; of a usable one
// the number of its living blocks, since the last of them makes it free; of the current one that
// number and 1, since it stays.

void frame_pool::make_current(slab& chosen) noexcept {
    chosen.state = slab::use::current;
    ++chosen.frees_to_look;
    current_[chosen.size_class] = &chosen;
}

void frame_pool::look_at(slab& changed) noexcept {
    if (changed.state == slab::use::full) {
        changed.frees_to_look = changed.blocks - 1U;
        add_usable(changed);
    } else {
        remove_usable(changed);
        slab_space::give_back(changed);
    }
}

void frame_pool::add_usable(slab& added) noexcept {
    slab*& first = usable_[added.size_class];
    added.state = slab::use::usable;
    added.previous = nullptr;
    added.next = first;
    if (first != nullptr) first->previous = &added;
    first = &added;
}

void frame_pool::remove_usable(slab& removed) noexcept {
    if (removed.next != nullptr) removed.next->previous = removed.previous;
    (removed.previous != nullptr ? removed.previous->next : usable_[removed.size_class]) =
        removed.next;
}

// -------------------------------------------------------------------------------- freed elsewhere

void frame_pool::free_elsewhere(void* block, frame_pool& owner) noexcept {
    frame_pool* const mine = of_this_worker();
    if (mine == &owner) return mine->put_in_place(block);
    auto& freed = *::new (block) free_block{nullptr};
    if (mine != nullptr) return mine->send(owner, freed);
    owner.return_blocks(freed, freed);
    slab_space::trim();
}

void frame_pool::send(frame_pool& owner, free_block& freed) noexcept {
    batch& to = outgoing_[owner.number_ % batches];
    if (to.to != &owner) {
        send_now(to);
        to.to = &owner;
    }
    freed.next = to.first;
    to.first = &freed;
    if (to.last == nullptr) to.last = &freed;
    if (++to.count == batch_blocks) send_now(to);
}

void frame_pool::send_now(batch& full) noexcept {
    if (full.count == 0) return;
    frame_pool& owner = *full.to;
    const batch sent = std::exchange(full, batch());
    owner.return_blocks(*sent.first, *sent.last);
}

void frame_pool::return_blocks(free_block& first, free_block& last) noexcept {
    free_block* before = returned_.load(order::relaxed);
    do {
        last.next = before;
    } while (!returned_.compare_exchange(before, &first, order::seq_cst, order::relaxed));
    if (!held_.load(order::seq_cst) && try_to_hold()) let_go();
}

void frame_pool::collect() noexcept {
    if (returned_.load(order::relaxed) == nullptr) return;
    free_block* each = returned_.exchange(nullptr, order::acquire);
    while (each != nullptr) put_in_place(std::exchange(each, each->next));
}

// ----------------------------------------------------------------------------- who holds a pool

bool frame_pool::try_to_hold() noexcept {
    bool held = false;
    return held_.compare_exchange(held, true, order::seq_cst, order::relaxed);
}

// Returns and holders meet as in Dekker's algorithm: one side writes `returned_` and reads `held_`,
// the other writes `held_` and reads `returned_`.
void frame_pool::let_go() noexcept {
    do {
        collect();
        held_.store(false, order::seq_cst);
    } while (returned_.load(order::seq_cst) != nullptr && try_to_hold());
}

frame_pool* frame_pool::hold_one() noexcept {
    if (!is_on.load(order::relaxed)) return nullptr;
    if (held_before != nullptr && held_before->try_to_hold()) return held_before;
    frame_pool* latest = all_pools.load(order::acquire);
    for (frame_pool* each = latest; each != nullptr; each = each->next_)
        if (each->try_to_hold()) return held_before = each;
    auto* const fresh = ::new (std::nothrow) frame_pool();
    if (fresh == nullptr) return nullptr;
    do {
        fresh->next_ = latest;
        fresh->number_ = latest == nullptr ? 0 : latest->number_ + 1;
    } while (!all_pools.compare_exchange(latest, fresh, order::acq_rel, order::acquire));
    return held_before = fresh;
}

// Null: this is no worker, or there are no pools.
frame_pool* frame_pool::of_this_worker() noexcept {
    if (held_here_ == nullptr && is_worker) held_here_ = hold_one();
    return held_here_;
}

void frame_pool::flush() noexcept {
    if (frame_pool* const mine = std::exchange(held_here_, nullptr); mine != nullptr) {
        for (batch& each : mine->outgoing_) mine->send_now(each);
        mine->let_go();
    }
    slab_space::trim();
}

frame_pool::worker_life::worker_life() noexcept { is_worker = true; }

frame_pool::worker_life::~worker_life() {
    flush();
    is_worker = false;
}

bool frame_pool::switch_on(bool on) noexcept {
    const bool before = is_on.exchange(on, order::relaxed);
    if (!on) flush();
    return before;
}

void frame_pool::free_large(void* block, std::size_t size) noexcept {
    ::operator delete(block, size);
}

// --------------------------------------------------------------------------------- what is pooled

void* allocate_frame(std::size_t size) {
    void* frame = frame_pool::allocate(size);
    lowlevel::count(lowlevel::counted::frames, +1);
    return frame;
}

void free_frame(void* frame, std::size_t size) noexcept {
    lowlevel::count(lowlevel::counted::frames, -1);
    frame_pool::free(frame, size);
}

}  // namespace detail

void* lowlevel::pooled::operator new(std::size_t size) {
    return detail::frame_pool::allocate(size);
}

void lowlevel::pooled::operator delete(void* block, std::size_t size) noexcept {
    detail::frame_pool::free(block, size);
}

namespace detail {

void* task_record::operator new(std::size_t size) { return frame_pool::allocate(size); }

void task_record::operator delete(void* record, std::size_t size) noexcept {
    frame_pool::free(record, size);
}

}  // namespace detail

bool testing::set_frame_pool(bool on) noexcept { return covey::detail::frame_pool::switch_on(on); }

}  // namespace covey
