// SPDX-License-Identifier: BSL-1.0
// A function that waits must be a checkpoint always, not only when it really has to wait: else a
// loop over it can neither be cancelled nor does it let others run. expect_checkpoints() catches
// one that forgets it when the answer is there already.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
    const std::chrono::duration<double> time = covey::now().time_since_epoch();
    fmt::print("{:4.1f} s  {}\n", time.count(), what);
}

// Gives the temperature; asks for it at most once.
class thermometer {
 public:
    covey::task<double> read() {
        if (!known_) {
            co_await covey::sleep_for(1s);
            known_ = 21.5;
        }
        co_return *known_;
    }
    covey::task<double> read_politely() {
        if (known_)
            co_await covey::checkpoint();
        else
            co_await read();
        co_return *known_;
    }

 private:
    std::optional<double> known_;
};

covey::task<> check(std::string_view what, covey::task<double> reading) {
    const auto result =
        co_await covey::attempt(covey::testing::expect_checkpoints(std::move(reading)));
    try {
        static_cast<void>(result.value());
        say(fmt::format("{}: fine", what));
    } catch (const covey::checkpoint_error& error) {
        say(fmt::format("{}: {}", what, error.what()));
    }
}

covey::task<> inspect() {
    thermometer kitchen;
    co_await check("first read()", kitchen.read());
    co_await check("second read()", kitchen.read());
    co_await check("read_politely()", kitchen.read_politely());
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.workers = 1, .clock = &clock}, inspect);
}
