// SPDX-License-Identifier: BSL-1.0
// How often each word was seen: a hash table whose entries lie densely in the order in which the
// words first came.
//
// Rejected: std::unordered_map. A node per word and a chain to follow per look-up: 1.7 times the
// time over /usr/include, and counting is what this program does all day.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace wordcrunch {

class word_counts {
 public:
    struct entry {
        std::string_view word;  // lies in text_
        std::uint64_t count;
        std::uint32_t hash;
    };

    word_counts();

    void add(std::string_view word, std::uint64_t count = 1);
    void add(const word_counts& other);

    [[nodiscard]] std::span<const entry> entries() const noexcept { return entries_; }
    [[nodiscard]] std::size_t distinct() const noexcept { return entries_.size(); }
    [[nodiscard]] std::uint64_t count_of(std::string_view word) const;

 private:
    // A slot names an entry by its position plus one; 0 is an empty slot. The hash saves the walk
    // to the entry when it can't be the one wanted.
    struct slot {
        std::uint32_t hash = 0;
        std::uint32_t entry = 0;
    };

    [[nodiscard]] std::size_t find_slot(std::string_view word, std::uint32_t hash) const noexcept;
    void add(std::string_view word, std::uint32_t hash, std::uint64_t count);
    void insert(slot& empty, std::string_view word, std::uint32_t hash, std::uint64_t count);
    void grow();

    std::vector<slot> slots_;  // a power of two, at most half full
    std::vector<entry> entries_;
    // Behind a pointer, because a memory resource doesn't move and a table must.
    std::unique_ptr<std::pmr::monotonic_buffer_resource> text_;
};

}  // namespace wordcrunch
