// SPDX-License-Identifier: BSL-1.0
//
// What       A strategy answers every question of a simulated run; a seed says which strategy, and
//            so names the schedule:
//
//                bits 63-60   what the others are
//                0            the seed of a random schedule
//                1            depth (4 bits), steps that are expected (24), seed (32)
//                2            the choices themselves, as one number: see path_strategy
//                3            how many paths come before this one
//                4            the step before which main is cancelled (28), seed of a random one
//                (32)
//
//            explore() runs one schedule after the other; the one that fails is run again to write
//            down what was chosen.

#include <covey/explore.hpp>

#include "describe.hpp"
#include "runtime_core.hpp"
#include "splitmix.hpp"

#include <covey/exception_group.hpp>
#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/lowlevel/fault_point.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <vector>

namespace covey::detail {

using testing::exploration;
using testing::explore_options;
using testing::explore_result;

namespace {

enum class seed_kind : unsigned {
    random,
    pct,
    path,
    path_number,
    cancellation,
    failed_allocation,
    thrown_error
};

constexpr unsigned bits_of_kind = 4;
constexpr unsigned payload_bits = 64 - bits_of_kind;
constexpr std::uint64_t most_payload = (std::uint64_t(1) << payload_bits) - 1;
constexpr std::uint64_t most_seed = 0xffff'ffff;
constexpr unsigned most_depth = 15;
constexpr std::uint64_t most_steps_in_seed = (1U << 24) - 1;
constexpr std::uint64_t most_moments = (1U << 28) - 1;

constexpr std::uint64_t make_seed(seed_kind kind, std::uint64_t payload) noexcept {
    return std::uint64_t(kind) << payload_bits | payload;
}
constexpr seed_kind kind_of(std::uint64_t seed) noexcept {
    return static_cast<seed_kind>(seed >> payload_bits);
}
constexpr std::uint64_t payload_of(std::uint64_t seed) noexcept { return seed & most_payload; }
// Of what is too various to be chosen: jitter, names.
constexpr std::uint64_t seed_of_chance(std::uint64_t seed) noexcept {
    const bool is_path =
        kind_of(seed) == seed_kind::path || kind_of(seed) == seed_kind::path_number;
    return is_path ? 0 : ~(seed & most_seed);
}

class random_strategy : public strategy {
 public:
    explicit random_strategy(std::uint64_t seed) noexcept : state_(seed) {}
    using strategy::choose;
    std::size_t choose(std::size_t count) override { return splitmix(state_) % count; }

 protected:
    std::uint64_t state_;
};

// Who has the highest priority goes on. Low ones are given at the steps where it changes.
class pct_strategy final : public random_strategy {
 public:
    explicit pct_strategy(std::uint64_t payload) : random_strategy(payload & most_seed) {
        const std::uint64_t steps =
            std::max<std::uint64_t>(1, (payload >> 32U) & most_steps_in_seed);
        lowest_ = (payload >> 56U) & most_depth;
        for (std::uint64_t i = 1; i < lowest_; ++i) changes_.push_back(splitmix(state_) % steps);
    }
    using random_strategy::choose;
    std::size_t choose(std::span<const candidate> ready) override {
        std::size_t best = 0;
        for (std::size_t i = 0; i != ready.size(); ++i)
            if (priority_of(ready[i]) > priority_of(ready[best])) best = i;
        if (std::count(changes_.begin(), changes_.end(), step_++) != 0)
            priority_of(ready[best]) = --lowest_;
        return best;
    }
    bool wants_numbers() const noexcept override { return true; }

 private:
    std::uint64_t& priority_of(const candidate& each) {
        while (priorities_.size() <= each.number)
            priorities_.push_back(most_depth + 1 + (splitmix(state_) >> 8U));
        return priorities_[each.number];
    }

    std::uint64_t lowest_;  // every priority so far is higher
    std::vector<std::uint64_t> changes_;
    std::vector<std::uint64_t> priorities_;  // by the candidate's number
    std::uint64_t step_ = 0;
};

// A path through the tree of choices, and the next one, depth first. A path has a number: its first
// choice is the lowest digit, of as many values as there were to choose from.
class path_strategy final : public strategy {
 public:
    using strategy::choose;
    std::size_t choose(std::size_t count) override {
        if (depth_ == path_.size()) path_.push_back({0, count});
        node& here = path_[depth_++];
        is_same_program_ = is_same_program_ && here.count == count;
        return std::min(here.picked, count - 1);
    }

