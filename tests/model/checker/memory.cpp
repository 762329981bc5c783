// SPDX-License-Identifier: BSL-1.0
#include "memory.hpp"

#include "execution.hpp"

#include <algorithm>
#include <cstring>

namespace model {

const char* to_text(memory_order order) noexcept {
    constexpr const char* names[] = {"relaxed", "consume", "acquire",
                                     "release", "acq_rel", "seq_cst"};
    return names[static_cast<int>(order)];
}

bool is_acquire(memory_order order) noexcept {
    return order != memory_order::relaxed && order != memory_order::release;
}
bool is_release(memory_order order) noexcept { return order >= memory_order::release; }

void view::raise(std::size_t location, std::uint32_t store) {
    if (location >= seen.size()) seen.resize(location + 1);
    seen[location] = std::max(seen[location], store);
}

void view::join_seen(const view& other) {
    if (seen.size() < other.seen.size()) seen.resize(other.seen.size());
    for (std::size_t i = 0; i != other.seen.size(); ++i) seen[i] = std::max(seen[i], other.seen[i]);
}

void view::join(const view& other) {
    for (std::size_t i = 0; i != clock.size(); ++i) clock[i] = std::max(clock[i], other.clock[i]);
    join_seen(other);
}

void view::clear() {
    clock.fill(0);
    seen.clear();
}

namespace {

std::uint64_t raw(access what) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, what.address, what.bytes);
    return value;
}

}  // namespace

void memory::begin_execution() {
    by_address_.clear();
    used_ = 0;
    in_order_.clear();
    stores_ = 0;
}

// An atomic is known from its first use on. What its constructor, or whoever made it, has left in
// it is its first store; whether its maker's plain store happens before is a question of races.
std::size_t memory::find(access what) {
    std::uint32_t& known = by_address_[reinterpret_cast<std::uintptr_t>(what.address)];
    if (known != 0) return known - 1;
    if (used_ == locations_.size()) locations_.emplace_back();
    location& fresh = locations_[used_++];
    known = static_cast<std::uint32_t>(used_);
    if (fresh.stores.empty()) fresh.stores.emplace_back();
    fresh.stores[0].value = raw(what);
    fresh.stores[0].carried.clear();
    fresh.used = 1;
    return known - 1;
}

void memory::forget(std::uintptr_t address) {
    if (std::uint32_t* known = by_address_.find(address)) *known = 0;
}

std::size_t memory::oldest_readable(const thread_view& by, std::size_t at,
                                    memory_order order) const noexcept {
    const std::size_t own = by.now.oldest(at);
    constexpr unsigned most_times = 2;
    const bool had_enough = at < by.old_reads.size() && by.old_reads[at].store == own &&
                            by.old_reads[at].times == most_times && own + 1 < locations_[at].used;
    const std::size_t oldest = had_enough ? own + 1 : own;
    if (order != memory_order::seq_cst) return oldest;
    return std::max<std::size_t>(oldest, in_order_.oldest(at));
}

std::size_t memory::pick(std::size_t candidates) {
    return execution::current().choose(static_cast<unsigned>(candidates));
}

void memory::read(thread_view& by, std::size_t at, std::size_t store, memory_order order) {
    const view& carried = locations_[at].stores[store].carried;
    by.now.raise(at, static_cast<std::uint32_t>(store));
    if (is_acquire(order))
        by.now.join(carried);
    else
        by.acquirable.join(carried);
    if (order == memory_order::seq_cst) in_order_.raise(at, static_cast<std::uint32_t>(store));
}

void memory::note_old(thread_view& by, std::size_t at, std::size_t store) {
    if (store + 1 == locations_[at].used) return;
    if (by.old_reads.size() <= at) by.old_reads.resize(at + 1);
    thread_view::old_read& last = by.old_reads[at];
    last = {store, last.store == store ? last.times + 1 : 1};
}

std::uint64_t memory::load(thread_view& by, access what) {
    const std::size_t at = find(what);
    const std::size_t last = locations_[at].used - 1;
    const std::size_t store = last - pick(last - oldest_readable(by, at, what.order) + 1);
    read(by, at, store, what.order);
    by.looked_at.push_back(at);
    note_old(by, at, store);
    return locations_[at].stores[store].value;
}

std::uint64_t memory::peek(access what) {
    const location& found = locations_[find(what)];
    return found.stores[found.used - 1].value;
}

std::uint64_t memory::newest(thread_view& by, access what) {
    const std::size_t at = find(what);
    read(by, at, locations_[at].used - 1, what.order);
    return locations_[at].stores[locations_[at].used - 1].value;
}

void memory::store(thread_view& by, access what, std::uint64_t value) {
    add(by, find(what), what, value, nullptr);
}

void memory::replace(thread_view& by, access what, std::uint64_t value) {
    const std::size_t at = find(what);
    const view continued = locations_[at].stores[locations_[at].used - 1].carried;
    add(by, at, what, value, &continued);
}

void memory::add(thread_view& by, std::size_t at, access what, std::uint64_t value,
                 const view* continued) {
    ++stores_;
    location& to = locations_[at];
    if (to.used == to.stores.size()) to.stores.emplace_back();
    const auto number = static_cast<std::uint32_t>(to.used);
    stored& fresh = to.stores[to.used++];
    by.now.raise(at, number);
    if (what.order == memory_order::seq_cst) in_order_.raise(at, number);
    fresh.value = value;
    fresh.carried.clear();
    if (is_release(what.order))
        fresh.carried = by.now;
    else if (by.has_fence)
        fresh.carried = by.released;
    fresh.carried.raise(at, number);
    if (continued != nullptr) fresh.carried.join(*continued);
    by.tick();
    execution::current().plain().keep_for_roll_back(what.address, what.bytes);
    std::memcpy(const_cast<void*>(what.address), &value, what.bytes);
}

bool memory::compare_exchange(thread_view& by, access what, std::uint64_t& expected,
                              std::uint64_t desired, memory_order failure) {
    const std::size_t at = find(what);
    location& found = locations_[at];
    const std::size_t last = found.used - 1;
    // The newest first; an old one only if it makes the exchange fail.
    std::size_t readable[64] = {last};
    std::size_t count = 1;
    for (std::size_t i = last; i-- > oldest_readable(by, at, failure) && count != 64;)
        if (found.stores[i].value != expected) readable[count++] = i;
    const std::size_t store = readable[pick(count)];
    if (found.stores[store].value == expected) {
        static_cast<void>(newest(by, what));
        replace(by, what, desired);
        return true;
    }
    read(by, at, store, failure);
    by.looked_at.push_back(at);
    note_old(by, at, store);
    expected = found.stores[store].value;
    return false;
}

void memory::fence(thread_view& by, memory_order order) {
    if (is_acquire(order)) by.now.join(by.acquirable);
    if (order == memory_order::seq_cst) {
        by.now.join_seen(in_order_);
        in_order_.join_seen(by.now);
    }
    if (is_release(order)) {
        by.released = by.now;
        by.has_fence = true;
        by.tick();
    }
}

void memory::fence_all(thread_view* threads, unsigned count) {
    for (unsigned i = 0; i != count; ++i) fence(threads[i], memory_order::seq_cst);
    for (unsigned i = 0; i != count; ++i) threads[i].now.join_seen(in_order_);
}

void memory::see_what_was_looked_at(thread_view& by) {
    for (const std::size_t at : by.looked_at)
        by.now.raise(at, static_cast<std::uint32_t>(locations_[at].used - 1));
    by.looked_at.clear();
}

}  // namespace model
