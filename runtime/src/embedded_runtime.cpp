// SPDX-License-Identifier: BSL-1.0
//
// What       A run whose main only keeps a nursery open: submissions are its children. Their errors
//            stay with their futures, so it never fails.
// Threads    The nursery is opened by main and stays open until the destructor says so. From then
//            on tasks may still submit, while one is left. Cancelling goes to the root scope, from
//            where later children inherit it.
// Rejected   Closing the nursery on cancel(): a submission that comes a moment later would throw
//            instead of giving a future.

#include <covey/embedded_runtime.hpp>

#include "interrupts.hpp"
#include "main_outcome.hpp"
#include "scope_tree.hpp"
#include "watched_run.hpp"
#include "worker.hpp"

#include <covey/event.hpp>
#include <covey/shield.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <vector>

namespace covey {

namespace detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;

class host {
 public:
    explicit host(const run_options& options);
    host(const host&) = delete;
    host& operator=(const host&) = delete;
    ~host();

    void spawn(task_record& child) { nursery_->spawn_child(child); }
    void cancel(cancel_source source, std::string_view reason) noexcept {
        scope_tree::cancel(root_.scope(), source, reason);
    }
    [[nodiscard]] bool is_here() const noexcept {
        return this_worker() != nullptr && &this_worker()->core() == &core_;
    }

 private:
    // Main's callable: goes when main has ended, also if it never began.
    class keep_open {
     public:
        explicit keep_open(host& owner) noexcept : host_(&owner) {}
        keep_open(keep_open&& other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
        keep_open& operator=(keep_open&&) = delete;
        ~keep_open() {
            if (host_ != nullptr) host_->main_has_ended();
        }
        task<> operator()() const { return host_->stay_open(); }

     private:
        host* host_;
    };
    using main_task = callable_child<main_base<void>, keep_open>;

    [[nodiscard]] task<> stay_open();
    void wait_until_open();
    void main_has_ended() noexcept;
    void join() noexcept;

    lowlevel::mutex lock_;  // these go last: the end of main's record tells them
    lowlevel::condition changed_;
    bool is_open_ = false, has_ended_ = false;  // guarded by lock_

    // Constant once it is open.
    main_task* const main_task_;
    const main_reference main_;
    runtime_core core_;
    root_scope root_;
    nursery* nursery_ = nullptr;
    std::vector<lowlevel::thread> workers_;

    event closing_;
    std::optional<interrupt_watch> interrupts_;
    std::optional<watched_run> watched_;  // goes first
};

host::host(const run_options& options)
    : main_task_(new main_task("runtime", keep_open(*this))),
      main_(*main_task_),
      core_(*main_task_, options),
      root_(core_, *main_task_) {
    main_task_->core = &core_;
    if (options.interrupts && options.interrupts.is_written()) interrupts_.emplace(root_.scope());
    watched_.emplace(core_);
    workers_ = core_.start_workers(0);
    core_.scheduler().enqueue(*main_task_);
    wait_until_open();
}

host::~host() {
    cancel(cancel_source::shutdown, "the runtime is destroyed");
    closing_.set();
    join();
}

void host::join() noexcept {
    for (lowlevel::thread& each : workers_) each.join();
    main_task_->phase.store(task_phase::ended, lowlevel::order::relaxed);
}

// Main. A cancellation of the root reaches the children, and not the wait.
task<> host::stay_open() {
    co_await with_nursery([this](nursery& open) -> task<> {
        nursery_ = &open;
        {
            const mutex_guard held(lock_);
            is_open_ = true;
            changed_.notify_all();
        }
        co_await shielded(closing_.wait());
    });
}

void host::main_has_ended() noexcept {
    const mutex_guard held(lock_);
    has_ended_ = true;
    changed_.notify_all();
}

void host::wait_until_open() {
    mutex_lock held(lock_);
    changed_.wait(held, [this] { return is_open_ || has_ended_; });
    if (is_open_) return;
    held.unlock();
    join();
    std::rethrow_exception(main_task_->root.error);  // no memory for its frames
}

}  // namespace detail

runtime::runtime(run_options options) : host_(new detail::host(options)) {}

runtime::~runtime() {
    if (host_->is_here()) {
        fmt::print(
            stderr,
            "covey: a task destroys the runtime that it belongs to, and which would wait for "
            "it: let the thread that made the runtime destroy it\n");
        std::terminate();
    }
    delete host_;
}

void runtime::cancel(std::string_view reason) noexcept {
    host_->cancel(cancel_source::explicit_call, reason);
}

void runtime::spawn(detail::task_record& child) { host_->spawn(child); }

void runtime::refuse_on_worker() {
    lowlevel::refuse_to_block_worker("runtime::run()", "runtime.submit(...)");
}

void runtime::run_main(detail::future_state_base& main) {
    host_->spawn(main);
    main.block("runtime::run()");
    const cancel_cause cause = main.blame();
    const bool was_cancelled = cause.source != cancel_source::none;
    std::exception_ptr failure;
    if (was_cancelled && main.take_failure(failure))
        detail::throw_main_outcome(failure, true, cause);
}

}  // namespace covey
