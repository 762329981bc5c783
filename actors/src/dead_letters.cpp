// SPDX-License-Identifier: BSL-1.0
//
// What       The dead letters of the process: counters, and channels for those who look.
// Threads    The counters are atomic, the list of channels under a mutex; so no dead letter costs
//            more than a counter where nobody looks.
// Lifetime   The office lives as long as the process, and is not destroyed at its end.

#include <covey/dead_letters.hpp>

#include "actor_cell.hpp"

#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/thread.hpp>

#include <utility>
#include <vector>

namespace covey {

using lowlevel::mutex_guard;
using lowlevel::order;

namespace detail {

namespace {

struct office_books {
    lowlevel::atomic<std::uint64_t> counts[dead_letter_reasons];
    lowlevel::atomic<bool> is_watched{false};
    lowlevel::mutex lock;
    std::vector<send_channel<dead_letter>> samples;  // guarded by lock
};

office_books& books() noexcept {
    static auto* const open = new office_books();
    return *open;
}

// The process keeps the sending end, not a run: testing::leaks() doesn't count it.
void count_out(int change) noexcept { lowlevel::count(lowlevel::counted::handles, change); }

bool is_over(const send_channel<dead_letter>& sample) {
    return sample.statistics().open_receive_channels == 0;
}

void forget_finished(std::vector<send_channel<dead_letter>>& samples) {
    for (std::size_t i = samples.size(); i-- != 0;) {
        if (!is_over(samples[i])) continue;
        count_out(+1);
        samples.erase(samples.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

}  // namespace

void record_dead_letter(const actor_cell& cell, const message_type& type, dead_letter_reason why,
                        const std::exception_ptr& error) noexcept {
    office_books& office = books();
    office.counts[static_cast<std::size_t>(why)].fetch_add(1, order::relaxed);
    if (!office.is_watched.load(order::relaxed)) return;
    try {
        const dead_letter letter{cell.id(), cell.name(),        readable_type(type.name()),
                                 why,       cell.incarnation(), error};
        const mutex_guard held(office.lock);
        forget_finished(office.samples);
        for (const auto& sample : office.samples) static_cast<void>(sample.try_send(letter));
        office.is_watched.store(!office.samples.empty(), order::relaxed);
    } catch (...) {  // without memory for the text it is only counted
    }
}

}  // namespace detail

const char* to_string(dead_letter_reason reason) noexcept {
    switch (reason) {
        case dead_letter_reason::stopped: return "stopped";
        case dead_letter_reason::overflow: return "overflow";
        case dead_letter_reason::failed: return "failed";
        case dead_letter_reason::cancelled: return "cancelled";
        case dead_letter_reason::restarted: return "restarted";
    }
    return "unknown";
}

std::uint64_t dead_letter_office::count(dead_letter_reason reason) const noexcept {
    return detail::books().counts[static_cast<std::size_t>(reason)].load(order::relaxed);
}

std::uint64_t dead_letter_office::total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& each : detail::books().counts) sum += each.load(order::relaxed);
    return sum;
}

receive_channel<dead_letter> dead_letter_office::sample(std::size_t capacity) {
    detail::office_books& office = detail::books();
    auto ends = open_memory_channel<dead_letter>(capacity, overflow::drop_newest);
    const mutex_guard held(office.lock);
    detail::forget_finished(office.samples);
    office.samples.push_back(std::move(ends.first));
    detail::count_out(-1);
    office.is_watched.store(true, order::relaxed);
    return std::move(ends.second);
}

dead_letter_office& dead_letters() noexcept {
    static auto* const office = new dead_letter_office();
    return *office;
}

}  // namespace covey
