// SPDX-License-Identifier: BSL-1.0
#include <covey/caf_host.hpp>

#include "caf_core.hpp"
#include "coordinator.hpp"

#include <covey/caf.hpp>
#include <covey/lowlevel/thread_cleaning.hpp>
#include <covey/to_thread.hpp>

#include <caf/logger.hpp>
#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace covey {

caf::actor_system& caf_host::system() const noexcept { return core_.system(); }
bool caf_host::is_on_workers() const noexcept { return core_.is_on_workers(); }
caf_host::caf_statistics caf_host::statistics() const { return core_.statistics(); }
task<> caf_host::unpublish(std::uint16_t port) const {
    return core_.network("unpublish").unpublish(port);
}
void caf_host::leave_thread() noexcept { caf::logger::set_current_actor_system(nullptr); }

namespace detail {

caf_core::caf_core(const caf_options& options, nursery& around)
    : around_(around),
      grace_(options.grace),
      is_on_workers_(options.on_workers),
      own_config_(options.config == nullptr ? std::make_unique<caf::actor_system_config>()
                                            : nullptr),
      config_(options.config == nullptr ? *own_config_ : *options.config),
      pool_(around, *roster_) {
    if (!options.network) return;
    if (!lowlevel::clock_of_run().is_real()) {
        throw std::logic_error(
            "covey: with_caf: other processes don't follow a clock that isn't real; leave out "
            "caf_options::network, or run_options::clock");
    }
    network_.emplace(*options.network);
}

void caf_core::open() {
    lowlevel::clean_after_blocking_calls(caf_host::leave_thread);
    if (is_on_workers_) around_.start_soon({.name = "CAF timers"}, [this] { return clock_.run(); });
    make_system();
    if (network_) {
        network_->open(*this);
        around_.start_service({.name = "CAF connections"},
                              [this] { return network_->end_silent_ones(); });
    }
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
            return new coordinator(system, pool_, clock_, network_ ? &*network_ : nullptr);
        });
    }
    if (network_) network_->configure(config_);
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
        co_await close_faces();
        settled<void> flushed;  // what pierces shields ends that, and no more
        if (network_ && router_) co_await settle(flushed, [this] { return network_->flush(); });
        pool_.leave_threads_clean();
        router_.close();
        co_await lowlevel::clean_workers(caf_host::leave_thread);
        settled<void> ended;  // likewise
        co_await settle(ended, [this] { return end_system(); });
    }
    pool_.stop();
    clock_.stop();
    co_return asked;
}

task<> caf_core::end_system() {
    co_await with_nursery([this](nursery& inside) -> task<> {
        if (network_) inside.start_service([this] { return network_->end_all_after_linger(); });
        co_await to_thread([this] { system_.reset(); });
        if (network_) co_await network_->until_all_have_left();
    });
}

detail::network& caf_core::network(const char* attempt) {
    if (network_) return *network_;
    throw std::logic_error(fmt::format(
        "covey: {}() in a system that speaks to nobody: set caf_options::network", attempt));
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

// Actors with threads of their own may still wait for answers: they come first.
task<> caf_core::close_faces() {
    if (faces_->count() != 0 && system_->await_actors_before_shutdown())
        co_await to_thread([this] { system_->await_all_actors_done(); });
    lowlevel::alarm bell;
    faces_->close(bell);
    while (faces_->count() != 0) co_await bell.wait(time_point::max(), nullptr);
}

caf_host::caf_statistics caf_core::statistics() {
    return {.turns = pool_.turns(),
            .actors_ready = pool_.pending(),
            .timers_armed = clock_.armed(),
            .requests_waiting = router_->waiting(),
            .answers_dropped = router_->dropped(),
            .faces = faces_->count(),
            .messages_dropped = faces_->dropped(),
            .connections_open = network_ ? network_->connections().open() : 0,
            .connections_refused = network_ ? network_->connections().refused() : 0};
}

task<std::uint16_t> publish_caf_actor(caf_core& core, caf::strong_actor_ptr actor,
                                      std::set<std::string> interface, caf_address at,
                                      duration limit) {
    return core.network("publish").publish(std::move(actor), std::move(interface), std::move(at),
                                           to_duration(limit));
}
task<caf::strong_actor_ptr> connect_to_caf_actor(caf_core& core, std::set<std::string> interface,
                                                 caf_address to, duration limit) {
    return core.network("connect").connect(std::move(interface), std::move(to), to_duration(limit));
}

caf_block::caf_block(const caf_options& options, nursery& around)
    : core_(std::make_unique<caf_core>(options, around)) {}
caf_block::~caf_block() = default;
void caf_block::open() { core_->open(); }
caf_host& caf_block::host() noexcept { return core_->host(); }
task<bool> caf_block::close(bool asking) { return core_->close(asking); }

}  // namespace detail

}  // namespace covey