    // False: there is none.
    [[nodiscard]] bool go_to_next() {
        depth_ = 0;
        while (!path_.empty() && path_.back().picked + 1 == path_.back().count) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().picked;
        return true;
    }
    // Null: too long for that.
    [[nodiscard]] std::optional<std::uint64_t> number() const noexcept {
        std::uint64_t number = 0;
        std::uint64_t weight = 1;  // of the next digit; 0: more than fits
        for (const node& each : path_) {
            if (each.picked != 0 && (weight == 0 || each.picked > (most_payload - number) / weight))
                return std::nullopt;
            number += weight * each.picked;
            weight = weight > most_payload / each.count ? 0 : weight * each.count;
        }
        return number;
    }
    [[nodiscard]] bool is_same_program() const noexcept { return is_same_program_; }

 private:
    struct node {
        std::size_t picked;
        std::size_t count;
    };
    std::vector<node> path_;
    std::size_t depth_ = 0;
    bool is_same_program_ = true;
};

// The path with that number.
class numbered_path final : public strategy {
 public:
    explicit numbered_path(std::uint64_t number) noexcept : rest_(number) {}
    using strategy::choose;
    std::size_t choose(std::size_t count) override {
        const std::size_t picked = rest_ % count;
        rest_ /= count;
        return picked;
    }

 private:
    std::uint64_t rest_;
};

// ------------------------------------------------------------------------------- one schedule

testing::leak_report beyond(const testing::leak_report& before, const testing::leak_report& after) {
    const auto more = [](std::size_t was, std::size_t is) { return is > was ? is - was : 0; };
    return {.tasks = more(before.tasks, after.tasks),
            .frames = more(before.frames, after.frames),
            .waiters = more(before.waiters, after.waiters),
            .handles = more(before.handles, after.handles),
            .timers = more(before.timers, after.timers),
            .threads = more(before.threads, after.threads)};
}

// How one schedule ended.
struct outcome {
    std::exception_ptr error;       // what it failed with; or null
    std::exception_ptr ended_with;  // what main threw because of the injection, which is no failure
    std::size_t steps = 0;
    std::size_t moments = 0;         // when a fault could have been injected
    std::string choices, task_tree;  // if they were written down
};

template <class E>
bool is(const std::exception_ptr& error) {
    try {
        if (error) std::rethrow_exception(error);
    } catch (const E&) {
        return true;
    } catch (...) {
    }
    return false;
}

// Or a group that has one in it.
template <class E>
bool has(const std::exception_ptr& error) {
    try {
        if (error) std::rethrow_exception(error);
    } catch (const E&) {
        return true;
    } catch (const exception_group& group) {
        return group.find<E>() != nullptr;
    } catch (...) {
    }
    return false;
}

// What comes of the injection itself isn't main's failure.
bool is_due_to(injection::kind injected, const std::exception_ptr& error) {
    switch (injected) {
        case injection::kind::none: return false;
        case injection::kind::cancellation: return is<cancelled_error>(error);
        case injection::kind::failed_allocation: return has<std::bad_alloc>(error);
        case injection::kind::thrown_error: return has<testing::injected_error>(error);
    }
    return false;
}

// What it failed with; or null.
std::exception_ptr error_of_run(program& main, simulation& chooses, injection fault,
                                std::exception_ptr& ended_with) {
    task_record& record = main.renew();
    const testing::leak_report before = testing::leaks();
    std::exception_ptr error;
    testing::virtual_clock clock;
    try {
        run_main(record, {.workers = 1, .clock = &clock, .seed = 0, .interrupts = false}, &chooses);
    } catch (...) {
        error = std::current_exception();
    }
    if (chooses.fault()) return chooses.fault();
    const bool was_injected = chooses.moments() >= fault.at;
    if (error && !(was_injected && is_due_to(fault.what, error))) return error;
    testing::leak_report left = beyond(before, testing::leaks());
    if (left.any() && error) {
        error = nullptr;  // and what it may have kept
        left = beyond(before, testing::leaks());
    }
    ended_with = std::move(error);
    if (!left.any()) return nullptr;
    return std::make_exception_ptr(
        testing::leak_error(fmt::format("something of covey outlives main: {}", to_string(left))));
}

outcome run_once(program& main, simulation& chooses, injection fault = {}) {
    chooses.inject(fault);
    outcome end;
    end.error = error_of_run(main, chooses, fault, end.ended_with);
    end.steps = chooses.steps();
    end.moments = chooses.moments();
    end.choices = chooses.choices();
    end.task_tree = chooses.task_tree();
    return end;
}

// A group's is a tree of what is in it.
std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const exception_group& group) {
        return group.what();
    } catch (...) {
        return describe(error);
    }
}

void throw_no_schedule(std::uint64_t seed) {
    throw std::invalid_argument(
        fmt::format("covey::testing::replay: {} names no schedule: take the number that explore() "
                    "has reported",
                    seed));
}

