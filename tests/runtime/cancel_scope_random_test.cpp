// SPDX-License-Identifier: BSL-1.0
// Random programs of everything that the runtime room has, cancelled at random. Whatever happens:
// what is inside ends before what is around it, every scope tells the truth about its end, and
// nothing is left.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/presence.hpp"
#include "support/race.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/shield.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using support::dice;
using support::presence;

class world {
 public:
    explicit world(bool with_threads) : uses_threads(with_threads) {}

    support::faults found;
    const bool uses_threads;
    std::array<covey::event, 6> gates;
    std::atomic<std::uint64_t> steps = 0, trace = 0;

    void publish(covey::cancel_scope& scope) {
        const std::lock_guard held(lock_);
        scopes_.push_back(scope.handle());
    }
    void cancel_one(dice& random) {
        std::optional<covey::scope_handle> chosen;
        {
            const std::lock_guard held(lock_);
            if (scopes_.empty()) return;
            // Mostly one of the last: it is likely to be alive.
            const std::size_t back = random.roll(random.roll(2) == 0 ? 5 : scopes_.size());
            chosen = scopes_[scopes_.size() - 1 - std::min(back, scopes_.size() - 1)];
        }
        if (random.roll(4) == 0)
            chosen->soft_cancel("at random");
        else
            chosen->cancel("at random");
    }
    // Everything that happens in its order, as a number.
    void note(std::uint64_t what) noexcept {
        ++steps;
        trace = (trace.load() ^ what) * 1099511628211U;
    }

 private:
    std::mutex lock_;
    std::vector<covey::scope_handle> scopes_;
};

covey::task<> live(world& in, presence* around, dice random, int depth);

covey::duration a_while(dice& random) {
    return std::chrono::milliseconds(random.roll(3) == 0 ? 0 : random.roll(50));
}

dice fresh(dice& random) { return dice(random.roll(~std::uint64_t{0})); }

covey::task<> in_a_scope(world& in, presence& self, dice random, int depth) {
    std::optional<covey::scope_handle> handle;
    const auto limit = random.roll(2) == 0 ? covey::never : a_while(random);
    const auto result =
        co_await covey::move_on_after(limit, [&](covey::cancel_scope& scope) -> covey::task<> {
            handle.emplace(scope.handle());
            in.publish(scope);
            if (random.roll(4) == 0) scope.set_shield(true);
            co_await live(in, &self, fresh(random), depth - 1);
            if (random.roll(4) == 0) scope.set_shield(false);
            if (random.roll(4) == 0) scope.set_deadline(covey::now() + a_while(random));
            co_await live(in, &self, fresh(random), depth - 1);
        });
    const bool caught = handle->cancelled_caught();
    in.found.expect(result.finished() != caught, "a body was cut exactly if its scope caught");
    in.found.expect(!caught || handle->cancel_called(), "what caught was cancelled");
    in.found.expect(!caught || handle->cause().source != covey::cancel_source::none,
                    "what caught has a cause");
    in.note(caught ? 3 : 5);
}

covey::task<> in_a_nursery(world& in, presence& self, dice random, int depth) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        in.publish(nursery.scope());
        const std::uint64_t children = random.roll(4);
        for (std::uint64_t i = 0; i < children; ++i)
            nursery.start_soon(live, std::ref(in), &self, fresh(random), depth - 1);
        if (random.roll(3) == 0)
            nursery.start_service(live, std::ref(in), &self, fresh(random), depth - 1);
        if (random.roll(2) == 0) {
            const int port = co_await nursery.start(
                [&in, &self, mine = fresh(random),
                 depth](covey::task_status<int> status) mutable -> covey::task<> {
                    co_await live(in, &self, fresh(mine), depth - 2);
                    status.started(80);
                    co_await live(in, &self, fresh(mine), depth - 2);
                });
            in.found.expect(port == 80, "start gives what started was given");
        }
        auto child = nursery.spawn([&in, &self, mine = fresh(random), depth]() -> covey::task<int> {
            co_await live(in, &self, mine, depth - 1);
            co_return 4;
        });
        co_await live(in, &self, fresh(random), depth - 1);
        if (random.roll(3) == 0) child.cancel();
        try {
            const int four = co_await child;
            in.found.expect(four == 4, "a child gives its value");
        } catch (const covey::cancelled_error& error) {
            in.found.expect(error.cause().source != covey::cancel_source::none, "and says why not");
        }
    });
}

covey::task<> in_a_failing_block(world& in, presence& self, dice random, int depth) {
    const bool fails = random.roll(2) == 0;
    const auto outcome = co_await covey::attempt(
        covey::fail_after(a_while(random), [&](covey::cancel_scope& scope) -> covey::task<> {
            in.publish(scope);
            co_await live(in, &self, fresh(random), depth - 1);
            if (fails) throw std::domain_error("on purpose");
        }));
    const bool expected = outcome.has_value() ||
                          support::holds<covey::too_slow_error>(outcome.error()) ||
                          (fails && support::holds<std::domain_error>(outcome.error()));
    in.found.expect(expected, "it fails on purpose, or is too slow");
    in.note(outcome.has_value() ? 7 : 11);
}

