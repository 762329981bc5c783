// SPDX-License-Identifier: BSL-1.0
#include <covey/to_thread.hpp>

#include "runtime_core.hpp"
#include "simulation.hpp"
#include "thread_pool.hpp"
#include "worker.hpp"

#include <covey/lowlevel/census.hpp>
#include <covey/lowlevel/thread_cleaning.hpp>

#include <pthread.h>
#include <stdexcept>
#include <utility>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;

namespace {

constexpr lowlevel::wait_traits waits_for_token{"a free thread"};
constexpr lowlevel::wait_traits waits_for_thread{"thread", false};
constexpr lowlevel::wait_traits waits_for_thread_or_leaves{"thread"};

lowlevel::atomic<lowlevel::thread_cleanup> clean_after_call{nullptr};

}  // namespace

bool thread_pool::try_take_token_locked(thread_job& job) noexcept {
    if (tokens_taken_ == tokens) return false;
    ++tokens_taken_;
    job.has_token_ = true;
    return true;
}

// To the one that has waited longest, or back to the pool.
void thread_pool::give_token_back(thread_job& job) noexcept {
    lowlevel::wake_list woken;
    {
        const mutex_guard held(lock_);
        job.has_token_ = false;
        --tokens_taken_;
        while (lowlevel::wait_node* node = waiting_.pop_front()) {
            if (!node->claim()) continue;
            static_cast<void>(try_take_token_locked(*static_cast<thread_job*>(node->slot)));
            woken.add(*node);
            break;
        }
    }
    woken.wake_all();
}

void thread_pool::submit(thread_job& job) {
    job.add_reference();  // the thread's
    try {
        if (simulation_ != nullptr)
            simulation_->add_call(job);
        else
            start(job);
    } catch (...) {
        job.drop_reference();
        throw;
    }
}

// Its task has left, and the run ends.
void thread_pool::start_abandoned(thread_job& job) noexcept {
    {
        const mutex_guard held(lock_);
        simulation_ = nullptr;
    }
    try {
        start(job);
    } catch (...) {
        job.drop_reference();
    }
}

void thread_pool::start(thread_job& job) {
    const mutex_guard held(lock_);
    if (idle_.empty()) {
        busy_.emplace_front();
        const auto self = busy_.begin();
        self->job = &job;
        try {
            self->thread = lowlevel::thread([this, self] { serve(self); });
        } catch (...) {
            busy_.pop_front();
            throw;
        }
        add_reference();  // the thread's; it can't get at the pool before the lock is released
        lowlevel::count(lowlevel::counted::threads, +1);  // from now on: it may start late
    } else {
        busy_.splice(busy_.begin(), idle_, idle_.begin());
        busy_.front().job = &job;
        busy_.front().wake.notify_one();
    }
}

void thread_pool::close() noexcept {
    member_list leaving;
    {
        const mutex_guard held(lock_);
        closed_ = true;
        for (auto each = busy_.begin(); each != busy_.end();) {
            const auto here = each++;
            if (here->job == nullptr) {
                leaving.splice(leaving.end(), busy_, here);
            } else {  // its task has left: it ends by itself
                here->thread.detach();
                here->is_alone = true;
            }
        }
        for (member& each : idle_) each.wake.notify_one();
        leaving.splice(leaving.end(), idle_);
    }
    for (member& each : leaving) each.thread.join();
    leaving.clear();
    drop_reference();
}

void thread_pool::serve(member_list::iterator self) noexcept {
    pthread_setname_np(pthread_self(), "covey blocking");
    mutex_lock held(lock_);
    for (;;) {
        self->wake.wait(held, [&] { return self->job != nullptr || closed_; });
        if (self->job == nullptr) break;
        thread_job& job = *self->job;
        simulation* const simulated = simulation_;
        held.unlock();
        if (simulated != nullptr) simulated->begin_call();
        job.call();
        if (const auto clean = clean_after_call.load(lowlevel::order::acquire)) clean();
        if (simulated != nullptr) simulated->end_call();
        held.lock();
        // Before the task is told: a run that ends because of it finds this thread about to idle.
        self->job = nullptr;
        const bool is_alone = self->is_alone;
        if (is_alone)
            busy_.erase(self);
        else if (!closed_)
            idle_.splice(idle_.begin(), busy_, self);
        held.unlock();
        give_token_back(job);
        job.finish();
        job.drop_reference();
        if (simulated != nullptr) simulated->call_returned();
        held.lock();
        if (is_alone) break;
    }
    held.unlock();
    lowlevel::count(lowlevel::counted::threads, -1);
    drop_reference();
}

thread_job::thread_job() : pool_(&current_task("to_thread").core->threads()) {
    pool_->add_reference();
}

thread_job::~thread_job() {
    if (has_token_) pool_->give_token_back(*this);
    pool_->drop_reference();
}

// The call has returned: tells the task, if it still waits.
void thread_job::finish() noexcept {
    lowlevel::wake_list woken;
    {
        const lowlevel::locked held(lock_);
        lowlevel::wait_node* node = std::exchange(waiting_, nullptr);
        if (node != nullptr && node->claim()) woken.add(*node);
    }
    woken.wake_all();
}

thread_token_wait::thread_token_wait(thread_job& job) noexcept : job_(&job) {}

const lowlevel::wait_traits& thread_token_wait::traits() const noexcept { return waits_for_token; }
void thread_token_wait::lock() noexcept { job_->pool_->lock().lock(); }
void thread_token_wait::unlock() noexcept { job_->pool_->lock().unlock(); }
bool thread_token_wait::try_now() { return job_->pool_->try_take_token_locked(*job_); }
void thread_token_wait::link() noexcept {
    node().slot = job_;
    job_->pool_->waiting_for_token().push_back(node());
}
void thread_token_wait::unlink() noexcept { node().leave(job_->pool_->waiting_for_token()); }

thread_wait::thread_wait(thread_job& job, const thread_options& options) noexcept
    : job_(&job), leaves_(options.abandon_on_cancel) {}

const lowlevel::wait_traits& thread_wait::traits() const noexcept {
    return leaves_ ? waits_for_thread_or_leaves : waits_for_thread;
}

void thread_wait::lock() noexcept { job_->lock_.lock(); }
void thread_wait::unlock() noexcept { job_->lock_.unlock(); }

// The job's lock is held until the task is suspended, so the thread can't be done before that.
bool thread_wait::try_now() {
    job_->pool_->submit(*job_);
    if (!leaves_) this_worker()->core().scheduler().hold_clock(true);
    return false;
}
void thread_wait::await_resume() noexcept {
    if (!leaves_) this_worker()->core().scheduler().hold_clock(false);
}
void thread_wait::link() noexcept { job_->waiting_ = &node(); }
void thread_wait::unlink() noexcept { job_->waiting_ = nullptr; }

}  // namespace covey::detail

void covey::lowlevel::clean_after_blocking_calls(thread_cleanup clean) {
    thread_cleanup before = nullptr;
    const bool is_first =
        detail::clean_after_call.compare_exchange(before, clean, order::acq_rel, order::acquire);
    if (!is_first && before != clean) {
        throw std::logic_error(
            "covey: clean_after_blocking_calls() has another function already; let that one do "
            "both");
    }
}
