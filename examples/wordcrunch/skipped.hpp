// SPDX-License-Identifier: BSL-1.0
// Files and folders that could not be read. They are part of the result, not a reason to stop,
// unless --fail-fast says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace wordcrunch {

struct skipped_file {
    std::string path;
    std::string reason;  // "No such file or directory"
};

// What --fail-fast throws. It names the file.
class unreadable_error : public std::runtime_error {
 public:
    explicit unreadable_error(const skipped_file& file)
        : std::runtime_error("cannot read " + file.path + ": " + file.reason) {}
};

// All are counted, the first few are kept: memory doesn't grow with the trouble.
struct skipped_files {
    static constexpr std::size_t kept = 5;

    std::uint64_t count = 0;
    std::vector<skipped_file> first;

    void add(skipped_file file) {
        ++count;
        if (first.size() < kept) first.push_back(std::move(file));
    }
};

}  // namespace wordcrunch
