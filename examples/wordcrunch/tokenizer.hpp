// SPDX-License-Identifier: BSL-1.0
// Words: the longest runs of letters, digits and underscores that start with no digit, exactly
// what `grep -oE '[A-Za-z_][A-Za-z0-9_]*'` finds in the C locale. Every other byte ends a word:
// blanks, NULs, the bytes of UTF-8 letters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wordcrunch {

enum class byte_kind : std::uint8_t { other, digit, letter };

consteval std::array<byte_kind, 256> classify_bytes() {
    std::array<byte_kind, 256> kinds{};
    for (unsigned byte = '0'; byte <= '9'; ++byte) kinds[byte] = byte_kind::digit;
    for (unsigned byte = 'A'; byte <= 'Z'; ++byte) kinds[byte] = byte_kind::letter;
    for (unsigned byte = 'a'; byte <= 'z'; ++byte) kinds[byte] = byte_kind::letter;
    kinds['_'] = byte_kind::letter;
    return kinds;
}

inline constexpr std::array<byte_kind, 256> byte_kinds = classify_bytes();

constexpr byte_kind kind_of(char byte) noexcept {
    return byte_kinds[static_cast<unsigned char>(byte)];
}

// May a text be cut next to this byte without cutting a word? Digits belong to the word on their
// left, so they are no border.
constexpr bool is_border(char byte) noexcept { return kind_of(byte) == byte_kind::other; }

// Calls take(std::string_view) for each word of `text`, from left to right.
template <class Take>
constexpr void for_each_word(std::string_view text, Take take) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (;;) {
        // A digit in front of a word is skipped like any other byte: "123abc" holds "abc".
        while (at != end && kind_of(*at) != byte_kind::letter) ++at;
        if (at == end) return;
        const char* const begin = at;
        while (at != end && kind_of(*at) != byte_kind::other) ++at;
        take(std::string_view(begin, static_cast<std::size_t>(at - begin)));
    }
}

// The length of the part of `text` that may be cut off without cutting a word: it ends with the
// last border. 0: there is no border.
constexpr std::size_t whole_words(std::string_view text) noexcept {
    std::size_t length = text.size();
    while (length > 0 && !is_border(text[length - 1])) --length;
    return length;
}

}  // namespace wordcrunch
