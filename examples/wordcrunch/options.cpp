// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <thread>

namespace wordcrunch {

namespace {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && stopped == end;
}

std::size_t whole_number(std::string_view option, std::string_view text, std::size_t least,
                         std::size_t most) {
    std::size_t number = 0;
    if (parse_number(text, number) && number >= least && number <= most) return number;
    throw usage_error(
        fmt::format("{} wants a whole number from {} to {}, not '{}'", option, least, most, text));
}

std::chrono::duration<double> seconds(std::string_view option, std::string_view text) {
    double number = 0;
    if (parse_number(text, number) && std::isfinite(number) && number >= 0) {
        return std::chrono::duration<double>(number);
    }
    throw usage_error(
        fmt::format("{} wants a number of seconds, such as 0.5 or 10, not '{}'", option, text));
}

// Walks over the arguments; gives the option and, when asked, its value: `--top 5` or `--top=5`.
class argument_reader {
 public:
    explicit argument_reader(std::span<const char* const> arguments) : rest_(arguments) {}

    [[nodiscard]] bool next() {
        if (rest_.empty()) return false;
        argument_ = take();
        const std::size_t equals = argument_.find('=');
        has_inline_value_ = argument_.starts_with("--") && equals != std::string_view::npos;
        name_ = has_inline_value_ ? argument_.substr(0, equals) : argument_;
        return true;
    }

    [[nodiscard]] std::string_view argument() const noexcept { return argument_; }
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

    std::string_view value() {
        if (has_inline_value_) return argument_.substr(name_.size() + 1);
        if (rest_.empty()) {
            throw usage_error(fmt::format("{} wants a value, such as {} 5", name_, name_));
        }
        return take();
    }

    void no_value() const {
        if (has_inline_value_) throw usage_error(fmt::format("{} takes no value", name_));
    }

 private:
    std::string_view take() {
        const std::string_view first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }

    std::span<const char* const> rest_;
    std::string_view argument_;
    std::string_view name_;
    bool has_inline_value_ = false;
};

void parse_option(argument_reader& reader, options& result) {
    const std::string_view name = reader.name();
    const auto number = [&](std::size_t least, std::size_t most) {
        return whole_number(name, reader.value(), least, most);
    };
    const auto flag = [&](bool& which) {
        reader.no_value();
        which = true;
    };
    if (name == "--workers") {
        result.workers = static_cast<unsigned>(number(1, 256));
    } else if (name == "--readers") {
        result.readers = static_cast<unsigned>(number(1, 256));
    } else if (name == "--capacity") {
        result.capacity = number(0, 1024);
    } else if (name == "--top") {
        result.top = number(0, 1'000'000);
    } else if (name == "--limit") {
        result.limit = seconds(name, reader.value());
    } else if (name == "--buffer") {  // for tests: not in the help
        result.chunk_size = number(1, std::size_t{1} << 24);
    } else if (name == "--fail-fast") {
        flag(result.fail_fast);
    } else if (name == "--counts") {
        flag(result.counts);
    } else if (name == "--help" || name == "-h") {
        flag(result.help);
    } else {
        throw usage_error(
            fmt::format("there is no option {}; --help shows those there are, and "
                        "after -- everything is a path",
                        name));
    }
}

}  // namespace

options parse_options(std::span<const char* const> arguments) {
    options result;
    result.workers = std::max(1U, std::thread::hardware_concurrency());
    argument_reader reader(arguments);
    bool only_paths = false;
    while (reader.next()) {
        if (only_paths || !reader.argument().starts_with('-')) {
            result.paths.emplace_back(reader.argument());
        } else if (reader.argument() == "--") {
            only_paths = true;
        } else {
            parse_option(reader, result);
        }
    }
    if (result.paths.empty()) result.paths.emplace_back("/usr/include");
    return result;
}

std::string_view help_text() {
    return R"(usage: wordcrunch [options] [path...]

Counts the identifiers in all files below the paths (/usr/include when there are none) and shows
the most frequent ones.

  --workers N      threads that count                               (one per core)
  --readers N      files that are read at the same time             (8)
  --capacity N     how much may wait in each channel; 0: hand over  (16)
  --top N          how many identifiers to show                     (20)
  --limit SECONDS  stop reading after this time, show what there is
  --fail-fast      stop at the first file that can't be read
  --counts         print every count and identifier instead, as sort | uniq -c does
  --help           this text

A file that can't be read is listed in the report. Ctrl-C shows what was counted so far, a second
one ends the program at once.

Exit status: 0, also when --limit stopped it or files were left out; 1 when something failed,
2 for a wrong option, 130 after Ctrl-C.
)";
}

}  // namespace wordcrunch
