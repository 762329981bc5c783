// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace covey_tests {

// A folder of the test's own, gone at its end.
class scratch_folder {
 public:
    scratch_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "covey-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
        path_ = pattern;
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    // The whole path of a file of that name.
    [[nodiscard]] std::string at(const std::string& name) const { return (path_ / name).string(); }

    // Writes a file and the folders it is in; returns its path.
    std::string write(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
        std::ofstream(at(name), std::ios::binary) << text;
        return at(name);
    }

 private:
    std::filesystem::path path_;
};

}  // namespace covey_tests
