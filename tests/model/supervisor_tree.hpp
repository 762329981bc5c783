// SPDX-License-Identifier: BSL-1.0
#pragma once

// Random trees of supervisors: what they and their children do is drawn from dice, and what
// happened is kept for supervisor_log.hpp to judge.

#include "support/race.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace model {

using support::dice;

// An error that a child throws, and what decide() says about it.
struct injected : std::runtime_error {
    injected(std::uint64_t number, covey::verdict says, bool undecided)
        : std::runtime_error("injected " + std::to_string(number)),
          answer(says),
          policy_throws(undecided) {}
    covey::verdict answer;
    bool policy_throws;
};
struct policy_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline covey::verdict decide(const covey::child_info&, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const injected& known) {
        if (known.policy_throws) throw policy_error("undecided");
        return known.answer;
    } catch (...) {
        return covey::verdict::restart;
    }
}

class world;
struct record;

// A logical child. Its incarnations come one after the other, so they need no lock.
struct slot_plan {
    slot_plan(record& supervisor, std::string called, dice from, int levels);

    world* in;
    record* owner;
    std::string name;
    dice random;
    int depth;  // of the tree below: 0 for one that is no supervisor
    std::optional<unsigned> max_consecutive = {};
    std::atomic<int> alive = 0;
    int lives = 0;
};

// One supervisor, through one life of its block.
struct record {
    record(world& around, std::string called, dice& random);

    slot_plan& add_plan(dice random, int depth);
    void keep(std::vector<std::exception_ptr> record::* where, std::exception_ptr error) {
        const std::lock_guard held(lock);
        (this->*where).push_back(std::move(error));
    }

    world* in;
    std::string name;
    covey::supervisor_options options;
    std::optional<covey::supervisor_handle> handle;
    std::exception_ptr raised;  // by the block
    std::mutex lock;            // guards the rest
    std::vector<std::exception_ptr> child_errors, body_errors, told;
    std::deque<slot_plan> plans;
};

class world {
 public:
    explicit world(covey::duration unit_of_time) : unit(unit_of_time) {}

    record& add(std::string name, dice& random) {
        auto fresh = std::make_unique<record>(*this, std::move(name), random);
        const std::lock_guard held(lock_);
        records.push_back(std::move(fresh));
        return *records.back();
    }
    [[nodiscard]] covey::duration a_while(dice& random, std::uint64_t longest) const {
        return random.roll(4) == 0 ? covey::duration::zero()
                                   : unit * static_cast<int>(random.roll(longest));
    }
    [[noreturn]] void fail(dice& random) {
        const std::uint64_t roll = random.roll(100);
        const auto answer = roll < 6    ? covey::verdict::stop
                            : roll < 10 ? covey::verdict::escalate
                                        : covey::verdict::restart;
        throw injected(++errors, answer, roll == 99);
    }

    const covey::duration unit;
    support::faults found;
    std::atomic<std::uint64_t> errors = 0;
    std::deque<std::unique_ptr<record>> records;

 private:
    std::mutex lock_;
};

inline dice fresh(dice& random) { return dice(random.roll(~std::uint64_t{0})); }

inline record::record(world& around, std::string called, dice& random)
    : in(&around), name(std::move(called)) {
    options.strategy = static_cast<covey::strategy>(random.roll(3));
    options.intensity = static_cast<unsigned>(random.roll(random.roll(2) == 0 ? 4 : 20));
    options.period = around.unit * static_cast<int>(1 + random.roll(100));
    options.backoff.first =
        around.unit * static_cast<int>(random.roll(4) == 0 ? 0 : random.roll(10));
    options.backoff.max = options.backoff.first * 4;
    options.backoff.jitter = 0;
    if (random.roll(2) == 0) options.backoff.reset_after = around.unit * 10;
    options.budget = static_cast<covey::budget_scope>(random.roll(2));
    options.stop_order = static_cast<covey::stop_order>(random.roll(3) == 0);
    const std::uint64_t when = random.roll(8);
    options.close_when = static_cast<covey::close_when>(when < 4 ? when : 0);
    if (random.roll(4) == 0) options.close_deadline = around.a_while(random, 40);
    options.name = name;
    options.decide = decide;
    options.history = ~std::size_t{0};
}

