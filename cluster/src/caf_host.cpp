// SPDX-License-Identifier: BSL-1.0
#include <covey/caf_host.hpp>

#include "caf_core.hpp"
#include "coordinator.hpp"

#include <covey/lowlevel/thread_cleaning.hpp>
#include <covey/to_thread.hpp>

#include <caf/logger.hpp>

namespace covey {

caf::actor_system& caf_host::system() const noexcept { return core_.system(); }
bool caf_host::is_on_workers() const noexcept { return core_.is_on_workers(); }
caf_host::caf_statistics caf_host::statistics() const { return core_.statistics(); }
void caf_host::leave_thread() noexcept { caf::logger::set_current_actor_system(nullptr); }

namespace detail {

caf_core::caf_core(const caf_options& options, nursery& around)
    : around_(around),
      grace_(options.grace),
      is_on_workers_(options.on_workers),
      own_config_(options.config == nullptr ? std::make_unique<caf::actor_system_config>()
                                            : nullptr),
      config_(options.config == nullptr ? *own_config_ : *options.config),
      pool_(around, *roster_) {}

void caf_core::open() {
    lowlevel::clean_after_blocking_calls(caf_host::leave_thread);
    if (is_on_workers_) around_.start_soon({.name = "CAF timers"}, [this] { return clock_.run(); });
    make_system();
    router_ = request_router::make(*system_);
}

// The configuration is as it was afterwards: it may serve again. A system whose constructor throws
// has left a reference on this thread, whose end reaches into the system: it has to end while that
// memory, though no system any more, is still there.
void caf_core::make_system() {
    limit_messages_per_turn(config_);
    auto& factories = config_.module_factories;
    const std::size_t before = factories.size();
    if (is_on_workers_) {
        factories.emplace_back([this](caf::actor_system& system) -> caf::actor_system::module* {
            return new coordinator(system, pool_, clock_);
        });
    }
    try {
        system_.emplace(config_);
    } catch (...) {
        caf_host::leave_thread();
        factories.resize(before);
        throw;
    }
    factories.resize(before);
}

task<bool> caf_core::close(bool asking) {
    bool asked = asking;
    if (system_) {
        if (is_on_workers_) asked = co_await wait_for_actors(asking);
        pool_.leave_threads_clean();
        router_.close();
        co_await lowlevel::clean_workers(caf_host::leave_thread);
        co_await to_thread([this] { system_.reset(); });
    }
    pool_.stop();
    clock_.stop();
    co_return asked;
}

// All that can be seen. Waited for here, and not where the system is destroyed, so that a virtual
// clock goes on and a cancellation is heard.
task<bool> caf_core::wait_for_actors(bool asking) {
    lowlevel::alarm bell;
    time_point kill_at = time_point::max();
    const auto ask = [&] {
        pool_.refuse_newcomers();
        roster_->ask_to_end(caf::exit_reason::user_shutdown);
        kill_at = later(now(), grace_);
    };
    if (asking) ask();
    roster_->ring_when_empty(&bell);
    while (!roster_->empty()) {
        co_await bell.wait(kill_at, asking ? nullptr : &around_.scope());
        if (!asking && around_.scope().soft_cancelled()) {
            asking = true;
            ask();
        } else if (asking && now() >= kill_at) {
            roster_->ask_to_end(caf::exit_reason::kill);
            kill_at = time_point::max();
        }
    }
    roster_->ring_when_empty(nullptr);
    co_return asking;
}

caf_host::caf_statistics caf_core::statistics() {
    return {.turns = pool_.turns(),
            .actors_ready = pool_.pending(),
            .timers_armed = clock_.armed(),
            .requests_waiting = router_->waiting(),
            .answers_dropped = router_->dropped()};
}

caf_block::caf_block(const caf_options& options, nursery& around)
    : core_(std::make_unique<caf_core>(options, around)) {}
caf_block::~caf_block() = default;
void caf_block::open() { core_->open(); }
caf_host& caf_block::host() noexcept { return core_->host(); }
task<bool> caf_block::close(bool asking) { return core_->close(asking); }

}  // namespace detail

}  // namespace covey
