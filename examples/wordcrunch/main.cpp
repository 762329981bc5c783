// SPDX-License-Identifier: BSL-1.0
// wordcrunch counts the identifiers in a tree of files, on all cores, in bounded memory.
//
// It shows a pipeline of memory channels under nurseries: files are found and read on blocking
// threads (covey::to_thread), many readers feed many counting tasks through clones of one bounded
// channel, and each stage ends because the one before it has let go of its sending ends. A time
// limit and Ctrl-C cancel the reading stages only; an error cancels and joins everything.
//
// Read next: stages.hpp (what flows where), pipeline.cpp (how it is put together), stages.cpp.
#include "options.hpp"
#include "pipeline.hpp"
#include "report.hpp"

#include <covey/covey.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

constexpr int failed = 1;
constexpr int wrong_usage = 2;
constexpr int interrupted = 130;

void print(std::string_view text) {
    const std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
    if (written != text.size() || std::fflush(stdout) != 0) {
        throw std::runtime_error("cannot write to standard output");
    }
}

void complain(std::string_view text) { fmt::print(stderr, "wordcrunch: {}\n", text); }

wordcrunch::report_style style_of_output(const wordcrunch::options& wanted) {
    wordcrunch::report_style style{.top = wanted.top};
    if (::isatty(STDOUT_FILENO) == 0) return style;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        style.width = size.ws_col;
    style.colour = std::getenv("NO_COLOR") == nullptr;
    return style;
}

// The counts alone go to standard output; what else there is to say, to standard error.
void print_counts(const wordcrunch::crunch_result& result) {
    print(wordcrunch::list_counts(result.words));
    if (result.stopped != wordcrunch::stop_reason::none) complain("these are partial counts");
    fmt::print(stderr, "{}", wordcrunch::list_skipped(result.skipped));
}

int count_and_report(const wordcrunch::options& wanted) {
    const covey::run_options run_options{.workers = wanted.workers};
    const wordcrunch::crunch_result result = covey::run(run_options, wordcrunch::crunch, wanted);
    if (wanted.counts) {
        print_counts(result);
    } else {
        print(wordcrunch::draw_report(result, style_of_output(wanted)));
    }
    return result.stopped == wordcrunch::stop_reason::interrupt ? interrupted : EXIT_SUCCESS;
}

// A nursery gives its errors as a group. Usually it holds one, which says all there is to say.
void complain(const covey::exception_group& errors) {
    try {
        if (const std::exception_ptr error = errors.only()) std::rethrow_exception(error);
        complain(errors.what());
    } catch (const std::exception& error) {
        complain(error.what());
    }
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const wordcrunch::options wanted =
            wordcrunch::parse_options({arguments + 1, static_cast<std::size_t>(count - 1)});
        if (wanted.help) {
            print(wordcrunch::help_text());
            return EXIT_SUCCESS;
        }
        return count_and_report(wanted);
    } catch (const wordcrunch::usage_error& error) {
        complain(error.what());
        return wrong_usage;
    } catch (const covey::exception_group& errors) {
        complain(errors);
        return failed;
    } catch (const std::exception& error) {
        complain(error.what());
        return failed;
    }
}
