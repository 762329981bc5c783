// SPDX-License-Identifier: BSL-1.0
#include "actor_roster.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <vector>

namespace covey::detail {

using lowlevel::locked;

class actor_roster::entry final : public caf::attachable, public lowlevel::list_hook {
 public:
    entry(std::shared_ptr<actor_roster> roster, caf::scheduled_actor& actor)
        : roster_(std::move(roster)), actor_(actor.ctrl()) {}
    ~entry() override { roster_->leave(*this); }

    void actor_exited(const caf::error&, caf::execution_unit*) override { roster_->leave(*this); }
    [[nodiscard]] caf::strong_actor_ptr lock() const noexcept { return actor_.lock(); }

 private:
    const std::shared_ptr<actor_roster> roster_;
    const caf::weak_actor_ptr actor_;
};

void actor_roster::add(caf::scheduled_actor& actor) {
    auto made = std::make_unique<entry>(shared_from_this(), actor);
    {
        const locked held(lock_);
        entries_.push_back(*made);
    }
    actor.attach(std::move(made));
}

void actor_roster::leave(entry& gone) noexcept {
    const locked held(lock_);
    if (!gone.is_linked()) return;
    entries_.remove(gone);
    if (entries_.empty() && bell_ != nullptr) bell_->ring();
}

void actor_roster::ask_to_end(caf::exit_reason reason) {
    std::vector<caf::strong_actor_ptr> alive;
    {
        const locked held(lock_);
        for (const entry* each = entries_.front(); each != nullptr; each = entries_.after(*each))
            if (caf::strong_actor_ptr actor = each->lock()) alive.push_back(std::move(actor));
    }
    for (const caf::strong_actor_ptr& each : alive) caf::anon_send_exit(each, reason);
}

void actor_roster::ring_when_empty(lowlevel::alarm* bell) noexcept {
    const locked held(lock_);
    bell_ = bell;
}

bool actor_roster::empty() noexcept {
    const locked held(lock_);
    return entries_.empty();
}

}  // namespace covey::detail
