// SPDX-License-Identifier: BSL-1.0
#pragma once

// The scheduler module that makes a CAF actor system run on a job_pool. With the classes that it is
// made of, it is all that another version of CAF would need anew.

#include "caf_version.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <cstddef>

namespace covey::detail {

class caf_clock;
class job_pool;
class network;

// How many messages an actor handles before others have their turn, if its configuration doesn't
// say: CAF's own default has no end.
inline constexpr std::size_t messages_per_turn = 50;
void limit_messages_per_turn(caf::actor_system_config& config);

class coordinator final : public caf::scheduler::abstract_coordinator {
 public:
    // The network is null, if there is none.
    coordinator(caf::actor_system& system, job_pool& pool, caf_clock& clock, network* speaks);
    ~coordinator() override;

    void enqueue(caf::resumable* job) override;
    caf::actor_clock& clock() noexcept override;

 protected:
    void init(caf::actor_system_config& config) override;
    // On a thread that is no worker: returns when no actor runs any more. Those that have threads
    // of their own may still send, until the destructor.
    void stop() override;

 private:
    job_pool& pool_;
    caf_clock& clock_;
    network* const network_;
};

}  // namespace covey::detail