// Of all kinds that needn't run other schedules first.
std::unique_ptr<strategy> make_strategy(std::uint64_t seed) {
    const std::uint64_t payload = payload_of(seed);
    switch (kind_of(seed)) {
        case seed_kind::random: return std::make_unique<random_strategy>(payload);
        case seed_kind::pct: return std::make_unique<pct_strategy>(payload);
        case seed_kind::path: return std::make_unique<numbered_path>(payload);
        case seed_kind::cancellation:
        case seed_kind::failed_allocation:
        case seed_kind::thrown_error: return std::make_unique<random_strategy>(payload & most_seed);
        case seed_kind::path_number: break;
    }
    throw_no_schedule(seed);
    return nullptr;
}

injection injection_of(std::uint64_t seed) noexcept {
    const std::size_t moment = payload_of(seed) >> 32U;
    switch (kind_of(seed)) {
        case seed_kind::cancellation: return {injection::kind::cancellation, moment};
        case seed_kind::failed_allocation: return {injection::kind::failed_allocation, moment};
        case seed_kind::thrown_error: return {injection::kind::thrown_error, moment};
        default: return {};
    }
}

// While it lives, every frame and every task comes from operator new.
class unpooled {
 public:
    unpooled() noexcept = default;
    unpooled(const unpooled&) = delete;
    unpooled& operator=(const unpooled&) = delete;
    ~unpooled() { testing::set_frame_pool(before_); }

 private:
    const bool before_ = testing::set_frame_pool(false);
};

// To the path that has so many before it.
void walk_to(path_strategy& path, std::uint64_t number, program& main, std::size_t most_steps) {
    for (; number != 0; --number) {
        simulation chooses(path, 0, most_steps);
        static_cast<void>(run_once(main, chooses));
        if (!path.go_to_next()) throw_no_schedule(make_seed(seed_kind::path_number, number));
    }
}

// While it lives, calls of the program's code say so.
class sweep_of_callbacks {
 public:
    sweep_of_callbacks() noexcept {
        lowlevel::callback_sweeps.fetch_add(1, lowlevel::order::relaxed);
    }
    sweep_of_callbacks(const sweep_of_callbacks&) = delete;
    sweep_of_callbacks& operator=(const sweep_of_callbacks&) = delete;
    ~sweep_of_callbacks() { lowlevel::callback_sweeps.fetch_sub(1, lowlevel::order::relaxed); }
};

enum class recording : bool { off, on };

outcome run_schedule(std::uint64_t seed, program& main, std::size_t most_steps, recording how) {
    std::unique_ptr<strategy> chosen;
    if (kind_of(seed) == seed_kind::path_number) {
        auto path = std::make_unique<path_strategy>();
        walk_to(*path, payload_of(seed), main, most_steps);
        chosen = std::move(path);
    } else {
        chosen = make_strategy(seed);
    }
    simulation chooses(*chosen, seed_of_chance(seed), most_steps);
    if (how == recording::on) chooses.keep_record();
    const injection fault = injection_of(seed);
    std::optional<unpooled> frames;
    if (fault.what == injection::kind::failed_allocation) frames.emplace();
    std::optional<sweep_of_callbacks> callbacks;
    if (fault.what == injection::kind::thrown_error) callbacks.emplace();
    return run_once(main, chooses, fault);
}

// ----------------------------------------------------------------------------- many schedules

void check(const explore_options& options) {
    const auto refuse = [](const std::string& why) {
        throw std::invalid_argument("covey::testing::explore: " + why);
    };
    if (options.seed > most_seed || options.schedules > most_seed - options.seed)
        refuse("seeds are below 2^32, that of the last schedule too");
    if (options.how == exploration::pct && (options.depth < 1 || options.depth > most_depth))
        refuse(fmt::format("a depth of {} is not among 1 to {}", options.depth, most_depth));
    if (options.most_steps == 0) refuse("most_steps is 0, and main takes one at least");
    if (current_task_or_null() != nullptr) {
        throw std::logic_error(
            "covey::testing::explore inside a run: call it where covey::run would be called");
    }
}

class explorer {
 public:
    explorer(const explore_options& options, program& main) : options_(options), main_(main) {}

    explore_result run() {
        switch (options_.how) {
            case exploration::random: run_random(); break;
            case exploration::pct: run_pct(); break;
            case exploration::exhaustive: run_all(); break;
        }
        return explained();
    }
    explore_result sweep(seed_kind injected) {
        const std::uint64_t most = std::min<std::uint64_t>(options_.schedules, most_moments);
        for (std::uint64_t moment = 1; moment <= most && goes_on() && !found_.is_complete; ++moment)
            found_.is_complete =
                run(make_seed(injected, moment << 32U | options_.seed)).moments < moment;
        return explained();
    }

