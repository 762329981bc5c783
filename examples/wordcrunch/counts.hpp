// SPDX-License-Identifier: BSL-1.0
// How often each word was seen: a hash table whose entries lie densely in the order in which the
// words first came, and so do their letters.
//
// Rejected: std::unordered_map. A node per word and a chain to follow per look-up: 1.7 times the
// time over /usr/include, and counting is what this program does all day.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wordcrunch {

struct counted_word {
    std::string_view word;
    std::uint64_t count;
};

class word_counts {
 public:
    // Has room for that many words, and for their letters when these are of usual length.
    explicit word_counts(std::size_t expected = 0);

    void add(std::string_view word, std::uint64_t count = 1);
    void add(const word_counts& other);
    void clear() noexcept;  // keeps the room

    [[nodiscard]] std::size_t distinct() const noexcept { return entries_.size(); }
    [[nodiscard]] std::uint64_t count_of(std::string_view word) const noexcept;

    // In the order in which they first came; valid until the next word.
    [[nodiscard]] std::vector<counted_word> all() const;

 private:
    struct entry {
        std::size_t begin;  // in letters_
        std::size_t length;
        std::uint64_t count;
    };
    // A slot names an entry by its position plus one; 0 is an empty slot. The hash saves the way
    // to the entry when it can't be the one wanted.
    struct slot {
        std::uint32_t hash = 0;
        std::uint32_t entry = 0;
    };

    void insert(slot& empty, std::string_view word, std::uint32_t hash, std::uint64_t count);
    void grow();
    [[nodiscard]] std::size_t find_slot(std::string_view word, std::uint32_t hash) const noexcept;
    [[nodiscard]] std::string_view word_of(const entry& named) const noexcept {
        return {letters_.data() + named.begin, named.length};
    }

    std::vector<slot> slots_;  // a power of two, at most three quarters full
    std::vector<entry> entries_;
    std::vector<char> letters_;
};

}  // namespace wordcrunch
