// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "actor_roster.hpp"
#include "caf_clock.hpp"
#include "caf_face.hpp"
#include "caf_version.hpp"
#include "job_pool.hpp"
#include "network.hpp"
#include "request_router.hpp"

#include <covey/caf_host.hpp>
#include <covey/lowlevel/alarm.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <memory>
#include <optional>

namespace covey::detail {

// One CAF actor system on a run.
//
//     open:  timers run -> system made          close:  actors have ended -> threads left clean
//                                                       -> system destroyed -> carriers, timers end
//
// The system is destroyed on a thread of to_thread(): CAF waits there for its threads, and for
// actors that need the workers. What can be awaited is awaited before.
//
// Rejected: making it there, too. What foreign threads put in doesn't follow a seed.
class caf_core {
 public:
    caf_core(const caf_options& options, nursery& around);
    caf_core(const caf_core&) = delete;
    caf_core& operator=(const caf_core&) = delete;

    void open();
    [[nodiscard]] task<bool> close(bool asking);
    [[nodiscard]] task<> adopt(caf::strong_actor_ptr actor);  // in adopted_actor.cpp

    [[nodiscard]] caf_host& host() noexcept { return host_; }
    [[nodiscard]] caf::actor_system& system() noexcept { return *system_; }
    [[nodiscard]] request_router& router() noexcept { return *router_; }
    // Throws std::logic_error, if there is none.
    [[nodiscard]] detail::network& network(const char* attempt);
    [[nodiscard]] caf_faces& faces() noexcept { return *faces_; }
    [[nodiscard]] caf_host::caf_statistics statistics();
    [[nodiscard]] bool is_on_workers() const noexcept { return is_on_workers_; }

 private:
    void make_system();
    [[nodiscard]] task<> end_system();
    [[nodiscard]] task<bool> wait_for_actors(bool asking);
    [[nodiscard]] task<> close_faces();

    // Constant.
    nursery& around_;
    const duration grace_;
    const bool is_on_workers_;
    caf_host host_{*this};

    std::unique_ptr<caf::actor_system_config> own_config_;  // null: the user's
    caf::actor_system_config& config_;

    // What the system stands on: goes after it.
    const std::shared_ptr<actor_roster> roster_ = std::make_shared<actor_roster>();
    job_pool pool_;
    caf_clock clock_;
    std::optional<detail::network> network_;
    std::optional<caf::actor_system> system_;
    router_ref router_;                                                       // goes before it
    const std::shared_ptr<caf_faces> faces_ = std::make_shared<caf_faces>();  // dead before it goes
};

}  // namespace covey::detail
