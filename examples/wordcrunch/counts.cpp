// SPDX-License-Identifier: BSL-1.0
#include "counts.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace wordcrunch {

namespace {

constexpr std::size_t least_slots = 1024;
constexpr std::size_t usual_length = 20;

constexpr bool is_too_full(std::size_t words, std::size_t slots) noexcept {
    return words > slots - slots / 4;
}

std::uint64_t load(const char* from, std::size_t bytes) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, from, bytes);
    return value;
}

std::uint64_t mix(std::uint64_t state, std::uint64_t value) noexcept {
    state = (state ^ value) * 0x9E37'79B9'7F4A'7C15U;
    return state ^ (state >> 32);
}

// Eight bytes a step; the last step overlaps the one before it instead of going byte by byte.
std::uint32_t hash_of(std::string_view word) noexcept {
    const char* at = word.data();
    const std::size_t length = word.size();
    std::uint64_t state = length;
    if (length >= 8) {
        for (std::size_t done = 8; done < length; done += 8, at += 8)
            state = mix(state, load(at, 8));
        state = mix(state, load(word.data() + length - 8, 8));
    } else if (length >= 4) {
        state = mix(state, load(at, 4) << 32 | load(at + length - 4, 4));
    } else if (length > 0) {
        const auto byte = [at](std::size_t i) -> std::uint64_t {
            return static_cast<unsigned char>(at[i]);
        };
        state = mix(state, byte(0) << 16 | byte(length / 2) << 8 | byte(length - 1));
    }
    return static_cast<std::uint32_t>(mix(state, 0));
}

}  // namespace

word_counts::word_counts(std::size_t expected) {
    std::size_t slots = least_slots;
    while (is_too_full(expected, slots)) slots *= 2;
    slots_.resize(slots);
    // Touched, not only reserved: what a table needs shows at once and doesn't creep up later.
    entries_.resize(expected);
    letters_.resize(expected * usual_length);
    clear();
}

void word_counts::add(std::string_view word, std::uint64_t count) {
    const std::uint32_t hash = hash_of(word);
    slot& found = slots_[find_slot(word, hash)];
    if (found.entry == 0) {
        insert(found, word, hash, count);
    } else {
        entries_[found.entry - 1].count += count;
    }
}

void word_counts::add(const word_counts& other) {
    for (const entry& each : other.entries_) add(other.word_of(each), each.count);
}

void word_counts::clear() noexcept {
    std::fill(slots_.begin(), slots_.end(), slot());
    entries_.clear();
    letters_.clear();
}

std::uint64_t word_counts::count_of(std::string_view word) const noexcept {
    const slot& found = slots_[find_slot(word, hash_of(word))];
    return found.entry == 0 ? 0 : entries_[found.entry - 1].count;
}

std::vector<counted_word> word_counts::all() const {
    std::vector<counted_word> words;
    words.reserve(entries_.size());
    for (const entry& each : entries_) words.push_back({word_of(each), each.count});
    return words;
}

// The slot of `word`, or the empty one where it belongs.
std::size_t word_counts::find_slot(std::string_view word, std::uint32_t hash) const noexcept {
    const std::size_t last = slots_.size() - 1;
    for (std::size_t at = hash & last;; at = (at + 1) & last) {
        const slot& here = slots_[at];
        if (here.entry == 0) return at;
        if (here.hash == hash && word_of(entries_[here.entry - 1]) == word) return at;
    }
}

void word_counts::insert(slot& empty, std::string_view word, std::uint32_t hash,
                         std::uint64_t count) {
    if (entries_.size() == std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error("more than four thousand million different words");
    }
    entries_.push_back({letters_.size(), word.size(), count});
    letters_.insert(letters_.end(), word.begin(), word.end());
    empty = {hash, static_cast<std::uint32_t>(entries_.size())};
    if (is_too_full(entries_.size(), slots_.size())) grow();
}

void word_counts::grow() {
    std::vector<slot> bigger(slots_.size() * 2);
    const std::size_t last = bigger.size() - 1;
    for (const slot& each : slots_) {
        if (each.entry == 0) continue;
        std::size_t at = each.hash & last;
        while (bigger[at].entry != 0) at = (at + 1) & last;
        bigger[at] = each;
    }
    slots_.swap(bigger);
}

}  // namespace wordcrunch
