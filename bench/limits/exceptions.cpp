// SPDX-License-Identifier: BSL-1.0
#include "limits.hpp"

#include <array>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

namespace limits {

namespace {

constexpr u64 count = 300'000;
volatile int sink = 0;

struct guard {
    ~guard() { sink = sink + 1; }
};

[[gnu::noinline]] void throw_through(int frames) {
    if (frames <= 1) throw std::runtime_error("x");
    const guard each;
    throw_through(frames - 1);
}
[[gnu::noinline]] int return_through(int frames) {
    if (frames <= 1) return -1;
    const guard each;
    return return_through(frames - 1);
}

double throw_and_catch(int frames) {
    const u64 start = now();
    for (u64 i = 0; i < count; ++i) {
        try {
            throw_through(frames);
        } catch (const std::exception&) {
            sink = 1;
        }
    }
    return static_cast<double>(now() - start) / static_cast<double>(count);
}

// Unwinding takes a lock in some C libraries.
double throw_on_two_threads(int frames) {
    std::atomic<int> ready{0};
    std::array<double, 2> taken{};
    const auto run = [&](int cpu) {
        pin(cpu);
        ++ready;
        while (ready < 2) spin_pause();
        taken[static_cast<std::size_t>(cpu)] = throw_and_catch(frames);
    };
    std::thread one(run, 0);
    std::thread other(run, 1);
    one.join();
    other.join();
    return (taken[0] + taken[1]) / 2;
}

}  // namespace

void exceptions() {
    throw_and_catch(1);  // finds the tables
    for (const int frames : {1, 10}) {
        const std::string name = "throw_" + std::to_string(frames) + "_frames";
        metric(name, throw_and_catch(frames));
        metric(name + "_two_threads", throw_on_two_threads(frames));
    }
    measure("return_10_frames", 10'000'000, [] { sink = return_through(10); });
    measure("rethrow_exception_ptr", count, [] {
        static const auto error = std::make_exception_ptr(std::runtime_error("y"));
        try {
            std::rethrow_exception(error);
        } catch (const std::exception&) {
            sink = 2;
        }
    });
}

}  // namespace limits
