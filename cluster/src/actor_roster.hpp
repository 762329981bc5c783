// SPDX-License-Identifier: BSL-1.0
#pragma once

// The actors that a block waits for.
//
// What       Every actor that runs on the workers, isn't hidden and hasn't ended. CAF counts them,
//            but can't say who they are, nor tell a task when the last one has ended.
// Invariants An actor is seen when it is made ready for the first time, before it can run. An entry
//            is attached to its actor, and leaves the roster when that ends.
// Threads    Any. lock_ is held for a few links; nothing is taken under it.
// Lifetime   Shared by the entries: an actor may outlive its system in somebody's handle.

#include "caf_version.hpp"

#include <covey/lowlevel/alarm.hpp>

#include <caf/attachable.hpp>
#include <caf/exit_reason.hpp>
#include <caf/fwd.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/weak_intrusive_ptr.hpp>

#include <memory>

namespace covey::detail {

class actor_roster : public std::enable_shared_from_this<actor_roster> {
 public:
    actor_roster() = default;
    actor_roster(const actor_roster&) = delete;
    actor_roster& operator=(const actor_roster&) = delete;

    // It has never been run.
    [[nodiscard]] static bool is_new(const caf::scheduled_actor& actor) noexcept {
        return !actor.getf(caf::abstract_actor::is_initialized_flag);
    }
    // Before an actor is made ready.
    void see(caf::scheduled_actor& actor) {
        if (is_new(actor) && actor.getf(caf::abstract_actor::is_registered_flag)) add(actor);
    }

    // Sends all of them the exit message.
    void ask_to_end(caf::exit_reason reason);

    // From now on the bell rings when the last one ends; null: not any more.
    void ring_when_empty(lowlevel::alarm* bell) noexcept;
    [[nodiscard]] bool empty() noexcept;

 private:
    class entry;

    void add(caf::scheduled_actor& actor);
    void leave(entry& gone) noexcept;

    lowlevel::spin_lock lock_;
    lowlevel::intrusive_list<entry> entries_;  // guarded by lock_
    lowlevel::alarm* bell_ = nullptr;          // guarded by lock_, and rung with it held
};

}  // namespace covey::detail