covey::task<> cleaned_up(world& in, presence& self, dice random, int depth) {
    bool cleaned = false;
    struct check_cleaned {
        world& in;
        bool& cleaned;
        ~check_cleaned() { in.found.expect(cleaned, "clean-up runs to its end"); }
    } const at_the_end{in, cleaned};
    co_await covey::finally(live(in, &self, fresh(random), depth - 1), [&]() -> covey::task<> {
        co_await covey::sleep_for(a_while(random));
        co_await covey::checkpoint();
        cleaned = true;
    });
}

covey::task<> one_step(world& in, presence& self, dice& random, int depth) {
    const std::uint64_t choice = random.roll(depth > 0 ? 15 : 8);
    in.note(choice);
    switch (choice) {
        case 0: co_await covey::checkpoint(); break;
        case 1: co_await covey::sleep_for(a_while(random)); break;
        case 2: in.gates[random.roll(in.gates.size())].set(); break;
        case 3: in.cancel_one(random); break;
        case 4: {
            const auto waited = co_await covey::move_on_after(
                a_while(random), in.gates[random.roll(in.gates.size())].wait());
            in.note(waited ? 1 : 2);
            break;
        }
        case 5: {
            const auto waited = co_await covey::move_on_after(
                a_while(random), covey::current_scope().until_soft_cancelled());
            in.note(waited ? 1 : 2);
            break;
        }
        case 6: co_await covey::checkpoint_if_cancelled(); break;
        case 7:
            if (in.uses_threads)
                co_await covey::to_thread({.abandon_on_cancel = false}, [] {});
            else
                co_await covey::testing::wait_all_tasks_blocked();
            break;
        case 8:
        case 9: co_await in_a_scope(in, self, fresh(random), depth); break;
        case 10:
        case 11: co_await in_a_nursery(in, self, fresh(random), depth); break;
        case 12: co_await in_a_failing_block(in, self, fresh(random), depth); break;
        case 13: co_await cleaned_up(in, self, fresh(random), depth); break;
        default:
            co_await covey::shielded(a_while(random), live(in, &self, fresh(random), depth - 1));
    }
}

covey::task<> live(world& in, presence* around, dice random, int depth) {
    presence self(in.found, around);
    const std::uint64_t steps = 1 + random.roll(3);
    for (std::uint64_t i = 0; i < steps; ++i) co_await one_step(in, self, random, depth);
}

// Cancels now and then, from a task and from a thread.
covey::task<> disturb(world& in, dice random) {
    for (int i = 0; i < 6; ++i) {
        co_await covey::sleep_for(a_while(random));
        in.cancel_one(random);
    }
}

covey::task<> whole_life(world& in, dice random) {
    const auto result =
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            in.publish(scope);
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_soon(disturb, std::ref(in), fresh(random));
                for (int i = 0; i < 3; ++i)
                    nursery.start_soon(live, std::ref(in), nullptr, fresh(random), 4);
            });
        });
    in.note(result.finished() ? 1 : 2);
}

std::uint64_t run_seeded(std::uint64_t seed, std::uint64_t* steps = nullptr) {
    world in(false);
    support::run_virtual(seed, [&] { return whole_life(in, dice(seed)); });
    CHECK(in.found.text() == "");
    if (steps != nullptr) *steps += in.steps;
    return in.trace;
}

}  // namespace

TEST_CASE("random programs cancelled at random end in order and leave nothing (C2, C5, C8, R10)") {
    std::uint64_t steps = 0;
    const std::size_t programs = support::rounds(300);
    for (const std::uint64_t seed : support::seeds(programs)) {
        INFO("COVEY_SEED=" << seed);
        run_seeded(seed, &steps);
    }
    if (programs == 300) CHECK(steps > 10'000);
}

TEST_CASE("a random program with the same seed does the same again (R22)") {
    for (const std::uint64_t seed : support::seeds(20)) {
        INFO("COVEY_SEED=" << seed);
        CHECK(run_seeded(seed) == run_seeded(seed));
    }
    CHECK(run_seeded(1) != run_seeded(2));
}

TEST_CASE(
    "random programs on several workers, with foreign cancels, cancel_scope_mt (C2, C5, R10)") {
    support::foreign_thread outsider;
    for (std::uint64_t round = 0; round < support::rounds(1000); ++round) {
        INFO("dice " << round);
        world in(true);
        covey::testing::virtual_clock clock;
        const unsigned workers = 2 + static_cast<unsigned>(round % 2);
        support::run_checked({.workers = workers, .clock = &clock}, [&]() -> covey::task<> {
            covey::event over;
            outsider.post([&, random = dice(round)]() mutable {
                for (int i = 0; i < 20; ++i) {
                    support::dawdle(random);
                    in.cancel_one(random);
                }
                over.set();
            });
            co_await whole_life(in, dice(round));
            co_await over.wait();
        });
        CHECK(in.found.text() == "");
    }
}
