// SPDX-License-Identifier: BSL-1.0
#include "plain_memory.hpp"

#include "execution.hpp"

#include <algorithm>
#include <cstring>
#include <new>

// By the linker: where the variables of the program begin and end.
extern "C" char __data_start;
extern "C" char _end;

namespace model {

plain_memory::plain_memory()
    : arena_(std::make_unique_for_overwrite<std::byte[]>(arena_bytes)),
      states_(std::make_unique<state[]>(arena_bytes / unit)),
      start_((reinterpret_cast<std::uintptr_t>(arena_.get()) + unit - 1) / unit * unit) {
    roll_back_range(&__data_start, static_cast<std::size_t>(&_end - &__data_start));
}

void plain_memory::begin_execution() {
    cells_.clear();
    living_ = 0;
}

void plain_memory::end_execution() {
    roll_back(old_);
    std::fill(&states_[kept_ / unit], &states_[given_ / unit], state::none);
    for (const std::size_t at : freed_of_old_) states_[at] = state::living;
    freed_of_old_.clear();
    given_ = kept_;
}

// --------------------------------------------------------------------------------------- the heap

plain_memory::state& plain_memory::state_at(std::uintptr_t address) noexcept {
    return states_[(address - start_) / unit];
}

bool plain_memory::owns(const void* block) const noexcept {
    return reinterpret_cast<std::uintptr_t>(block) - start_ < arena_bytes - unit;
}

void* plain_memory::allocate(std::size_t bytes, std::size_t alignment) {
    alignment = std::max(alignment, unit);
    const std::uintptr_t at =
        (start_ + given_ + sizeof(block_head) + alignment - 1) / alignment * alignment;
    const std::size_t room = (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
    const std::size_t end = at - start_ + room + unit;  // a unit between two blocks
    if (end > arena_bytes - unit) throw std::bad_alloc();
    given_ = end;
    ::new (reinterpret_cast<void*>(at - sizeof(block_head))) block_head{bytes, alignment};
    std::fill_n(&state_at(at), room / unit, state::living);
    ++living_;
    return reinterpret_cast<void*>(at);
}

void plain_memory::free(const thread_view& by, void* block, std::uint32_t place) {
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    const auto& head = *reinterpret_cast<const block_head*>(at - sizeof(block_head));
    if (state_at(at) != state::living)
        execution::current().fail("a block is freed twice: " + execution::current().name_of(block));
    static_cast<void>(touch_range(by, at, head.bytes, plain_write, place));
    const std::size_t units = (std::max<std::size_t>(head.bytes, 1) + unit - 1) / unit;
    std::fill_n(&state_at(at), units, state::freed);
    for (std::size_t i = 0; at - start_ < kept_ && i != units; ++i)
        freed_of_old_.push_back((at - start_) / unit + i);
    --living_;
}

void plain_memory::check_heap(std::uintptr_t address, std::uint32_t place) {
    const void* const at = reinterpret_cast<const void*>(address);
    if (!owns(at)) return;
    const state found = state_at(address);
    if (found == state::living) return;
    execution& now = execution::current();
    now.fail((found == state::freed ? "use after free: " : "use of memory that is nobody's: ") +
             now.name_of(at) + now.text_of_place(place));
}

// ----------------------------------------------------------------------------------- rolling back

void plain_memory::roll_back(std::vector<old_bytes>& written) noexcept {
    for (; !written.empty(); written.pop_back())
        std::memcpy(reinterpret_cast<void*>(written.back().address), &written.back().value,
                    written.back().bytes);
}

void plain_memory::roll_back_range(void* start, std::size_t bytes) {
    ranges_.push_back({reinterpret_cast<std::uintptr_t>(start), bytes});
}

bool plain_memory::is_in_range(std::uintptr_t address) const noexcept {
    return std::ranges::any_of(
        ranges_, [address](const range& each) { return address - each.start < each.bytes; });
}

void plain_memory::keep_for_roll_back(const void* address, std::size_t bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const bool is_old = at - start_ < kept_ || is_in_range(at);
    if (!is_old) return;
    for (std::size_t done = 0; done < bytes; done += 8) {
        const std::size_t some = std::min<std::size_t>(8, bytes - done);
        old_bytes kept{at + done, 0, static_cast<std::uint8_t>(some)};
        std::memcpy(&kept.value, static_cast<const std::byte*>(address) + done, some);
        old_.push_back(kept);
    }
}

// -------------------------------------------------------------------------------------- the races

void plain_memory::check(const thread_view& by, const std::array<touch, most_threads>& before,
                         kind was, kind is, std::uintptr_t granule, std::uint8_t which,
                         std::uint32_t place) {
    for (unsigned of = 0; of != most_threads; ++of) {
        const touch& other = before[of];
        if (of == by.id || (other.which & which) == 0 || other.when <= by.now.clock[of]) continue;
        constexpr const char* names[] = {"plain write", "plain read", "atomic write",
                                         "atomic read"};
        execution& now = execution::current();
        now.fail("data race on " + now.name_of(reinterpret_cast<const void*>(granule)) + ": " +
                 names[is] + " of thread " + std::to_string(by.id) + now.text_of_place(place) +
                 ", and unordered with it a " + names[was] + " of thread " + std::to_string(of) +
                 now.text_of_place(other.place));
    }
}

bool plain_memory::touch_range(const thread_view& by, std::uintptr_t address, std::size_t bytes,
                               kind is, std::uint32_t place) {
    bool was_atomic = false;
    for (const std::uintptr_t end = address + bytes; address < end;) {
        const std::uintptr_t granule = address & ~std::uintptr_t(7);
        const std::uintptr_t stop = std::min(end, granule + 8);
        const auto which =
            static_cast<std::uint8_t>(((1U << (stop - address)) - 1U) << (address - granule));
        cell& here = cells_[granule];
        check(by, here.of[plain_write], plain_write, is, granule, which, place);
        if (is != plain_read) check(by, here.of[plain_read], plain_read, is, granule, which, place);
        if (is == plain_read || is == plain_write)
            check(by, here.of[atomic_write], atomic_write, is, granule, which, place);
        if (is == plain_write)
            check(by, here.of[atomic_read], atomic_read, is, granule, which, place);
        // What was touched since the last step of the thread is kept together.
        touch& own = here.of[is][by.id];
        const std::uint32_t when = by.now.clock[by.id];
        was_atomic = was_atomic || here.was_atomic;
        here.was_atomic = is == atomic_read || is == atomic_write || here.was_atomic;
        own = {when, place,
               static_cast<std::uint8_t>(own.when == when ? own.which | which : which)};
        address = stop;
    }
    return was_atomic;
}

bool plain_memory::access(const thread_view& by, std::uintptr_t address, std::size_t bytes,
                          bool writes, std::uint32_t place) {
    check_heap(address, place);
    if (writes) keep_for_roll_back(reinterpret_cast<const void*>(address), bytes);
    return touch_range(by, address, bytes, writes ? plain_write : plain_read, place);
}

void plain_memory::access_atomic(const thread_view& by, std::uintptr_t address, std::size_t bytes,
                                 bool writes) {
    check_heap(address, 0);
    static_cast<void>(touch_range(by, address, bytes, writes ? atomic_write : atomic_read, 0));
}

}  // namespace model
