// SPDX-License-Identifier: BSL-1.0
// The arithmetic of docs/guide/restarts.md, computed and then watched: how long a failing child is
// started again, and when its supervisor gives up. Ends with 1 if a formula and a run differ.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using seconds = std::chrono::duration<double>;

bool all_as_computed = true;

// The pause after the n-th incident in a row, n from 1, before jitter.
seconds pause_after(const covey::backoff& policy, unsigned n) {
    const seconds exact = seconds(policy.first) * std::pow(policy.factor, n - 1);
    return std::min(seconds(policy.max), exact);
}

// How long R restarts in a row take, for a child that each time runs for `life`.
seconds duration_of_restarts(const covey::supervisor_options& options, seconds life) {
    const seconds calm = (seconds(options.backoff.first) + seconds(options.backoff.max)) / 2;
    seconds sum = 0s;
    for (unsigned n = 1; n <= options.intensity; ++n)
        sum += life + pause_after(options.backoff, life >= calm ? 1 : n);
    return sum;
}

covey::task<> run_and_fail(covey::duration life, int& starts) {
    ++starts;
    co_await covey::sleep_for(life);
    throw std::runtime_error("failed again");
}

// What became of such a child in an hour.
struct story {
    int starts = 0;
    std::vector<covey::duration> pauses;
    std::optional<covey::duration> gave_up;  // after the first failure
};

covey::task<story> watch(covey::supervisor_options options, covey::duration life) {
    story told;
    std::optional<covey::supervisor_handle> log;
    const auto begin = covey::now();
    const auto ended = co_await covey::attempt([&]() -> covey::task<> {
        co_await covey::move_on_after(
            1h, covey::with_supervisor(options, [&](covey::supervisor& owner) -> covey::task<> {
                log = owner.handle();
                co_await owner.start({.grace = 0s}, run_and_fail, life, std::ref(told.starts));
            }));
    });
    for (const covey::supervision_event& event : log->events())
        if (event.what == covey::supervision_event::kind::backoff)
            told.pauses.push_back(event.delay);
    if (ended.error()) told.gave_up = covey::now() - begin - life;
    co_return told;
}

std::string in_words(const std::optional<covey::duration>& gave_up) {
    return gave_up ? fmt::format("gives up after {:.2f} s", seconds(*gave_up).count())
                   : std::string("is started for ever");
}

void expect(bool as_computed) {
    if (as_computed) return;
    fmt::print("    not as computed!\n");
    all_as_computed = false;
}

constexpr covey::backoff without_jitter = {.jitter = 0};

covey::task<> show_sequence() {
    const covey::supervisor_options defaults = {.backoff = without_jitter};
    const story told = co_await watch(defaults, 0s);
    fmt::print("the defaults: 5 in 30 s, first 0.05 s, factor 2, max 10 s\n");
    fmt::print("  incident  after    pause\n");
    seconds after = 0s;
    for (unsigned n = 1; n <= told.pauses.size(); ++n) {
        const seconds pause = told.pauses[n - 1];
        fmt::print("  {:>8}  {:4.2f} s   {:4.2f} s\n", n, after.count(), pause.count());
        expect(std::abs((pause - pause_after(without_jitter, n)).count()) < 1e-6);
        after += pause;
    }
    fmt::print("  {:>8}  {:4.2f} s   gives up\n", told.pauses.size() + 1, after.count());
}

covey::task<> show_budget(unsigned intensity, covey::duration period, covey::backoff pauses,
                          covey::duration life) {
    const covey::supervisor_options options = {
        .intensity = intensity, .period = period, .backoff = pauses};
    const seconds needed = duration_of_restarts(options, life);
    const story told = co_await watch(options, life);
    fmt::print("  {} in {:>3.0f} s  {:>5.2f} s  {:>5.2f} s   {:>6.2f} s  {}\n", intensity,
               seconds(period).count(), seconds(pauses.first).count(), seconds(life).count(),
               needed.count(), in_words(told.gave_up));
    expect(told.gave_up.has_value() == (needed <= seconds(period)));
    if (told.gave_up) expect(std::abs((seconds(*told.gave_up) - needed).count()) < 1e-6);
}

