// SPDX-License-Identifier: BSL-1.0
#include "job_pool.hpp"

#include "actor_roster.hpp"
#include "caf_version.hpp"

#include <covey/checkpoint.hpp>
#include <covey/lowlevel/assert.hpp>
#include <covey/shield.hpp>

#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/logger.hpp>
#include <caf/scheduled_actor.hpp>

#include <new>
#include <utility>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::order;

namespace {

constexpr lowlevel::wait_traits waits_for_job{"a CAF actor with something to do", false};
constexpr lowlevel::wait_traits waits_for_end{"CAF actors to end", false};

[[nodiscard]] caf::scheduled_actor* as_actor(caf::resumable& job) noexcept {
    switch (job.subtype()) {
        case caf::resumable::scheduled_actor:
        case caf::resumable::io_actor: return static_cast<caf::scheduled_actor*>(&job);
        case caf::resumable::unspecified:
        case caf::resumable::function_object: break;
    }
    return nullptr;
}

}  // namespace

class job_pool::carrier final : public caf::execution_unit {
 public:
    carrier(job_pool& pool, caf::actor_system* system) : execution_unit(system), pool_(pool) {}
    // What the actor that runs here has woken.
    void exec_later(caf::resumable* woken) override { pool_.enqueue(*woken); }

    // Written by whoever gives it a job, then its task's.
    caf::resumable* job = nullptr;
    bool is_done = false;     // with the job, which still counts
    bool has_waited = false;  // for the job

 private:
    job_pool& pool_;
};

// Hands back a job and waits for another one; null: the pool has stopped.
class [[nodiscard]] job_pool::next_job final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    next_job(job_pool& pool, carrier& self) noexcept : pool_(&pool), self_(&self) {}
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override {
        return waits_for_job;
    }
    void lock() noexcept override { pool_->lock_.lock(); }
    void unlock() noexcept override {
        lowlevel::wait_node* const drainer = std::exchange(drainer_, nullptr);
        pool_->lock_.unlock();
        if (drainer != nullptr) drainer->wake();
    }
    bool try_now() override {
        if (std::exchange(self_->is_done, false) && --pool_->pending_ == 0) {
            drainer_ = std::exchange(pool_->drainer_, nullptr);
            if (drainer_ != nullptr && !drainer_->claim()) drainer_ = nullptr;
        }
        self_->job = nullptr;
        self_->has_waited = false;
        if (pool_->waiting_.empty()) return pool_->stopped_;
        self_->job = pool_->waiting_.front();
        pool_->waiting_.pop_front();
        return true;
    }
    void link() noexcept override {
        self_->has_waited = true;
        node().slot = self_;
        pool_->idle_.push_front(node());
    }
    void unlink() noexcept override { node().leave(pool_->idle_); }

    job_pool* pool_;
    carrier* self_;
    lowlevel::wait_node* drainer_ = nullptr;  // to be woken
};

// For a thread: no job is left.
class job_pool::drained final : public lowlevel::wait_operation {
 public:
    explicit drained(job_pool& pool) noexcept : pool_(&pool) {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override {
        return waits_for_end;
    }
    void lock() noexcept override { pool_->lock_.lock(); }
    void unlock() noexcept override { pool_->lock_.unlock(); }
    bool try_now() override { return pool_->pending_ == 0; }
    void link() noexcept override { pool_->drainer_ = &node(); }
    void unlink() noexcept override { pool_->drainer_ = nullptr; }

    job_pool* pool_;
};

job_pool::job_pool(nursery& around, actor_roster& roster)
    : nursery_(around.handle()), roster_(roster) {}

job_pool::~job_pool() { COVEY_ASSERT(pending_ == 0, "a CAF system has gone, but not its actors"); }

void job_pool::start(caf::actor_system& system, std::size_t messages_per_turn) {
    system_ = &system;
    messages_per_turn_ = messages_per_turn;
    carrier* first = nullptr;
    {
        const locked held(lock_);
        first = &carriers_.emplace_back(*this, system_);
    }
    start_carrier(*first);  // from now on there is one for whatever waits in line
}

void job_pool::start_carrier(carrier& fresh) {
    nursery_.start_soon({.name = "CAF actors"}, [this, &fresh] { return carry(fresh); });
}

void job_pool::enqueue(caf::resumable& job) {
    if (caf::scheduled_actor* actor = as_actor(job)) roster_.see(*actor);
    lowlevel::wait_node* idle = nullptr;
    carrier* fresh = nullptr;
    {
        const locked held(lock_);
        ++pending_;
        if (idle_.empty() && carriers_.size() < most_carriers) {
            fresh = &carriers_.emplace_back(*this, system_);
            fresh->job = &job;
        } else {
            idle = give_locked(job);
        }
    }
    if (fresh != nullptr) {
        try {
            return start_carrier(*fresh);
        } catch (const std::bad_alloc&) {  // those that there are have to do
            const locked held(lock_);
            idle = give_locked(job);
        }
    }
    if (idle != nullptr) idle->wake();
}

// To an idle carrier, which is to be woken, or into the line.
lowlevel::wait_node* job_pool::give_locked(caf::resumable& job) {
    lowlevel::wait_node* idle = idle_.pop_front();
    if (idle == nullptr) {
        waiting_.push_back(&job);
        return nullptr;
    }
    static_cast<carrier*>(idle->slot)->job = &job;
    static_cast<void>(idle->claim());  // no cancellation ends its wait
    return idle;
}

task<> job_pool::carry(carrier& self) {
    co_await shielded([&] { return run_jobs(self); });
}

// A job for each turn: one that wasn't waited for comes after whoever is ready.
task<> job_pool::run_jobs(carrier& self) {
    for (;;) {
        while (self.job != nullptr && !run(self)) co_await checkpoint();
        co_await next_job(*this, self);
        if (self.job == nullptr) co_return;
        if (!self.has_waited) co_await checkpoint();
    }
}

bool job_pool::must_end(caf::resumable& job) const noexcept {
    if (drains_.load(order::acquire)) return true;
    if (!refuses_.load(order::acquire)) return false;
    const caf::scheduled_actor* actor = as_actor(job);
    return actor != nullptr && actor_roster::is_new(*actor);
}

// True: the job is done for now. False: it goes on after others.
bool job_pool::run(carrier& self) noexcept {
    caf::resumable& job = *self.job;
    auto outcome = caf::resumable::done;
    turns_.fetch_add(1, order::relaxed);
    if (must_end(job)) {
        if (caf::scheduled_actor* actor = as_actor(job))
            actor->cleanup(caf::make_error(caf::exit_reason::user_shutdown), &self);
    } else {
        if (caf::logger::current_logger() != &system_->logger())
            caf::logger::set_current_actor_system(system_);
        outcome = job.resume(&self, messages_per_turn_);
    }
    if (outcome != caf::resumable::resume_later) {
        caf::intrusive_ptr_release(&job);
        self.is_done = true;
    }
    if (leaves_clean_.load(order::acquire)) caf::logger::set_current_actor_system(nullptr);
    return outcome != caf::resumable::resume_later;
}

void job_pool::drain() {
    drains_.store(true, order::release);
    drained(*this).block_thread();
}

void job_pool::stop() noexcept {
    lowlevel::wake_list woken;
    {
        const locked held(lock_);
        stopped_ = true;
        while (lowlevel::wait_node* node = idle_.pop_front()) {
            static_cast<void>(node->claim());
            woken.add(*node);
        }
    }
    woken.wake_all();
}

std::size_t job_pool::pending() noexcept {
    const locked held(lock_);
    return pending_;
}

}  // namespace covey::detail
