// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/task_record.hpp>
#include <covey/lowlevel/asymmetric_fence.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace covey::detail {

// The tasks that are ready on one worker, first in, first out.
//
// What       front_ holds the first one when nothing stands before it, so a pair of tasks that
//            wake each other never touches the ring; or one that was handed over. The ring holds
//            the others.
// Threads    The owner pushes and pops. Thieves take from the head of the ring, by the
//            compare-exchange that the owner's pop uses too; the owner alone writes the tail. A
//            thief reads a slot before it claims it: what it read is valid if the claim succeeds,
//            because a slot is written anew only after the head has passed it. A run with one
//            worker has no thieves and pays for none.
//            front_ is taken by a thief only when its owner is in a long turn. The owner says that
//            it is about to take it and looks whether a thief has come; the thief the other way
//            round, with a fence on all threads between (asymmetric_fence.hpp).
// Rejected   A slot for the task woken last: it runs a newcomer before those who wait longer, and
//            has to be capped. A front that is always exchanged: two read-modify-writes for a
//            wake-up. It is so where there are no such fences.
class alignas(64) run_queue {
 public:
    static constexpr std::uint32_t capacity = 256;

    // Owner, before the workers start.
    void share_with_thieves() noexcept {
        is_shared_ = true;
        has_fences_ = lowlevel::has_asymmetric_fences();
    }

    // Owner. False: it is full, nothing was done.
    [[nodiscard]] bool push(task_record& task) noexcept {
        const std::uint32_t tail = tail_.load(lowlevel::order::relaxed);
        const std::uint32_t head = head_.load(lowlevel::order::acquire);
        if (head == tail && front_.load(lowlevel::order::relaxed) == nullptr) {
            front_.store(&task, lowlevel::order::release);
            return true;
        }
        if (tail - head >= capacity) return false;
        slot(tail).store(&task, lowlevel::order::relaxed);
        tail_.store(tail + 1, lowlevel::order::release);
        return true;
    }

    // Owner: how many pushes will certainly find room.
    [[nodiscard]] std::size_t room() const noexcept {
        return capacity -
               (tail_.load(lowlevel::order::relaxed) - head_.load(lowlevel::order::acquire));
    }

    // Owner: before those that are queued, if nobody has that place.
    [[nodiscard]] bool push_first(task_record& task) noexcept {
        if (has_front()) return false;
        front_.store(&task, lowlevel::order::release);
        return true;
    }

    // Owner.
    [[nodiscard]] task_record* pop() noexcept {
        if (task_record* task = front_.load(lowlevel::order::relaxed)) {
            if (is_shared_)
                task = take_front();
            else
                front_.store(nullptr, lowlevel::order::relaxed);
            if (task != nullptr) return task;
        }
        return take_head(tail_.load(lowlevel::order::relaxed));
    }

    // Owner: the older half of a full ring, to make room for newcomers.
    void spill_half(ready_chain& to) noexcept {
        const std::uint32_t tail = tail_.load(lowlevel::order::relaxed);
        for (std::uint32_t left = capacity / 2; left != 0; --left) {
            task_record* task = take_head(tail);
            if (task == nullptr) return;  // thieves were here
            to.add(*task);
        }
    }

    // A thief: moves up to half of this ring to the end of its own, and gives the first of them.
    // Leaves alone what has been queued after `seen`.
    [[nodiscard]] task_record* steal_into(run_queue& thief, std::uint32_t seen) noexcept {
        task_record* first = nullptr;
        const std::uint32_t most = (seen - head_.load(lowlevel::order::acquire) + 1) / 2;
        for (std::uint32_t taken = 0; taken < most && taken < capacity / 2; ++taken) {
            task_record* task = take_head(seen);
            if (task == nullptr) break;
            if (first == nullptr)
                first = task;
            else
                static_cast<void>(thief.push(*task));  // a thief's own queue is empty
        }
        return first;
    }

    // A thief, and slow: the one in front, unless the owner is just taking it.
    [[nodiscard]] task_record* steal_front() noexcept {
        using lowlevel::order;
        if (thief_.exchange(true, order::acquire)) return nullptr;
        task_record* task = nullptr;
        if (has_fences_) lowlevel::heavy_fence();
        if (!owner_takes_.load(order::acquire)) task = front_.exchange(nullptr, order::acq_rel);
        thief_.store(false, order::release);
        return task;
    }
    [[nodiscard]] bool has_front() const noexcept {
        return front_.load(lowlevel::order::relaxed) != nullptr;
    }

    // Anybody: the ends of the ring, which only ever grow, modulo 2^32. A task queued at `tail` has
    // left the ring once has_passed(tail). A position that is not between the ends has been passed,
    // however long ago: two thousand million tasks later it would seem to lie ahead.
    [[nodiscard]] std::uint32_t tail() const noexcept {
        return tail_.load(lowlevel::order::acquire);
    }
    [[nodiscard]] bool has_passed(std::uint32_t position) const noexcept {
        const std::uint32_t head = head_.load(lowlevel::order::acquire);
        const std::uint32_t queued = tail_.load(lowlevel::order::acquire) - head;
        return position - head - 1 >= queued;
    }
    [[nodiscard]] bool is_ring_empty() const noexcept { return has_passed(tail()); }

    // Owner; for others a guess.
    [[nodiscard]] std::size_t count() const noexcept {
        return (has_front() ? 1U : 0U) + (tail() - head_.load(lowlevel::order::acquire));
    }

 private:
    [[nodiscard]] lowlevel::atomic<task_record*>& slot(std::uint32_t position) noexcept {
        return ring_[position % capacity];
    }

    [[nodiscard]] task_record* take_front() noexcept {
        using lowlevel::order;
        if (!has_fences_) return front_.exchange(nullptr, order::acq_rel);
        owner_takes_.store(true, order::relaxed);
        lowlevel::light_fence();
        while (thief_.load(order::acquire)) lowlevel::pause();
        task_record* task = front_.load(order::relaxed);
        front_.store(nullptr, order::relaxed);
        owner_takes_.store(false, order::release);
        return task;
    }

    [[nodiscard]] task_record* take_head(std::uint32_t end) noexcept {
        std::uint32_t head = head_.load(lowlevel::order::acquire);
        for (;;) {
            if (static_cast<std::int32_t>(end - head) <= 0) return nullptr;
            task_record* task = slot(head).load(lowlevel::order::relaxed);
            if (!is_shared_) {
                head_.store(head + 1, lowlevel::order::relaxed);
                return task;
            }
            if (head_.compare_exchange(head, head + 1, lowlevel::order::acq_rel,
                                       lowlevel::order::acquire))
                return task;
        }
    }

    lowlevel::atomic<task_record*> front_{nullptr};  // filled by the owner
    lowlevel::atomic<bool> owner_takes_{false};
    bool is_shared_ = false;
    bool has_fences_ = false;
    lowlevel::atomic<bool> thief_{false};
    lowlevel::atomic<std::uint32_t> head_{0};
    lowlevel::atomic<std::uint32_t> tail_{0};
    std::array<lowlevel::atomic<task_record*>, capacity> ring_;
};

}  // namespace covey::detail