covey::task<> show_budgets() {
    fmt::print("\nwhen a budget is used up\n");
    fmt::print("  budget     first    life     R times    the supervisor\n");
    const covey::backoff patient = {.first = 2s, .jitter = 0};
    const covey::backoff too_patient = {.first = 10s, .max = 60s, .jitter = 0};
    co_await show_budget(5, 30s, without_jitter, 0s);
    co_await show_budget(5, 30s, without_jitter, 4s);
    co_await show_budget(5, 30s, without_jitter, 5500ms);
    co_await show_budget(5, 30s, without_jitter, 6s);
    co_await show_budget(3, 5s, without_jitter, 0s);
    co_await show_budget(5, 30s, patient, 0s);
    co_await show_budget(5, 60s, patient, 0s);
    co_await show_budget(5, 30s, too_patient, 0s);
    co_await show_budget(5, 30s, covey::backoff::none(), 0s);
}

// A supervisor in a supervisor in ..., each with the defaults.
covey::task<> nest(int levels, covey::duration outermost_period, int& starts) {
    if (levels == 0) co_await run_and_fail(0s, starts);
    co_await covey::with_supervisor({.period = outermost_period, .backoff = without_jitter},
                                    [&](covey::supervisor& owner) -> covey::task<> {
                                        co_await owner.start({.grace = 0s}, nest, levels - 1,
                                                             covey::duration(30s),
                                                             std::ref(starts));
                                    });
}

covey::task<> show_nested(int levels, covey::duration outermost_period) {
    int starts = 0;
    const auto begin = covey::now();
    const auto ended = co_await covey::attempt([&]() -> covey::task<> {
        co_await covey::move_on_after(1h, nest(levels, outermost_period, starts));
    });
    std::optional<covey::duration> gave_up;
    if (ended.error()) gave_up = covey::now() - begin;
    fmt::print("  {}        5 in {:>3.0f} s  {:>5}   {}\n", levels,
               seconds(outermost_period).count(), starts, in_words(gave_up));
    if (gave_up) expect(starts == static_cast<int>(std::pow(6, levels)));
}

covey::task<> show_multiplication() {
    fmt::print("\nsupervisors in each other: 6 starts each\n");
    fmt::print("  levels   outermost    starts   the outermost\n");
    co_await show_nested(1, 30s);
    co_await show_nested(2, 30s);
    co_await show_nested(3, 30s);
    co_await show_nested(3, 60s);
}

// Six children that lost the same server: when they come back to it.
covey::task<> show_herd(double jitter) {
    std::vector<covey::time_point> returns;
    const covey::backoff policy = {.first = 1s, .jitter = jitter};
    co_await covey::with_supervisor(
        {.intensity = 100, .backoff = policy}, [&](covey::supervisor& owner) -> covey::task<> {
            for (int child = 1; child <= 6; ++child) {
                co_await owner.start({}, [&, begin = covey::now()]() -> covey::task<> {
                    co_await covey::checkpoint();
                    if (covey::now() == begin) throw std::runtime_error("connection lost");
                    returns.push_back(covey::now() - (begin - covey::time_point()));
                });
            }
        });
    std::sort(returns.begin(), returns.end());
    fmt::print("  {:.1f}    ", jitter);
    for (const auto at : returns) fmt::print(" {:.2f} s", seconds(at.time_since_epoch()).count());
    fmt::print("\n");
}

// Starting anew doesn't heal a mistake in the program.
covey::verdict by_kind(const covey::child_info& child, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::logic_error&) {
        fmt::print("  {}, incarnation {}: escalate\n", child.name, child.incarnation);
        return covey::verdict::escalate;
    } catch (...) {
        fmt::print("  {}, incarnation {}: restart\n", child.name, child.incarnation);
        return covey::verdict::restart;
    }
}

covey::task<> log_in(int& attempts) {
    co_await covey::sleep_for(1s);
    if (++attempts < 3) throw std::runtime_error("no connection");
    throw std::invalid_argument("no such user");
}

covey::task<> show_verdicts() {
    fmt::print("\nerrors of two kinds\n");
    int attempts = 0;
    const auto ended = co_await covey::attempt(covey::with_supervisor(
        {.name = "mail", .decide = by_kind}, [&](covey::supervisor& owner) -> covey::task<> {
            co_await owner.start({.name = "login"}, log_in, std::ref(attempts));
        }));
    try {
        std::rethrow_exception(ended.error());
    } catch (const covey::exception_group& error) {
        fmt::print("{}\n", error.what());
    }
}

covey::task<> show_all() {
    co_await show_sequence();
    co_await show_budgets();
    co_await show_multiplication();
    fmt::print("\nsix children that fail together come back after\n  jitter\n");
    co_await show_herd(0);
    co_await show_herd(0.2);
    co_await show_verdicts();
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, show_all);
    return all_as_computed ? 0 : 1;
}
