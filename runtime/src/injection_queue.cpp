// SPDX-License-Identifier: BSL-1.0
#include "injection_queue.hpp"

#include <covey/lowlevel/sanitizers.hpp>

#include <boost/lockfree/queue.hpp>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

constexpr std::size_t singles = 256;

// ThreadSanitizer doesn't understand the library's free list: a node's link is read that another
// thread may be writing, and the read thrown away by a tag. It sees the chain instead.
constexpr bool has_ring = !COVEY_UNDER_TSAN;

}  // namespace

class injection_queue::ring
    : public boost::lockfree::queue<task_record*, boost::lockfree::capacity<singles>> {};

injection_queue::injection_queue() : singles_(std::make_unique<ring>()) {}
injection_queue::~injection_queue() = default;

void injection_queue::push(task_record& task) noexcept {
    count_.fetch_add(1, order::seq_cst);
    if (has_ring && chained_.load(order::relaxed) == 0 && singles_->bounded_push(&task)) return;
    const locked held(lock_);
    chain_.add(task);
    chained_.store(chain_.count(), order::relaxed);
}

void injection_queue::push_all(ready_chain& tasks) noexcept {
    const locked held(lock_);
    count_.fetch_add(tasks.count(), order::seq_cst);
    chain_.append(tasks);
    chained_.store(chain_.count(), order::relaxed);
}

void injection_queue::push_spilled(ready_chain& batch) noexcept {
    const locked held(lock_);
    count_.fetch_add(batch.count(), order::seq_cst);
    spilled_.add(batch);
    has_spilled_.store(true, order::relaxed);
}

void injection_queue::take(ready_chain& to, std::size_t most) noexcept {
    std::size_t taken = take_in_order(to, most);
    if (taken < most) taken += take_spilled(to, most - taken, spilled_batches::age::newest_mostly);
    count_.fetch_sub(taken, order::seq_cst);
}

task_record* injection_queue::take_oldest(bool of_spilled_first) noexcept {
    constexpr auto oldest = spilled_batches::age::oldest;
    ready_chain one;
    std::size_t taken = of_spilled_first ? take_spilled(one, 1, oldest) : take_in_order(one, 1);
    if (taken == 0) taken = of_spilled_first ? take_in_order(one, 1) : take_spilled(one, 1, oldest);
    count_.fetch_sub(taken, order::seq_cst);
    return one.take();
}

std::size_t injection_queue::take_spilled(ready_chain& to, std::size_t most,
                                          spilled_batches::age wanted) noexcept {
    if (!has_spilled_.load(order::relaxed)) return 0;
    const locked held(lock_);
    const std::size_t taken = spilled_.take(to, most, wanted);
    has_spilled_.store(!spilled_.empty(), order::relaxed);
    return taken;
}

std::size_t injection_queue::take_in_order(ready_chain& to, std::size_t most) noexcept {
    std::size_t taken = take_singles(to, most);
    if (taken < most && chained_.load(order::relaxed) != 0) {
        const locked held(lock_);
        taken += take_singles(to, most - taken);  // what came before the chain grew
        for (; taken < most && !chain_.empty(); ++taken) to.add(*chain_.take());
        chained_.store(chain_.count(), order::relaxed);
    }
    return taken;
}

std::size_t injection_queue::take_singles(ready_chain& to, std::size_t most) noexcept {
    std::size_t taken = 0;
    task_record* single = nullptr;
    while (has_ring && taken < most && singles_->pop(single)) {
        to.add(*single);
        ++taken;
    }
    return taken;
}

}  // namespace covey::detail
