// SPDX-License-Identifier: BSL-1.0
// Finds the files below some paths, a batch at a time, so that a tree of any size streams through
// a channel instead of piling up in memory.
//
// As `grep -r` does it: symbolic links are followed only when they are one of the paths given, and
// what is no regular file is left alone. One folder is open at a time; folders found on the way
// wait by name.
#pragma once

#include "skipped.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace wordcrunch {

struct file_batch {
    std::vector<std::string> paths;
    std::vector<skipped_file> skipped;
};

class tree_walker {
 public:
    explicit tree_walker(std::vector<std::string> roots);

    [[nodiscard]] bool done() const noexcept;

    // The next files; none, when it only met other things for a while. Blocks on the disk.
    file_batch next();

 private:
    void step(file_batch& batch);
    void visit_root(const std::string& path, file_batch& batch);
    void visit_entry(const std::filesystem::directory_entry& entry, file_batch& batch);
    void open_folder(file_batch& batch);
    void advance(file_batch& batch);

    std::vector<std::string> roots_;    // the next one last
    std::vector<std::string> folders_;  // found, not opened yet
    std::string open_folder_;           // the one that entries_ lists
    std::filesystem::directory_iterator entries_;
};

}  // namespace wordcrunch
