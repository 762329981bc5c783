// SPDX-License-Identifier: BSL-1.0
#pragma once

// CAF's timers, on the clock of the run.
//
// What       What is to be sent when, by time; a task sends what is due and sleeps until the next.
// Threads    Any. lock_ guards the two tables; nothing is sent and no actor let go of under it,
//            because an actor's end cancels its timers.
// Lifetime   A timer keeps its actor. cancel_all() lets go of all of them, and returns when nothing
//            is being sent: after it the system may go. The task ends after stop().

#include "caf_version.hpp"

#include <covey/clock.hpp>
#include <covey/lowlevel/alarm.hpp>
#include <covey/lowlevel/thread.hpp>
#include <covey/task.hpp>

#include <caf/actor_clock.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/group.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <map>
#include <unordered_map>

namespace covey::detail {

class caf_clock final : public caf::actor_clock {
 public:
    // In a task of the run.
    caf_clock();
    ~caf_clock() override;

    // Sends what is due until stop(). No cancellation ends it.
    [[nodiscard]] task<> run();
    void stop() noexcept;

    [[nodiscard]] std::size_t armed() const;

    [[nodiscard]] time_point now() const noexcept override;
    void set_ordinary_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type,
                              std::uint64_t id) override;
    void set_multi_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type,
                           std::uint64_t id) override;
    void set_request_timeout(time_point when, caf::abstract_actor* self,
                             caf::message_id id) override;
    void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
    void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
    void cancel_timeouts(caf::abstract_actor* self) override;
    void schedule_message(time_point when, caf::strong_actor_ptr receiver,
                          caf::mailbox_element_ptr content) override;
    void schedule_message(time_point when, caf::group target, caf::strong_actor_ptr sender,
                          caf::message content) override;
    void cancel_all() override;

 private:
    enum class kind : std::uint8_t { ordinary, multi, request, message, group_message };
    struct timer;
    using schedule = std::multimap<time_point, timer>;
    using timers_of_actors = std::unordered_multimap<caf::actor_id, schedule::iterator>;

    void add(time_point when, timer what);
    template <class Predicate>
    void cancel(caf::actor_id of, Predicate is_meant);
    void send_due();
    [[nodiscard]] schedule take_due();
    static void send(timer& due);
    [[nodiscard]] covey::time_point next() const;

    // Constant.
    const clock_source& source_;

    lowlevel::alarm bell_;  // there is a new first timer, or it is over
    lowlevel::atomic<bool> stopped_{false};

    mutable lowlevel::mutex lock_;
    schedule schedule_;          // guarded by lock_
    timers_of_actors of_actor_;  // guarded by lock_: those that can be cancelled
    bool is_sending_ = false;    // guarded by lock_: what was due
    lowlevel::condition sent_;   // it isn't any more
};

}  // namespace covey::detail
