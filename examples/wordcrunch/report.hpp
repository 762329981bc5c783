// SPDX-License-Identifier: BSL-1.0
// The result, drawn for people or listed for programs.
#pragma once

#include "result.hpp"

#include <cstddef>
#include <string>

namespace wordcrunch {

struct report_style {
    std::size_t top = 20;
    std::size_t width = 80;  // columns
    bool colour = false;
};

std::string draw_report(const crunch_result& result, const report_style& style);

// Every word with its count, sorted bytewise, as `sort | uniq -c` prints them.
std::string list_counts(const word_counts& words);

// "3 files could not be read" and the first few of them; empty when there are none.
std::string list_skipped(const skipped_files& skipped);

// "1,234,567", "12.3 MB", a bar of `part` in `whole`.
std::string with_commas(std::uint64_t number);
std::string as_megabytes(std::uint64_t bytes);
std::string bar(double part, double whole, std::size_t width);

}  // namespace wordcrunch
