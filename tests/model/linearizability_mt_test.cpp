// SPDX-License-Identifier: BSL-1.0
// Random programs of three parties that use one or two small channels at once: tasks on three
// workers, ordinary threads, or both. Whatever they saw, there is an order in which the model gives
// the same. COVEY_SEED=n repeats one program many times.
#include "model/channel_stage.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

using model::channel_program;
using model::crew;

namespace {

// A program that was played, and so is a history; false: enough.
using judging = std::function<bool(std::uint64_t seed, const channel_program&)>;

// The seed and the whole story of what can't be; "" if there was nothing of the kind.
class judgement {
 public:
    void require(std::uint64_t seed, const channel_program& played, bool right,
                 const std::string& what) {
        if (right || !story_.empty()) return;
        story_ = what + "\nCOVEY_SEED=" + std::to_string(seed) + played.text() +
                 "\nWhat was seen:" + to_string(played.calls);
    }
    [[nodiscard]] const std::string& story() const { return story_; }

 private:
    std::string story_;
};

struct repetition {
    std::vector<std::uint64_t> seeds;
    std::size_t times;
};
repetition wanted(std::size_t programs) {
    if (std::getenv("COVEY_SEED") != nullptr) return {support::seeds(1), support::rounds(5000)};
    return {support::seeds(support::rounds(programs)), 1};
}

// Whether two parties were at it at the same time.
bool overlaps(const channel_program& played) {
    for (const model::call& a : played.calls) {
        for (const model::call& b : played.calls)
            if (a.party != b.party && a.began < b.ended && b.began < a.ended) return true;
    }
    return false;
}

using threads_of_parties = std::array<support::foreign_thread, model::parties>;

// "" or what is wrong without any model.
template <class Value>
std::string play_once(channel_program& program, threads_of_parties& threads) {
    model::stage<Value> stage(program);
    stage.play(threads);
    return stage.fault();
}
template <class Value>
covey::task<std::string> play_once_in_run(channel_program& program, threads_of_parties& threads) {
    model::stage<Value> stage(program);
    co_await stage.play_in_run(threads);
    co_return stage.fault();
}

std::string play_as_threads(std::size_t programs, const judging& judge) {
    threads_of_parties threads;
    const auto [seeds, times] = wanted(programs);
    for (const std::uint64_t seed : seeds) {
        for (std::size_t i = 0; i < times; ++i) {
            channel_program program = model::channel_program_maker(seed, crew::threads).take();
            const std::string fault = seed % 2 == 0 ? play_once<model::word>(program, threads)
                                                    : play_once<model::boxed>(program, threads);
            if (!fault.empty()) return fault + to_string(program.calls);
            if (!judge(seed, program)) return "";
        }
    }
    return "";
}

std::string play_in_run(crew who, std::size_t programs, const judging& judge) {
    std::string fault;
    threads_of_parties threads;
    support::run_mt(3, 1, [&]() -> covey::task<> {
        const auto [seeds, times] = wanted(programs);
        for (const std::uint64_t seed : seeds) {
            for (std::size_t i = 0; i < times; ++i) {
                channel_program program = model::channel_program_maker(seed, who).take();
                if (seed % 2 == 0)
                    fault = co_await play_once_in_run<model::word>(program, threads);
                else
                    fault = co_await play_once_in_run<model::boxed>(program, threads);
                if (!fault.empty()) fault += to_string(program.calls);
                if (!fault.empty() || !judge(seed, program)) co_return;
            }
        }
    });
    return fault;
}

std::string play(crew who, std::size_t programs, const judging& judge) {
    return who == crew::threads ? play_as_threads(programs, judge)
                                : play_in_run(who, programs, judge);
}

void expect_linearizable(crew who, std::size_t programs) {
    judgement all;
    std::size_t overlapping = 0;
    const std::string fault =
        play(who, programs, [&](std::uint64_t seed, const channel_program& played) {
            if (overlaps(played)) ++overlapping;
            all.require(seed, played, model::linearizer(played.fresh_model(), played.calls).found(),
                        "no order of these calls explains what they gave");
            return all.story().empty();
        });
    CHECK(fault == "");
    if (!all.story().empty()) FAIL(all.story());
    CHECK(overlapping > 0);
}

}  // namespace

TEST_CASE("channels used by tasks at once are linearizable _mt (M10, M14, M20, M22, M30-M46)") {
    expect_linearizable(crew::tasks, 15000);
}

TEST_CASE("channels used by threads at once are linearizable _mt (M10, M20, M30-M46)") {
    expect_linearizable(crew::threads, 6000);
}

TEST_CASE("channels used by tasks and threads at once are linearizable _mt (M10, M20, M30-M46)") {
    expect_linearizable(crew::both, 4000);
}

// What a broken channel would do isn't what was seen; or else the test above could see nothing.
TEST_CASE("real histories refute every broken model, linearizability_mt (M30)") {
    for (const model::fault broken : model::all_faults) {
        INFO("fault " << static_cast<int>(broken));
        bool is_refuted = false;
        const std::string fault =
            play(crew::tasks, 6000, [&](std::uint64_t, const channel_program& played) {
                is_refuted = !model::linearizer(played.fresh_model(broken), played.calls).found();
                return !is_refuted;
            });
        CHECK(fault == "");
        CHECK(is_refuted);
    }
}
