// SPDX-License-Identifier: BSL-1.0
//
// A CAF actor as the child of a task.
//
//     asked to end (soft cancellation) -> exit message, user_shutdown
//     cancelled                        -> the same, if it wasn't asked before, and the host's grace
//                                         to follow; then killed
//
// Whichever comes: the task ends when the actor has ended.
#include "caf_core.hpp"

#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/timeout.hpp>

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>

#include <utility>

namespace covey::detail {

namespace {

// An actor, while a task stands for it.
class adopted_actor {
 public:
    explicit adopted_actor(caf::strong_actor_ptr actor)
        : actor_(std::move(actor)), end_(std::make_shared<ending>()) {
        // Told at once if it has ended already; else on whatever thread it ends, with CAF's locks.
        actor_->get()->attach_functor([end = end_](const caf::error& reason) {
            end->reason = reason;
            end->happened.set();
        });
    }
    adopted_actor(const adopted_actor&) = delete;
    adopted_actor& operator=(const adopted_actor&) = delete;
    // Where shields are pierced, nobody can wait any more.
    ~adopted_actor() { kill(); }

    [[nodiscard]] event& ended() noexcept { return end_->happened; }
    [[nodiscard]] bool was_asked() const noexcept { return was_asked_; }
    void ask() {
        if (!std::exchange(was_asked_, true)) send_exit(caf::exit_reason::user_shutdown);
    }
    void kill() {
        if (!end_->happened.is_set()) send_exit(caf::exit_reason::kill);
    }

    void rethrow_failure() const {
        const caf::error& reason = end_->reason;
        if (!reason || reason == caf::exit_reason::normal) return;
        if (was_asked_ && reason == caf::exit_reason::user_shutdown) return;
        throw caf_error(fmt::format("covey: CAF actor {} has ended: {}", actor_->id(),
                                    actor_->home_system->render(reason)),
                        reason);
    }

 private:
    struct ending {
        caf::error reason;  // before it happened
        event happened;
    };

    void send_exit(caf::exit_reason reason) {
        caf::anon_send_exit(caf::actor_cast<caf::actor>(actor_), reason);
    }

    const caf::strong_actor_ptr actor_;
    const std::shared_ptr<ending> end_;
    bool was_asked_ = false;
};

// Until it has ended; on the way it is asked to, if the task is.
task<> wait_politely(adopted_actor& actor) {
    co_await with_nursery([&](nursery& inside) -> task<> {
        inside.start_service([&]() -> task<> {
            co_await inside.scope().until_soft_cancelled();
            co_await checkpoint_if_cancelled();  // that comes with its own asking
            actor.ask();
        });
        co_await actor.ended().wait();
    });
}

task<> see_to_its_end(adopted_actor& actor, duration grace) {
    if (!actor.was_asked()) {
        actor.ask();
        co_await move_on_after(grace, [&] { return actor.ended().wait(); });
    }
    actor.kill();
    co_await actor.ended().wait();
}

}  // namespace

task<> caf_core::adopt(caf::strong_actor_ptr actor) {
    co_await stands_for_its_caller();
    if (!actor) throw std::invalid_argument("covey: adopt() of no CAF actor: the handle is empty");
    adopted_actor adopted(std::move(actor));
    co_await finally([&] { return wait_politely(adopted); },
                     [&] { return see_to_its_end(adopted, grace_); });
    adopted.rethrow_failure();
}

task<> adopt_caf_actor(caf_core& core, caf::strong_actor_ptr actor) {
    return core.adopt(std::move(actor));
}

}  // namespace covey::detail
