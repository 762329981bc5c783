// SPDX-License-Identifier: BSL-1.0
// Reads files into chunks of about equal size: a big file fills many, many small files share one.
//
// Invariant: no chunk ends inside a word. What follows the last border of a full chunk is carried
// over into the next one, so any worker can take any chunk, in any order, and a word that a buffer
// border would have cut is counted once. A chunk grows only when a single word doesn't fit.
#pragma once

#include "skipped.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wordcrunch {

struct text_chunk {
    std::vector<char> buffer;
    std::size_t used = 0;     // text: the first bytes of the buffer
    std::uint64_t files = 0;  // files that end in this chunk
    std::uint64_t bytes = 0;  // bytes of files; the text has a newline more for each file that ends

    explicit text_chunk(std::size_t size) : buffer(size) {}
    [[nodiscard]] std::string_view text() const noexcept { return {buffer.data(), used}; }
    void reset(std::size_t size);  // empty, and as big as on the first day
};

// A file that is open for reading, or none.
class open_file {
 public:
    open_file() noexcept = default;
    open_file(open_file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    open_file& operator=(open_file&& other) noexcept;
    ~open_file();

    // On failure, returns the reason. Anything but a regular file fails.
    std::string open(const std::string& path);
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
    int descriptor_ = -1;
};

class file_reader {
 public:
    explicit file_reader(std::size_t chunk_size) : chunk_size_(chunk_size) {}

    void add(std::vector<std::string> paths);
    [[nodiscard]] bool done() const noexcept;

    // Fills an empty chunk with what comes next; it stays empty when no file could be read.
    // Blocks on the disk.
    void fill(text_chunk& chunk);

    // What could not be read since the last call.
    std::vector<skipped_file> take_skipped() { return std::exchange(skipped_, {}); }

 private:
    void open_next();
    bool read_some(text_chunk& chunk);
    void end_file(text_chunk& chunk);
    void skip(int error);
    void carry_over(text_chunk& chunk, std::size_t keep);

    std::size_t chunk_size_;
    std::deque<std::string> paths_;
    std::string current_;
    open_file file_;
    std::string carried_;  // the first part of a word of file_ whose end isn't read yet
    std::vector<skipped_file> skipped_;
};

}  // namespace wordcrunch
