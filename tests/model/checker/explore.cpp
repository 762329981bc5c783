// SPDX-License-Identifier: BSL-1.0
#include "explore.hpp"

#include "choices.hpp"
#include "execution.hpp"

#include <fmt/format.h>

#include <chrono>

namespace model {

namespace {

choices::search search_of(const options& wanted) noexcept {
    if (!wanted.replay.empty()) return choices::search::replay;
    return wanted.random != 0 ? choices::search::random : choices::search::depth_first;
}

class exploration {
 public:
    exploration(const options& wanted, void (*program)(void*), void* with)
        : wanted_(wanted),
          program_(program),
          with_(with),
          source_(search_of(wanted), wanted.seed, from_text(wanted.replay)),
          execution_(wanted, source_) {}

    report run(void (*prepare)()) {
        const auto begin = std::chrono::steady_clock::now();
        if (prepare != nullptr) execution_.prepare(prepare);
        search();
        const std::chrono::duration<double> length = std::chrono::steady_clock::now() - begin;
        report_.seconds = length.count();
        return report_;
    }

 private:
    void search() {
        const std::uint64_t most = !wanted_.replay.empty() ? 1
                                   : wanted_.random != 0   ? wanted_.random
                                                           : wanted_.most_schedules;
        while (source_.begin()) {
            if (report_.schedules == most) return;
            ++report_.schedules;
            execution_.run(program_, with_, false);
            report_.steps += execution_.steps();
            if (source_.has_strayed()) return fail("the program isn't the same every time");
            if (execution_.has_failed()) return explain();
            if (execution_.has_learnt() && wanted_.random == 0 && wanted_.replay.empty())
                source_ = choices(choices::search::depth_first, 0, {});
        }
        report_.complete = true;
    }

    void fail(std::string what) {
        report_.failed = true;
        report_.what = std::move(what);
        report_.replay = to_text(source_.answers());
    }

    // The same once more, with notes.
    void explain() {
        fail(execution_.failure());
        source_ = choices(choices::search::replay, 0, source_.answers());
        static_cast<void>(source_.begin());
        execution_.run(program_, with_, true);
        report_.trace = execution_.trace();
        if (execution_.failure() != report_.what)
            report_.what += " (but not when it was repeated: " + execution_.failure() + ")";
    }

    const options& wanted_;
    void (*program_)(void*);
    void* with_;
    choices source_;
    execution execution_;
    report report_;
};

class outside_section {
 public:
    outside_section() noexcept { execution::is_inside = true; }
    outside_section(const outside_section&) = delete;
    outside_section& operator=(const outside_section&) = delete;
    ~outside_section() { execution::is_inside = false; }
};

}  // namespace

report explore(const options& wanted, void (*program)(void*), void* with, void (*prepare)()) {
    exploration search(wanted, program, with);
    return search.run(prepare);
}

std::string report::text() const {
    const std::string numbers = fmt::format("{} schedules, {} steps, {:.2f} s{}", schedules, steps,
                                            seconds, complete ? "" : ", not all of them");
    if (!failed) return numbers;
    return fmt::format("{}\n  after {}; to repeat it: options::replay = \"{}\"\n{}", what, numbers,
                       replay, trace);
}

void expect(bool condition, const char* sentence) {
    if (condition) return;
    execution::is_inside = true;
    execution::current().fail(std::string("not so: ") + sentence);
}

unsigned choose(unsigned count) {
    const outside_section inside;
    return execution::current().choose(count);
}

void name(const void* start, std::size_t bytes, const char* called) {
    const outside_section inside;
    execution::current().name(start, bytes, called);
}

unsigned this_thread() noexcept { return execution::current().running(); }

void roll_back_range(void* start, std::size_t bytes) {
    const outside_section inside;
    execution::current().plain().roll_back_range(start, bytes);
}

}  // namespace model
