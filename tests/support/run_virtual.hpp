// SPDX-License-Identifier: BSL-1.0
#pragma once

// How the tests run covey: in virtual time, on one worker, in the order of a seed, and with a look
// afterwards at what is left. A failing test prints the seed; COVEY_SEED=n repeats that one alone.

#include "support/catch.hpp"

#include <covey/run.hpp>
#include <covey/testing.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace support {

inline constexpr std::uint64_t default_seed = 1;

// The seeds of a test whose order is free: `for (const std::uint64_t seed : support::seeds())`.
inline std::vector<std::uint64_t> seeds(std::size_t count = 20) {
    if (const char* wanted = std::getenv("COVEY_SEED")) return {std::strtoull(wanted, nullptr, 10)};
    std::vector<std::uint64_t> result;
    for (std::uint64_t seed = default_seed; result.size() < count; ++seed) result.push_back(seed);
    return result;
}

// "" when nothing of covey is alive.
inline std::string left_behind() {
    const covey::testing::leak_report report = covey::testing::leaks();
    return report.any() ? covey::testing::to_string(report) : "";
}

// covey::run, and nothing may be left of it, whether it returns or throws.
template <class F>
auto run_checked(covey::run_options options, F&& main) {
    const auto check = [] { CHECK(left_behind() == ""); };
    using result = decltype(covey::run(options, std::forward<F>(main)));
    try {
        if constexpr (std::is_void_v<result>) {
            covey::run(options, std::forward<F>(main));
            check();
        } else {
            result value = covey::run(options, std::forward<F>(main));
            check();
            return value;
        }
    } catch (...) {
        check();
        throw;
    }
}

// The same in virtual time that starts at zero, on one worker, in the order of the seed.
template <class F>
auto run_virtual(std::uint64_t seed, F&& main) {
    INFO("COVEY_SEED=" << seed);
    covey::testing::virtual_clock clock;
    return run_checked({.workers = 1, .clock = &clock, .seed = seed}, std::forward<F>(main));
}
template <class F>
    requires(!std::is_integral_v<std::remove_cvref_t<F>>)
auto run_virtual(F&& main) {
    return run_virtual(default_seed, std::forward<F>(main));
}

// Virtual time since the run began.
inline covey::duration elapsed() { return covey::now().time_since_epoch(); }

// What fn throws, which has to be an E.
template <class E, class F>
E thrown_by(F&& fn) {
    try {
        std::forward<F>(fn)();
    } catch (const E& error) {
        return error;
    }
    throw std::logic_error("nothing was thrown");
}

// What an error says.
inline std::string message_of(const std::exception_ptr& error) {
    if (!error) return "no error";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "not a std::exception";
    }
}

// The messages of a group's errors, in its order: a group's own `exceptions()`.
template <class Group>
std::vector<std::string> messages_of(const Group& group) {
    std::vector<std::string> result;
    for (const std::exception_ptr& error : group.exceptions()) result.push_back(message_of(error));
    return result;
}

// States the order of what happens: `trace.step(1)` ... `trace.done(7)`, or notes what happens, to
// be compared at the end. For one worker.
class trace {
 public:
    // This is the number-th step, counted from 1.
    void step(std::size_t number) {
        ++steps_;
        CHECK(steps_ == number);
    }
    // ... and the last.
    void done(std::size_t number) {
        step(number);
        CHECK_FALSE(std::exchange(done_, true));
    }
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }

    void note(std::string what) { notes_.push_back(std::move(what)); }
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
    // "a b c"
    [[nodiscard]] std::string text() const {
        std::string result;
        for (const std::string& each : notes_) result += (result.empty() ? "" : " ") + each;
        return result;
    }

 private:
    std::size_t steps_ = 0;
    bool done_ = false;
    std::vector<std::string> notes_;
};

}  // namespace support