 private:
    outcome run(std::uint64_t seed) {
        outcome end = run_schedule(seed, main_, options_.most_steps, recording::off);
        note(end.error, seed);
        return end;
    }
    [[nodiscard]] bool goes_on() const noexcept {
        return !found_.error && found_.schedules < options_.schedules;
    }
    void run_random() {
        while (goes_on()) run(options_.seed + found_.schedules);
    }
    // How long main is says a random schedule.
    void run_pct() {
        if (!goes_on()) return;
        const std::uint64_t steps =
            std::min<std::uint64_t>(run(options_.seed).steps, most_steps_in_seed);
        const std::uint64_t kind = std::uint64_t(options_.depth) << 56U | steps << 32U;
        while (goes_on()) run(make_seed(seed_kind::pct, kind | (options_.seed + found_.schedules)));
    }
    void run_all() {
        path_strategy path;
        while (goes_on() && !found_.is_complete) {
            simulation chooses(path, 0, options_.most_steps);
            const std::exception_ptr error = run_once(main_, chooses).error;
            const auto number = path.number();
            note(error, number ? make_seed(seed_kind::path, *number)
                               : make_seed(seed_kind::path_number, found_.schedules));
            if (!path.is_same_program())
                found_.error = std::make_exception_ptr(std::logic_error(not_the_same));
            found_.is_complete = !found_.error && !path.go_to_next();
        }
    }

    void note(std::exception_ptr error, std::uint64_t seed) {
        ++found_.schedules;
        found_.error = std::move(error);
        found_.seed = seed;
    }
    explore_result explained() {
        if (found_.error) explain();
        return std::move(found_);
    }
    void explain() {
        outcome again = run_schedule(found_.seed, main_, options_.most_steps, recording::on);
        found_.most_steps = options_.most_steps;
        found_.choices = std::move(again.choices);
        found_.task_tree = std::move(again.task_tree);
        found_.what = text_of(again.error ? again.error : found_.error);
        if (!again.error) {
            found_.what += "\n(and not again under the same schedule: ";
            found_.what += not_the_same;
            found_.what += ")";
        }
    }

    static constexpr const char* not_the_same =
        "main isn't the same each time: does it use a clock, addresses, threads or random numbers "
        "of its own, or what an earlier run has left?";

    const explore_options options_;
    program& main_;
    explore_result found_;
};

}  // namespace

explore_result explore(const explore_options& options, program& main) {
    check(options);
    return explorer(options, main).run();
}

namespace {

// Whether there is somebody who asks before each allocation.
bool sees_allocations() {
    class counting final : public lowlevel::allocation_observer {
     public:
        bool allows(std::size_t) noexcept override { return ++seen_ != 0; }
        std::size_t seen_ = 0;
    } observer;
    lowlevel::set_allocation_observer(&observer);
    ::operator delete(::operator new(1));
    lowlevel::set_allocation_observer(nullptr);
    return observer.seen_ != 0;
}

}  // namespace

explore_result sweep(sweep_kind kind, const explore_options& options, program& main) {
    check(options);
    if (kind == sweep_kind::allocations && !sees_allocations()) {
        throw std::logic_error(
            "covey::testing::sweep_allocations can't see the allocations of this program: include "
            "<covey/replace_new.hpp> in one of its source files (with ThreadSanitizer nothing "
            "helps)");
    }
    explorer sweeps(options, main);
    switch (kind) {
        case sweep_kind::cancellation: return sweeps.sweep(seed_kind::cancellation);
        case sweep_kind::allocations: return sweeps.sweep(seed_kind::failed_allocation);
        case sweep_kind::callbacks: return sweeps.sweep(seed_kind::thrown_error);
    }
    return {};
}

void replay(std::uint64_t seed, program& main, std::size_t most_steps) {
    const outcome end = run_schedule(seed, main, most_steps, recording::on);
    if (end.error) std::rethrow_exception(end.error);
    if (end.ended_with) std::rethrow_exception(end.ended_with);
}

}  // namespace covey::detail

std::string covey::testing::explore_result::report() const {
    if (!error) {
        return fmt::format("{}{} schedule{}, none failed", is_complete ? "all " : "", schedules,
                           schedules == 1 ? "" : "s");
    }
    const auto part = [](const char* title, const std::string& text) {
        return text.empty() ? std::string() : fmt::format("{}:\n{}", title, text);
    };
    const std::string steps =
        most_steps == explore_options{}.most_steps ? "" : fmt::format(", {}", most_steps);
    return fmt::format(
        "schedule {} failed: {}\n{}{}To run it again: covey::testing::replay({}, main{})\n",
        schedules, what, part("Who could go on, and did", choices),
        part("The tasks then", task_tree), seed, steps);
}
