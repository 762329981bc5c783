// SPDX-License-Identifier: BSL-1.0
#include "read.hpp"

#include "tokenizer.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace wordcrunch {

namespace {

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

void text_chunk::reset(std::size_t size) {
    if (buffer.size() != size) buffer = std::vector<char>(size);
    used = 0;
    files = 0;
    bytes = 0;
}

open_file& open_file::operator=(open_file&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

open_file::~open_file() {
    if (is_open()) ::close(descriptor_);
}

std::string open_file::open(const std::string& path) {
    // O_NONBLOCK: a file may have become a named pipe since it was found, and opening one of those
    // waits for a writer for ever.
    open_file opened;
    opened.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status{};
    if (!opened.is_open() || ::fstat(opened.descriptor_, &status) != 0) return reason(errno);
    if (!S_ISREG(status.st_mode)) return "Not a regular file";
    *this = std::move(opened);
    return {};
}

void file_reader::add(std::vector<std::string> paths) {
    std::move(paths.begin(), paths.end(), std::back_inserter(paths_));
}

bool file_reader::done() const noexcept { return paths_.empty() && !file_.is_open(); }

void file_reader::fill(text_chunk& chunk) {
    if (chunk.buffer.size() < carried_.size()) chunk.buffer.resize(carried_.size());
    std::copy(carried_.begin(), carried_.end(), chunk.buffer.begin());
    chunk.used = carried_.size();
    chunk.bytes = carried_.size();
    std::size_t searched = chunk.used;  // no border up to here
    carried_.clear();

    while (!done()) {
        if (!file_.is_open()) {
            open_next();
            continue;
        }
        if (chunk.used == chunk.buffer.size()) {
            const std::size_t whole = whole_words(chunk.text().substr(searched));
            if (whole > 0) return carry_over(chunk, searched + whole);
            searched = chunk.used;
            chunk.buffer.resize(chunk.used + chunk_size_);
        }
        if (!read_some(chunk)) end_file(chunk);
    }
}

void file_reader::open_next() {
    current_ = std::move(paths_.front());
    paths_.pop_front();
    const std::string failure = file_.open(current_);
    if (!failure.empty()) skipped_.push_back({std::move(current_), failure});
}

// False at the end of the file, also when an error ends it.
bool file_reader::read_some(text_chunk& chunk) {
    const std::size_t room = std::min(chunk.buffer.size() - chunk.used, chunk_size_);
    ssize_t read = 0;
    do {
        read = ::read(file_.descriptor(), chunk.buffer.data() + chunk.used, room);
    } while (read < 0 && errno == EINTR);
    if (read < 0) skip(errno);
    if (read <= 0) return false;
    chunk.used += static_cast<std::size_t>(read);
    chunk.bytes += static_cast<std::uint64_t>(read);
    return true;
}

// The end of a file ends a word, too: a newline keeps it apart from the next file's first one.
// There is room, for a full chunk doesn't get as far as reading the end.
void file_reader::end_file(text_chunk& chunk) {
    if (file_.is_open()) ++chunk.files;
    file_ = open_file();
    chunk.buffer[chunk.used++] = '\n';
}

void file_reader::skip(int error) {
    skipped_.push_back({current_, reason(error)});
    file_ = open_file();
}

void file_reader::carry_over(text_chunk& chunk, std::size_t keep) {
    carried_.assign(chunk.text().substr(keep));
    chunk.used = keep;
    chunk.bytes -= carried_.size();
}

}  // namespace wordcrunch