inline slot_plan::slot_plan(record& supervisor, std::string called, dice from, int levels)
    : in(supervisor.in), owner(&supervisor), name(std::move(called)), random(from), depth(levels) {}

inline slot_plan& record::add_plan(dice random, int depth) {
    const std::lock_guard held(lock);
    return plans.emplace_back(*this, name + "." + std::to_string(plans.size() + 1), random, depth);
}

covey::task<> supervise(world& in, std::string name, dice random, int depth);

// ---- Children

inline covey::task<> react_to_stop(world& in, dice& random) {
    switch (random.roll(5)) {
        case 0: co_await covey::sleep_for(in.a_while(random, 20)); break;
        case 1: in.fail(random);
        case 2: {
            co_await covey::shielded(covey::sleep_for(in.a_while(random, 20)));
            in.fail(random);
        }
        default: break;
    }
}

inline covey::task<> live(world& in, dice& random) {
    switch (random.roll(8)) {
        case 0:
        case 1:
        case 2: co_await covey::sleep_for(in.a_while(random, 40)); in.fail(random);
        case 3: co_await covey::sleep_for(in.a_while(random, 40)); break;
        case 4:
        case 5: co_await support::obedient(); break;
        case 6: co_await support::endless(); break;
        default: co_await covey::shielded(covey::sleep_for(in.a_while(random, 60))); break;
    }
    co_await react_to_stop(in, random);
}

inline covey::task<> become_ready_and_live(slot_plan& self,
                                           const covey::task_status<void>* status) {
    world& in = *self.in;
    dice& random = self.random;
    const bool is_first = self.lives++ == 0;
    if (status != nullptr) co_await covey::sleep_for(in.a_while(random, 8));
    if (random.roll(is_first ? 40 : 6) == 0) in.fail(random);
    if (status != nullptr && random.roll(60) == 0) co_await support::endless();
    if (status != nullptr && random.roll(60) == 0) co_return;
    if (status != nullptr) status->started();
    if (self.depth > 0)
        co_await supervise(in, self.name, fresh(random), self.depth);
    else
        co_await live(in, random);
}

inline covey::task<> incarnation(slot_plan* self, const covey::task_status<void>* status) {
    struct presence {
        explicit presence(slot_plan& of) : plan(of) {
            plan.in->found.expect(++plan.alive == 1, "a child has one incarnation at a time");
        }
        ~presence() { --plan.alive; }
        slot_plan& plan;
    } const here(*self);
    try {
        co_await become_ready_and_live(*self, status);
    } catch (...) {
        self->owner->keep(&record::child_errors, std::current_exception());
        throw;
    }
}

inline covey::task<> with_status(covey::task_status<void> status, slot_plan* self) {
    co_await incarnation(self, &status);
}
inline covey::task<> without_status(slot_plan* self) { co_await incarnation(self, nullptr); }

// ---- Bodies

