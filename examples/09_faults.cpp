// SPDX-License-Identifier: BSL-1.0
//
// Jobs that are counted while they are in progress. The count is right in every order, and wrong
// after an error. sweep_callbacks() lets each call of the program's code throw in turn, and finds
// the one that matters; sweep_allocations() does the same with memory.

#include <covey/covey.hpp>
#include <covey/replace_new.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <functional>
#include <stdexcept>

using job = covey::task<> (*)(int& in_progress);

covey::task<> careless(int& in_progress) {
    ++in_progress;
    co_await covey::to_thread([] { /* work */ });
    --in_progress;
}

class counted {
 public:
    explicit counted(int& count) : count_(count) { ++count_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --count_; }

 private:
    int& count_;
};

covey::task<> careful(int& in_progress) {
    const counted one(in_progress);
    co_await covey::to_thread([] { /* work */ });
}

covey::task<> two_jobs(job work) {
    int in_progress = 0;
    try {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_soon({.name = "first"}, work, std::ref(in_progress));
            nursery.start_soon({.name = "second"}, work, std::ref(in_progress));
            co_return;
        });
    } catch (const covey::exception_group&) {
        // Written to the log, and on.
    }
    if (in_progress != 0) throw std::logic_error(fmt::format("{} still in progress", in_progress));
}

int main() {
    const auto in_any_order = covey::testing::explore([] { return two_jobs(careless); });
    fmt::print("careless, in any order: {}\n", in_any_order.report());

    const auto found = covey::testing::sweep_callbacks([] { return two_jobs(careless); });
    fmt::print("careless, with errors: {}", found.report());

    const auto with_errors = covey::testing::sweep_callbacks([] { return two_jobs(careful); });
    fmt::print("careful, with errors: {}\n", with_errors.report());

    const auto no_memory = covey::testing::sweep_allocations([] { return two_jobs(careful); });
    fmt::print("careful, without memory: {}\n", no_memory ? "none failed" : no_memory.report());
}
