// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

namespace wordcrunch {

namespace {

using text = fmt::memory_buffer;

constexpr std::size_t longest_word = 36;
constexpr std::size_t longest_bar = 60;

template <class... Args>
void put(text& out, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

double in_seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

// Colours, or nothing at all where no terminal shows them.
struct paint {
    bool on;
    [[nodiscard]] std::string operator()(std::string_view code, std::string_view words) const {
        return on ? fmt::format("\x1b[{}m{}\x1b[0m", code, words) : std::string(words);
    }
    [[nodiscard]] std::string heading(std::string_view words) const { return (*this)("2", words); }
    [[nodiscard]] std::string bars(std::string_view words) const { return (*this)("36", words); }
    [[nodiscard]] std::string warning(std::string_view words) const {
        return (*this)("1;33", words);
    }
};

std::string shortened(std::string_view word) {
    if (word.size() <= longest_word) return std::string(word);
    return std::string(word.substr(0, longest_word - 1)) + "…";
}

std::string plural(std::uint64_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", with_commas(number), number == 1 ? one : many);
}

// A file's name may hold anything; a control character must not reach the terminal.
std::string printable(std::string name) {
    const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < ' '; };
    std::replace_if(name.begin(), name.end(), is_control, '?');
    return name;
}

// The most frequent first; the alphabet decides between equals.
std::vector<counted_word> most_frequent(const word_counts& words, std::size_t top) {
    std::vector<counted_word> all = words.all();
    const auto shown = static_cast<std::ptrdiff_t>(std::min(top, all.size()));
    std::partial_sort(all.begin(), all.begin() + shown, all.end(),
                      [](const counted_word& left, const counted_word& right) {
                          if (left.count != right.count) return left.count > right.count;
                          return left.word < right.word;
                      });
    all.resize(static_cast<std::size_t>(shown));
    return all;
}

void put_words(text& out, const crunch_result& result, const report_style& style, paint ink) {
    const std::vector<counted_word> top = most_frequent(result.words, style.top);
    if (top.empty()) return;
    std::size_t word_width = 0;
    for (const counted_word& each : top) word_width = std::max(word_width, each.word.size());
    word_width = std::min(word_width, longest_word);
    const std::size_t rank_width = std::max<std::size_t>(3, fmt::formatted_size("{}", top.size()));
    const auto most = static_cast<double>(top.front().count);
    const std::size_t count_width = with_commas(top.front().count).size();
    const std::size_t used = rank_width + word_width + count_width + 6;
    const std::size_t bar_width =
        std::clamp<std::size_t>(style.width > used ? style.width - used : 0, 8, longest_bar);

    std::size_t rank = 0;
    for (const counted_word& each : top) {
        const std::string drawn = bar(static_cast<double>(each.count), most, bar_width);
        put(out, "{:>{}}  {:<{}}  {:>{}}  {}\n", ++rank, rank_width, shortened(each.word),
            word_width, with_commas(each.count), count_width, ink.bars(drawn));
    }
    put(out, "\n");
}

void put_totals(text& out, const crunch_result& result, paint ink) {
    const double seconds = in_seconds(result.elapsed);
    const double speed = seconds > 0 ? static_cast<double>(result.bytes) / 1e6 / seconds : 0;
    if (result.stopped != stop_reason::none) {
        const auto* who = result.stopped == stop_reason::limit ? "--limit" : "Ctrl-C";
        put(out, "{}\n",
            ink.warning(
                fmt::format("A partial result: {} stopped it after {:.2f} s.", who, seconds)));
    }
    put(out, "{}, {} in {:.2f} s: {:.0f} MB/s\n", plural(result.files, "file", "files"),
        as_megabytes(result.bytes), seconds, speed);
    put(out, "{}, {} different\n", plural(result.total_words, "identifier", "identifiers"),
        with_commas(result.words.distinct()));
}

// A bar at the end of a line; no blanks where there is nothing to draw.
std::string last_bar(double part, double whole, paint ink) {
    const std::string drawn = bar(part, whole, 24);
    return drawn.empty() ? drawn : "  " + ink.bars(drawn);
}

// How busy each stage was: of the time that its tasks had, the part in which they worked.
void put_stages(text& out, const crunch_result& result, paint ink) {
    if (result.stages.empty()) return;
    put(out, "\n{}\n", ink.heading("stage     tasks     time   busy"));
    for (const stage_times& each : result.stages) {
        const double seconds = in_seconds(each.busy);
        const double all = in_seconds(result.elapsed) * each.tasks;
        const double share = all > 0 ? std::min(1.0, seconds / all) : 0;
        put(out, "{:<8}  {:>5}  {:>5.2f} s  {:>3.0f} %{}\n", each.name, each.tasks, seconds,
            share * 100, last_bar(share, 1, ink));
    }
}

void put_channels(text& out, const crunch_result& result, paint ink) {
    if (result.channels.empty()) return;
    put(out, "\n{}\n", ink.heading("channel   holds            peak"));
    for (const channel_fill& each : result.channels) {
        const auto peak = static_cast<double>(each.peak);
        put(out, "{:<8}  {:>5}  {:>14}{}\n", each.name, each.capacity, each.peak,
            last_bar(peak, static_cast<double>(each.capacity), ink));
    }
}

}  // namespace

std::string with_commas(std::uint64_t number) {
    std::string digits = fmt::to_string(number);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

std::string as_megabytes(std::uint64_t bytes) {
    if (bytes < 10'000) return plural(bytes, "byte", "bytes");
    return fmt::format("{:.{}f} MB", static_cast<double>(bytes) / 1e6, bytes < 1'000'000 ? 2 : 1);
}

// Drawn in eighths of a column; what is more than nothing shows at least one of them.
std::string bar(double part, double whole, std::size_t width) {
    static constexpr std::array<std::string_view, 8> eighths = {"",  "▏", "▎", "▍",
                                                                "▌", "▋", "▊", "▉"};
    if (part <= 0 || whole <= 0) return {};
    const double columns = std::min(1.0, part / whole) * static_cast<double>(width);
    const auto drawn = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(columns * 8)));
    std::string result;
    for (std::size_t column = 0; column < drawn / 8; ++column) result += "█";
    return result.append(eighths[drawn % 8]);
}

std::string draw_report(const crunch_result& result, const report_style& style) {
    text out;
    const paint ink{style.colour};
    put(out, "\n");
    put_words(out, result, style, ink);
    put_totals(out, result, ink);
    put_stages(out, result, ink);
    put_channels(out, result, ink);
    if (result.skipped.count > 0) put(out, "\n{}", list_skipped(result.skipped));
    return fmt::to_string(out);
}

std::string list_counts(const word_counts& words) {
    std::vector<counted_word> sorted = words.all();
    std::sort(
        sorted.begin(), sorted.end(),
        [](const counted_word& left, const counted_word& right) { return left.word < right.word; });
    text out;
    for (const counted_word& each : sorted) put(out, "{:>7} {}\n", each.count, each.word);
    return fmt::to_string(out);
}

std::string list_skipped(const skipped_files& skipped) {
    if (skipped.count == 0) return {};
    text out;
    put(out, "{} could not be read:\n", plural(skipped.count, "path", "paths"));
    for (const skipped_file& each : skipped.first) {
        put(out, "  {}: {}\n", printable(each.path), each.reason);
    }
    if (skipped.count > skipped.first.size()) {
        put(out, "  ... and {} more\n", with_commas(skipped.count - skipped.first.size()));
    }
    return fmt::to_string(out);
}

}  // namespace wordcrunch
