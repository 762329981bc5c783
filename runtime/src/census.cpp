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

// Leaves the slot to the next thread. What a thread counts after that, in destructors that run
// later than this one, it counts in slots taken for one change.
struct slot_of_thread {
    slot* mine = take_slot();
    ~slot_of_thread() {
        counts_here = nullptr;
        has_ended = true;
        mine->in_use.store(false, order::release);
    }
    static constinit thread_local bool has_ended;
};

constinit thread_local bool slot_of_thread::has_ended = false;

}  // namespace

constinit thread_local atomic<std::int64_t>* counts_here = nullptr;

void count_first(counted kind, int change) noexcept {
    const auto add = [=](slot& to) {
        atomic<std::int64_t>& number = to.counts[static_cast<std::size_t>(kind)];
        number.store(number.load(order::relaxed) + change, order::relaxed);
    };
    if (slot_of_thread::has_ended) {
        slot& once = *take_slot();
        add(once);
        once.in_use.store(false, order::release);
        return;
    }
    thread_local slot_of_thread this_thread;
    counts_here = this_thread.mine->counts;
    add(*this_thread.mine);
}

std::int64_t census(counted kind) noexcept {
    std::int64_t sum = 0;
    for (slot* each = all_slots.load(order::acquire); each != nullptr; each = each->next)
        sum += each->counts[static_cast<std::size_t>(kind)].load(order::relaxed);
    return sum;
}

}  // namespace covey::lowlevel
