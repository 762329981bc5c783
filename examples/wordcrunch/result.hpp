// SPDX-License-Identifier: BSL-1.0
// What a run brings home.
#pragma once

#include "counts.hpp"
#include "skipped.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace wordcrunch {

enum class stop_reason : std::uint8_t { none, limit, interrupt };

struct stage_times {
    std::string_view name;
    unsigned tasks = 0;
    std::chrono::nanoseconds busy{};  // all its tasks together
};

struct channel_fill {
    std::string_view name;
    std::size_t capacity = 0;
    std::size_t peak = 0;
};

struct crunch_result {
    word_counts words;
    std::uint64_t total_words = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::chrono::nanoseconds elapsed{};
    stop_reason stopped = stop_reason::none;
    skipped_files skipped;
    std::vector<stage_times> stages;
    std::vector<channel_fill> channels;
};

}  // namespace wordcrunch
