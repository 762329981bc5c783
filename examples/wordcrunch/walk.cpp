// SPDX-License-Identifier: BSL-1.0
#include "walk.hpp"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>

namespace wordcrunch {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t files_per_batch = 64;
constexpr std::size_t steps_per_batch = 1024;  // so that cancelling never waits long for a batch

}  // namespace

tree_walker::tree_walker(std::vector<std::string> roots) : roots_(std::move(roots)) {
    std::reverse(roots_.begin(), roots_.end());
}

bool tree_walker::done() const noexcept {
    return entries_ == fs::directory_iterator() && folders_.empty() && roots_.empty();
}

file_batch tree_walker::next() {
    file_batch batch;
    for (std::size_t steps = 0; steps < steps_per_batch && !done(); ++steps) {
        if (batch.paths.size() == files_per_batch) break;
        step(batch);
    }
    return batch;
}

// The open folder first, then the folders found in it, then the next path given.
void tree_walker::step(file_batch& batch) {
    if (entries_ != fs::directory_iterator()) {
        visit_entry(*entries_, batch);
        advance(batch);
    } else if (!folders_.empty()) {
        open_folder(batch);
    } else {
        const std::string root = std::move(roots_.back());
        roots_.pop_back();
        visit_root(root, batch);
    }
}

void tree_walker::visit_root(const std::string& path, file_batch& batch) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) {
        folders_.push_back(path);
    } else if (fs::is_regular_file(status)) {
        batch.paths.push_back(path);
    } else if (error) {
        batch.skipped.push_back({path, error.message()});
    } else if (!fs::exists(status)) {
        const auto missing = std::make_error_code(std::errc::no_such_file_or_directory);
        batch.skipped.push_back({path, missing.message()});
    } else {
        batch.skipped.push_back({path, "Neither a regular file nor a folder"});
    }
}

void tree_walker::visit_entry(const fs::directory_entry& entry, file_batch& batch) {
    std::error_code error;
    if (entry.is_symlink(error)) return;
    if (entry.is_directory(error)) {
        folders_.push_back(entry.path().string());
    } else if (entry.is_regular_file(error)) {
        batch.paths.push_back(entry.path().string());
    } else if (error) {
        batch.skipped.push_back({entry.path().string(), error.message()});
    }
}

void tree_walker::open_folder(file_batch& batch) {
    open_folder_ = std::move(folders_.back());
    folders_.pop_back();
    std::error_code error;
    entries_ = fs::directory_iterator(open_folder_, error);
    if (error) batch.skipped.push_back({open_folder_, error.message()});
}

void tree_walker::advance(file_batch& batch) {
    std::error_code error;
    entries_.increment(error);
    if (error) batch.skipped.push_back({open_folder_, error.message()});
}

}  // namespace wordcrunch
