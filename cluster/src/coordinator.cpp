// SPDX-License-Identifier: BSL-1.0
#include "coordinator.hpp"

#include "caf_clock.hpp"
#include "job_pool.hpp"
#include "network.hpp"

#include <limits>

namespace covey::detail {

void limit_messages_per_turn(caf::actor_system_config& config) {
    constexpr char key[] = "scheduler.max-throughput";
    constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();
    if (caf::get_or(config, key, endless) >= std::numeric_limits<std::int64_t>::max())
        config.set(key, messages_per_turn);
}

coordinator::coordinator(caf::actor_system& system, job_pool& pool, caf_clock& clock,
                         network* speaks)
    : abstract_coordinator(system), pool_(pool), clock_(clock), network_(speaks) {}

coordinator::~coordinator() {
    pool_.drain();
    clock_.cancel_all();
}

void coordinator::init(caf::actor_system_config& config) {
    abstract_coordinator::init(config);
    pool_.start(system(), max_throughput());
}

void coordinator::enqueue(caf::resumable* job) { pool_.enqueue(*job); }
caf::actor_clock& coordinator::clock() noexcept { return clock_; }

void coordinator::stop() {
    stop_actors();
    clock_.cancel_all();
    pool_.drain();
    if (network_ != nullptr) network_->close_broker();
}

}  // namespace covey::detail
