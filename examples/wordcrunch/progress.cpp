// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include "report.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <unistd.h>

namespace wordcrunch {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view back_and_erase = "\r\x1b[K";

// The line on the terminal. Its destructor erases it: cancellation destroys the locals of a task,
// so no other clean-up is needed.
class status_line {
 public:
    status_line() = default;
    status_line(const status_line&) = delete;
    status_line& operator=(const status_line&) = delete;
    ~status_line() { put(back_and_erase); }

    void draw(const meters& seen) {
        static constexpr std::array<std::string_view, 10> turning = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                                     "⠴", "⠦", "⠧", "⠇", "⠏"};
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
        const double speed = static_cast<double>(seen.bytes.value()) / 1e6 / passed.count();
        put(fmt::format("{}{} {} files, {}, {:.0f} MB/s", back_and_erase,
                        turning[drawn_++ % turning.size()], with_commas(seen.files.value()),
                        as_megabytes(seen.bytes.value()), speed));
    }

 private:
    static void put(std::string_view text) {
        std::fwrite(text.data(), 1, text.size(), stderr);
        std::fflush(stderr);
    }

    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::size_t drawn_ = 0;
};

}  // namespace

covey::task<> show_progress(const meters& seen) {
    if (::isatty(STDERR_FILENO) == 0) co_return;
    status_line line;
    for (;;) {
        co_await covey::sleep_for(100ms);
        line.draw(seen);
    }
}

}  // namespace wordcrunch
