// SPDX-License-Identifier: BSL-1.0
//
// What      Counters of live objects, one slot for each thread.
// Threads   A slot is written by its thread only; anybody may sum them up.
// Lifetime  Slots are never freed: an ended thread leaves its slot, with its numbers, to the next
//           one. So their sum is right whatever threads come and go.
// Rejected  One atomic for each kind: two read-modify-writes for every frame and every wait.

#include <covey/lowlevel/census.hpp>

#include <covey/lowlevel/atomic.hpp>

namespace covey::lowlevel {

namespace {

struct alignas(64) slot {
    atomic<std::int64_t> counts[counted_kinds];
    atomic<bool> in_use{true};
    slot* next = nullptr;
};

atomic<slot*> all_slots{nullptr};

slot* take_slot() noexcept {
    for (slot* each = all_slots.load(order::acquire); each != nullptr; each = each->next) {
        bool expected = false;
        if (each->in_use.compare_exchange(expected, true, order::acq_rel, order::relaxed))
            return each;
    }
    slot* fresh = new slot();  // without memory for it nothing else works either
    slot* head = all_slots.load(order::relaxed);
    do {
        fresh->next = head;
    } while (!all_slots.compare_exchange(head, fresh, order::acq_rel, order::acquire));
    return fresh;
}

struct slot_of_thread {
    slot* mine = take_slot();
    ~slot_of_thread() { mine->in_use.store(false, order::release); }
};

thread_local slot_of_thread this_thread;

}  // namespace

void count(counted kind, int change) noexcept {
    atomic<std::int64_t>& mine = this_thread.mine->counts[static_cast<std::size_t>(kind)];
    mine.store(mine.load(order::relaxed) + change, order::relaxed);
}

std::int64_t census(counted kind) noexcept {
    std::int64_t sum = 0;
    for (slot* each = all_slots.load(order::acquire); each != nullptr; each = each->next)
        sum += each->counts[static_cast<std::size_t>(kind)].load(order::relaxed);
    return sum;
}

}  // namespace covey::lowlevel