template <class Supervisor>
covey::task<> start_one(world& in, record& mine, const Supervisor& supervisor, dice random,
                        int depth, bool may_rethrow) {
    const bool is_nested = depth > 1 && random.roll(3) == 0;
    slot_plan& plan = mine.add_plan(fresh(random), is_nested ? depth - 1 : 0);
    covey::child_options options{.name = plan.name};
    options.restart = static_cast<covey::restart>(random.roll(3));
    options.grace = in.a_while(random, 20);
    options.hard = options.grace + in.a_while(random, 20);
    options.significant = random.roll(4) == 0;
    if (random.roll(8) == 0) options.start_limit = in.unit + in.a_while(random, 10);
    if (random.roll(6) == 0) options.max_consecutive = static_cast<unsigned>(random.roll(4));
    plan.max_consecutive = options.max_consecutive;
    const covey::duration limit = random.roll(12) == 0 ? in.a_while(random, 10) : covey::never;
    const bool rethrows = may_rethrow && random.roll(10) == 0;
    try {
        const auto started = co_await covey::move_on_after(limit, [&]() -> covey::task<> {
            if (random.roll(2) == 0)
                co_await supervisor.start(options, with_status, &plan);
            else
                co_await supervisor.start(options, without_status, &plan);
        });
        static_cast<void>(started);
    } catch (const covey::start_failed_error& error) {
        mine.keep(&record::told, error.exceptions()[0]);
        in.found.expect(error.child() == plan.name, "a failed start names its child");
        if (rethrows) throw;
    } catch (const covey::closed_nursery_error&) {
    }
}

template <class Supervisor>
covey::task<> operate(world& in, record& mine, const Supervisor& supervisor, dice random,
                      int depth) {
    for (std::uint64_t left = random.roll(12); left != 0; --left) {
        co_await covey::sleep_for(in.a_while(random, 25));
        const std::vector<covey::child_info> children = supervisor.children();
        const covey::child_id chosen = children.empty() ? covey::child_id{1 + random.roll(5)}
                                                        : children[random.roll(children.size())].id;
        const std::uint64_t what = random.roll(12);
        try {
            if (what < 3) co_await start_one(in, mine, supervisor, fresh(random), depth, false);
            if (what >= 3 && what < 6) co_await supervisor.stop(chosen);
            if (what >= 6 && what < 9) co_await supervisor.restart(chosen);
            if (what == 9 && random.roll(12) == 0) supervisor.stop_all("at random");
        } catch (const covey::closed_nursery_error&) {
        } catch (const std::logic_error&) {  // a restart of one that has ended
        }
    }
}

inline covey::task<> direct(world& in, record& mine, covey::supervisor& supervisor, dice random,
                            int depth) {
    mine.handle.emplace(supervisor.handle());
    try {
        for (std::uint64_t left = random.roll(7); left != 0; --left)
            co_await start_one(in, mine, supervisor, fresh(random), depth, true);
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (std::uint64_t left = random.roll(3); left != 0; --left) {
                nursery.start_soon([&, mind = fresh(random)]() -> covey::task<> {
                    co_await operate(in, mine, supervisor, mind, depth);
                });
            }
        });
        if (random.roll(15) == 0) in.fail(random);
        if (random.roll(8) == 0) supervisor.stop_all();
        if (random.roll(4) == 0) co_await support::obedient();
        if (random.roll(12) == 0) in.fail(random);
    } catch (...) {
        mine.keep(&record::body_errors, std::current_exception());
        throw;
    }
}

inline covey::task<> supervise(world& in, std::string name, dice random, int depth) {
    record& mine = in.add(std::move(name), random);
    const covey::duration limit = random.roll(4) == 0 ? in.a_while(random, 200) : covey::never;
    try {
        const auto finished = co_await covey::move_on_after(limit, [&]() -> covey::task<> {
            co_await covey::with_supervisor(
                mine.options, [&](covey::supervisor& supervisor) -> covey::task<> {
                    co_await direct(in, mine, supervisor, fresh(random), depth);
                });
        });
        static_cast<void>(finished);
    } catch (...) {
        mine.raised = std::current_exception();
    }
    if (mine.raised) std::rethrow_exception(mine.raised);
}

// A whole tree, cancelled at random if it doesn't end by itself.
inline covey::task<> tree(world& in, dice random) {
    const covey::duration limit = in.unit * static_cast<int>(50 + random.roll(500));
    try {
        const auto finished =
            co_await covey::move_on_after(limit, supervise(in, "top", fresh(random), 3));
        static_cast<void>(finished);
    } catch (const covey::exception_group&) {
    }
}

}  // namespace model
