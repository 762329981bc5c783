// SPDX-License-Identifier: BSL-1.0
//
// What wordcrunch does, as one would write it without tasks: a loop over the files, and in it a
// loop over the words. Its tokenizer and its table, so that what differs is how the work is
// organised.

#include "limits.hpp"

#include <fcntl.h>
#include <filesystem>
#include <vector>
#include <wordcrunch/counts.hpp>
#include <wordcrunch/tokenizer.hpp>

namespace limits {

namespace {

namespace fs = std::filesystem;

// The room grows to the largest file. -1: it can't be read.
ssize_t read_all(const fs::path& path, std::vector<char>& room) {
    const int file = open(path.c_str(), O_RDONLY);
    if (file < 0) return -1;
    std::size_t used = 0;
    for (;;) {
        if (used == room.size()) room.resize(room.size() * 2);
        const ssize_t got = read(file, room.data() + used, room.size() - used);
        if (got <= 0) break;
        used += static_cast<std::size_t>(got);
    }
    close(file);
    return static_cast<ssize_t>(used);
}

}  // namespace

void count_words() {
    const u64 start = now();
    wordcrunch::word_counts counts;
    std::vector<char> room(1 << 16);
    u64 words = 0;
    for (const auto& each : fs::recursive_directory_iterator("/usr/include")) {
        if (each.is_symlink() || !each.is_regular_file()) continue;
        const ssize_t length = read_all(each.path(), room);
        if (length < 0) continue;
        wordcrunch::for_each_word({room.data(), static_cast<std::size_t>(length)},
                                  [&](std::string_view word) {
                                      counts.add(word);
                                      ++words;
                                  });
    }
    metric("ms", static_cast<double>(now() - start) / 1e6);
    metric("words", static_cast<double>(words));
    metric("distinct", static_cast<double>(counts.distinct()));
}

}  // namespace limits
