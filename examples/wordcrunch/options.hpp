// SPDX-License-Identifier: BSL-1.0
// The command line.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wordcrunch {

struct options {
    std::vector<std::string> paths;
    unsigned workers = 1;  // threads of the runtime, and tasks that count
    unsigned readers = 8;
    std::size_t capacity = 16;
    std::size_t top = 20;
    std::optional<std::chrono::duration<double>> limit;
    bool fail_fast = false;
    bool counts = false;
    bool help = false;
    std::size_t chunk_size = 256 * 1024;
};

// What is wrong with the command line and what to do about it.
class usage_error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// `arguments` without the program's name.
options parse_options(std::span<const char* const> arguments);

std::string_view help_text();

}  // namespace wordcrunch
